/** struct: fields, nested objects, classes in other threads, memory, bad input. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { inspect } from "node:util";
import { OwnerDiedError, ValueError } from "heddle/errors";
import { bool, float64, int32, int64, int8, struct, uint8, Value } from "heddle/shared";
import { Barrier, Lock, RLock, setExcepthook, spawn } from "heddle/threading";
import { load } from "#atomics";
import { ADDRESS, attach } from "../../src/core/handles.ts";
import { OBJECT } from "../../src/core/layout.ts";
import { memory } from "../../src/core/program.ts";
import { retain } from "../../src/core/references.ts";
import { Kit } from "../conformance/kit.ts";
import { threads } from "../conformance/thread-backend.ts";
import { collectUntil, pages } from "./collect.ts";
import * as work from "./struct-work.ts";

const kit = new Kit(threads);
after(() => kit.close());

test("fields are typed, atomic properties; what is left out is 0 or made", () => {
  const Account = struct({ balance: float64, count: int32, big: int64, flag: bool, lock: RLock });
  const account = new Account({ balance: 10 });
  assert.deepEqual([account.balance, account.count, account.big, account.flag], [10, 0, 0n, false]);
  account.balance -= 0.5;
  account.count = -1;
  account.big = 2n ** 62n;
  account.flag = true;
  assert.deepEqual([account.balance, account.count, account.big, account.flag], [9.5, -1, 2n ** 62n, true]);
  assert.ok(account.lock instanceof RLock);
  assert.equal(account.lock, account.lock);
  assert.equal(
    inspect(account),
    "<Struct balance: 9.5, count: -1, big: 4611686018427387904, flag: true, lock: <RLock unlocked count=0>>",
  );
  const other = new Account();
  assert.notEqual(other.lock, account.lock);
  assert.equal(new Account({ lock: account.lock }).lock, account.lock);
});

test("unknown fields, wrong values, objects of another class", () => {
  const Account = struct({ balance: float64, count: int8, lock: RLock });
  assert.throws(() => new Account({ balanse: 1 } as never), {
    name: "ValueError",
    message: /no field balanse.*balance, count, lock/,
  });
  const account = new Account({ count: 5 });
  assert.throws(() => ((account as unknown as Record<string, number>)["balanse"] = 1), TypeError);
  assert.throws(() => new Account({ count: 128 }), { name: "ValueError", message: /count/ });
  assert.throws(() => (account.count = 128), ValueError);
  assert.throws(() => (account.count = 0.5), TypeError);
  assert.throws(() => (account.count = "1" as never), TypeError);
  assert.throws(() => (account.balance = undefined as never), TypeError);
  assert.equal(account.count, 5);
  assert.throws(() => new Account({ lock: new Lock() as never }), {
    name: "TypeError",
    message: /lock must be a RLock/,
  });
  assert.throws(() => new Account({ lock: null as never }), TypeError);
  assert.throws(() => ((account as { lock: RLock }).lock = new RLock()), {
    name: "TypeError",
    message: /cannot be replaced/,
  });
  for (const wrong of [null, 5, "x"] as never[]) assert.throws(() => new Account(wrong), TypeError);
  assert.throws(() => struct({}), ValueError);
  assert.throws(() => struct({ constructor: int32 }), ValueError);
  assert.throws(() => struct({ toString: int32 }), ValueError);
  for (const wrong of ["int32", Map, Object, null, undefined, 5, {}] as never[]) {
    assert.throws(() => struct({ a: wrong }), { name: "TypeError", message: /field a/ });
  }
  for (const wrong of [null, undefined, 5, [int32]] as never[]) assert.throws(() => struct(wrong), TypeError);
  // One whose class cannot be made without arguments must be given.
  const Meeting = struct({ all: Barrier });
  assert.throws(() => new Meeting(), /parties/);
  assert.equal(new Meeting({ all: new Barrier(3) }).all.parties, 3);
});

test("a getter of one struct is none of another's", () => {
  const [A, B] = [struct({ a: int32 }), struct({ b: uint8, lock: Lock })];
  const { get } = Object.getOwnPropertyDescriptor(A.prototype, "a")!;
  assert.throws(() => get!.call(new B()), TypeError);
  assert.throws(() => get!.call(new Lock()), TypeError);
});

test("VAL-2 4 threads × 3000 deposits under the struct's lock", async () => {
  const account = work.newAccount(10);
  await Promise.all([1, 2, 3, 4].map(() => kit.run(work.deposit, account, 3000)));
  assert.deepEqual([account.balance, account.count], [6010, 12_000]);
});

test("every kind of field, nested objects and structs among them, is the same in another thread", async () => {
  const everything = work.newEverything();
  assert.deepEqual(await kit.run(work.readEverything, everything), [1, 2n, true, 4.5, 5, -6, 1, true, false]);
  assert.equal(everything.ready.isSet, true);
  assert.equal(everything.jobs.getNowait(), "done");
  await kit.run(work.writeEverything, everything);
  assert.deepEqual(
    [everything.small, everything.long, everything.flag, everything.wide, everything.short, everything.inner.balance],
    [255, -(2n ** 63n), false, -0, 32_767, Infinity],
  );
  assert.equal(await kit.run(work.sameObject, everything, everything.inner, everything.lock), true);
  const made = await kit.run(work.newEverything);
  assert.equal(made.inner.balance, 5);
  assert.ok(work.isAccount(made.inner));
});

test("equal definitions are one class, in each thread", async () => {
  assert.equal(struct({ n: int32, lock: RLock }), struct({ n: int32, lock: RLock }));
  assert.notEqual(struct({ n: int32, lock: RLock }), struct({ lock: RLock, n: int32 }));
  const LockFirst = struct({ lock: RLock, n: int32 });
  assert.equal(await kit.run(work.defineAgain, new LockFirst()), true);
  assert.equal(await kit.run(work.defineAgain, new (struct({ n: int32, lock: RLock }))()), false);
  assert.ok(work.isAccount(await kit.run(work.newAccount, 3)));
  assert.equal(await kit.run(work.isAccount, work.newAccount(1)), true);
});

test("classes of one name are different fields", () => {
  const one = class Special extends Lock {};
  const two = class Special extends Lock {};
  const [One, Two] = [struct({ special: one }), struct({ special: two })];
  assert.notEqual(One, Two);
  assert.ok(new One().special instanceof one);
  assert.ok(new Two().special instanceof two);
});

test("a subclass brings its methods to threads that have it; a class can be sent", async () => {
  const point = new work.Point([3, 4]);
  point.label = "mine";
  assert.deepEqual(await kit.run(work.lengthOf, point), [5, true, undefined]);
  assert.equal(point.label, "mine");
  const made = await kit.run(work.newPoint);
  assert.ok(made instanceof work.Point);
  assert.equal(made.length, 10);
  const Local = struct({ a: int32 });
  const local = (await kit.run(work.makeOf, Local)) as InstanceType<typeof Local>;
  assert.ok(local instanceof Local);
  assert.equal(local.a, 42);
  const other = await spawn(work.makerOf(Local), 7).join();
  assert.ok(other instanceof Local);
  assert.equal(other.a, 7);
});

test("a struct that no loaded module defines has its fields all the same", async () => {
  const Inner = struct({ deep: float64 });
  class OwnLock extends Lock {}
  const Unknown = struct({ here: int32, inner: Inner, lock: OwnLock });
  const value = new Unknown({ here: 3 });
  assert.ok(value.lock instanceof Lock);
  const [names, hasLength] = await kit.run(work.namesOf, value as never);
  assert.deepEqual([names.sort(), hasLength], [["here", "inner", "lock"], false]);
});

function referencesTo(object: object): number {
  return load(memory.words, (object as { [ADDRESS]: number })[ADDRESS] + OBJECT.references);
}

function makeMany(lock: RLock, count: number): void {
  const Account = struct({ balance: float64, lock: RLock, inner: struct({ a: int32, own: Lock }) });
  for (let i = 0; i < count; i++) new Account({ lock, balance: i });
}

test("what a struct held is given back with it", async () => {
  const lock = new RLock();
  makeMany(lock, 50);
  assert.equal(referencesTo(lock), 51);
  await collectUntil(() => referencesTo(lock) === 1, "50 structs");
  for (let i = 0; i < 5; i++) makeMany(lock, 2000);
  await collectUntil(() => referencesTo(lock) === 1, "10,000 structs");
  const grown = pages();
  for (let i = 0; i < 5; i++) {
    makeMany(lock, 2000);
    await collectUntil(() => referencesTo(lock) === 1, "2,000 structs");
  }
  assert.equal(pages(), grown, "memory is used again");
});

test("a thread that dies with a struct's lock", async () => {
  const account = work.newAccount(0);
  account.count = 3;
  const value = new Value(int32);
  setExcepthook(() => undefined);
  const thread = spawn(work.hold, value, account);
  await assert.rejects(thread.join(), /died/);
  assert.equal(value.value, 3);
  assert.throws(() => account.lock.acquireSync(), OwnerDiedError);
  account.lock.recover().release();
  account.lock.acquireSync().release();
});

test("an address that holds no shared object cannot be attached", () => {
  const account = work.newAccount(0);
  const address = account[ADDRESS];
  retain(memory, address);
  assert.equal(attach(address), account);
  assert.throws(() => attach(address + 4), /holds no heddle object/);
});
