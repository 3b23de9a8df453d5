/** Python's cases for threading.local (LOC) and werkzeug.local (LOCAL, LSTACK, LPROXY, LMAN), by number. @module */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { isMain } from "heddle";
import { createTask, gather, sleep } from "heddle/asyncio";
import { ContextVar, copyContext } from "heddle/contextvars";
import {
  getCurrentObject,
  isBound,
  Local,
  LocalManager,
  LocalProxy,
  localProxy,
  LocalStack,
  releaseLocal,
} from "heddle/local";
import * as threading from "heddle/threading";
import { Barrier, Event, getIdent, RuntimeError, spawn, Thread } from "heddle/threading";
import { load } from "../../src/core/atomics.ts";
import { ADDRESS } from "../../src/core/handles.ts";
import { OBJECT } from "../../src/core/layout.ts";
import { memory } from "../../src/core/program.ts";
import { type Attributes, local, pushAndRead, readNum, setAndRead, stack, useCounted } from "../local/programs.ts";

if (isMain(import.meta)) {
  test("LOC-1 LOCAL-1 LOCAL-2 a value set in main is missing in a new thread", async () => {
    local.num = 1;
    assert.equal(await new Thread({ target: readNum }).start().join(), undefined);
    assert.equal(local.num, 1);
    assert.equal(threading.Local, Local);
  });

  test("LOC-2 what a thread sets changes nothing in main", async () => {
    local.num = 1;
    assert.equal(await spawn(setAndRead, new Barrier(1), 2).join(), 2);
    assert.equal(local.num, 1);
  });

  test("LOC-3 the first attributes are made once in each thread that asks", async () => {
    assert.deepEqual(useCounted(), [1, ["x"], 1]);
    assert.deepEqual(useCounted(), [1, ["x", "x"], 1]);
    assert.deepEqual(await spawn(useCounted).join(), [1, ["x"], 1]);
    assert.deepEqual(await spawn(useCounted).join(), [1, ["x"], 1]);
  });

  test("LOC-5 LOCAL-3 a deleted attribute is missing; deleting it again is no error", () => {
    const mine = new Local<Attributes>();
    mine.num = 1;
    delete mine.num;
    assert.equal(mine.num, undefined);
    assert.equal("num" in mine, false);
    delete mine.num;
  });

  test("LOC-7 a Local takes no other argument", () => {
    assert.throws(() => new Local(1 as never), TypeError);
  });

  test("LOC-8 ten threads each read back their own", async () => {
    const barrier = new Barrier(10);
    const threads = Array.from({ length: 10 }, (_, i) => spawn(setAndRead, barrier, i));
    assert.deepEqual(await Promise.all(threads.map((thread) => thread.join())), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test("LOCAL-4 flows that take turns read back their own", async () => {
    const mine = new Local<Attributes>();
    const results = await Promise.all(
      ["a", "b", "c"].map((name) =>
        copyContext().run(async () => {
          mine.name = name;
          await sleep(1);
          return mine.name;
        }),
      ),
    );
    assert.deepEqual(results, ["a", "b", "c"]);
    assert.equal(mine.name, undefined);
  });

  test("LOCAL-5 so do tasks", async () => {
    const mine = new Local<Attributes>();
    mine.name = "main";
    const results = await gather(
      ...["a", "b", "c"].map((name) => async () => {
        const before = mine.name;
        mine.name = name;
        await sleep(1);
        return [before, mine.name];
      }),
    );
    assert.deepEqual(results, [
      ["main", "a"],
      ["main", "b"],
      ["main", "c"],
    ]);
    assert.equal(mine.name, "main");
  });

  test("LOCAL-6 releaseLocal empties it for this context only", () => {
    const mine = new Local<Attributes>();
    mine.num = 1;
    copyContext().run(() => {
      releaseLocal(mine);
      assert.equal(mine.num, undefined);
      assert.deepEqual([...mine], []);
    });
    assert.equal(mine.num, 1);
    assert.throws(() => releaseLocal({} as never), TypeError);
  });

  test("LOCAL-7 iterating gives pairs; keys, in, Object.entries and console.log see the attributes", () => {
    const mine = new Local<Attributes>();
    mine.num = 1;
    mine.name = "x";
    assert.deepEqual(
      [...mine],
      [
        ["num", 1],
        ["name", "x"],
      ],
    );
    assert.deepEqual(Object.keys(mine), ["num", "name"]);
    assert.deepEqual(Object.assign({}, mine), { num: 1, name: "x" });
    assert.ok("num" in mine && !("other" in mine));
    assert.equal(JSON.stringify(mine), '{"num":1,"name":"x"}');
    assert.equal(inspect(mine), "Local { num: 1, name: 'x' }");
    assert.equal(`${mine as unknown as string}`, "<Local>");
    assert.ok(mine instanceof Local);
    assert.deepEqual(Object.keys(Object.assign(mine, { num: 2 })), ["num", "name"]);
    assert.throws(() => Object.freeze(mine), TypeError);
  });

  test("LOCAL-8 what a copied context changes shows nowhere else", () => {
    const mine = new Local<Attributes>();
    mine.num = 1;
    copyContext().run(() => {
      assert.equal(mine.num, 1);
      mine.num = 2;
    });
    assert.equal(mine.num, 1);
  });

  test("a Local may have methods, and keep its attributes in a variable of the user's", () => {
    class Account extends Local<{ balance: number }> {
      deposit(amount: number): number {
        const self = this as unknown as { balance?: number };
        return (self.balance = (self.balance ?? 0) + amount);
      }
    }
    const account = new Account();
    account.deposit(1);
    assert.equal(account.deposit(2), 3);
    assert.deepEqual([...account], [["balance", 3]]);
    const variable = new ContextVar<ReadonlyMap<PropertyKey, unknown>>("attributes");
    const mine = new Local<Attributes>(variable);
    copyContext().run(() => {
      mine.num = 1;
      assert.deepEqual([...variable.get()], [["num", 1]]);
    });
  });

  test("LSTACK-1 push, pop, top, and pop of an empty one", () => {
    const mine = new LocalStack<number>();
    assert.deepEqual(mine.push(42), [42]);
    assert.deepEqual(mine.push(23), [42, 23]);
    assert.equal(mine.top, 23);
    assert.equal(mine.pop(), 23);
    assert.equal(mine.top, 42);
    assert.equal(mine.pop(), 42);
    assert.equal(mine.top, undefined);
    assert.equal(mine.pop(), undefined);
    assert.equal(mine.pop(), undefined);
  });

  test("LSTACK-2 a thread begins with nothing, and what it pushes shows only there", async () => {
    stack.push(1);
    assert.deepEqual(await spawn(pushAndRead).join(), [undefined, 2]);
    assert.equal(stack.pop(), 1);
    assert.equal(stack.top, undefined);
  });

  test("LSTACK-3 each task has its parent's items and its own", async () => {
    const mine = new LocalStack<string>();
    mine.push("parent");
    const stacks = await gather(
      ...["a", "b"].map((name) => async () => {
        mine.push(name);
        await sleep(1);
        return [mine.pop(), mine.pop(), mine.pop()];
      }),
    );
    assert.deepEqual(stacks, [
      ["a", "parent", undefined],
      ["b", "parent", undefined],
    ]);
    assert.equal(mine.top, "parent");
  });

  test("LSTACK-4 a pop in a copied context leaves the parent's stack alone", () => {
    const mine = new LocalStack<string>();
    mine.push("a");
    mine.push("b");
    copyContext().run(() => {
      mine.pop();
      assert.equal(mine.top, "a");
    });
    assert.equal(mine.top, "b");
  });

  test("LSTACK-5 a proxy follows pushes and pops, and is unbound when the stack is empty", () => {
    const mine = new LocalStack<{ n: number }>();
    const top = mine.proxy();
    assert.equal(isBound(top), false);
    assert.throws(() => top.n, RuntimeError);
    mine.push({ n: 1 });
    assert.equal(top.n, 1);
    mine.push({ n: 2 });
    assert.equal(top.n, 2);
    mine.pop();
    assert.equal(top.n, 1);
    mine.pop();
    assert.equal(isBound(top), false);
  });

  test("LSTACK-6 0 on top is bound; undefined and null are not", () => {
    const mine = new LocalStack<unknown>();
    const top = mine.proxy();
    for (const [value, bound] of [
      [0, true],
      ["", true],
      [false, true],
      [undefined, false],
      [null, false],
    ] as const) {
      mine.push(value);
      assert.equal(isBound(top), bound, String(value));
    }
  });

  test("LSTACK-7 releaseLocal empties a stack", () => {
    const mine = new LocalStack<number>();
    mine.push(1);
    mine.push(2);
    releaseLocal(mine);
    assert.equal(mine.top, undefined);
  });

  test("LMAN-1 LMAN-5 cleanup releases all that are listed, and can be called again", () => {
    const [a, b, other] = [new Local<Attributes>(), new LocalStack<number>(), new Local<Attributes>()];
    const manager = new LocalManager([a, b]);
    a.num = 1;
    b.push(1);
    other.num = 1;
    manager.cleanup();
    manager.cleanup();
    assert.deepEqual([a.num, b.top, other.num], [undefined, undefined, 1]);
    manager.locals.push(other);
    manager.cleanup();
    assert.equal(other.num, undefined);
  });

  test("LMAN-3 a single Local is put into a list; a bare stack is an error", () => {
    const mine = new Local<Attributes>();
    assert.deepEqual(new LocalManager(mine).locals, [mine]);
    assert.deepEqual(new LocalManager().locals, []);
    assert.throws(() => new LocalManager(new LocalStack() as never), TypeError);
    assert.throws(() => new LocalManager([{}] as never), TypeError);
    assert.throws(() => new LocalManager(5 as never), TypeError);
  });

  test("LMAN-4 its text tells how many there are", () => {
    assert.equal(String(new LocalManager([new Local(), new LocalStack()])), "<LocalManager storages: 2>");
  });

  test("LMAN-6 cleanup is for the current context", () => {
    const mine = new Local<Attributes>();
    mine.num = 1;
    const manager = new LocalManager([mine]);
    copyContext().run(() => manager.cleanup());
    assert.equal(mine.num, 1);
  });

  test("a Local and a stack that a function captured are one and the same there, and empty at first", async () => {
    const [mine, stack] = [new Local<Attributes>(), new LocalStack<number>()];
    mine.num = 1;
    stack.push(1);
    const again = { mine };
    const seen = await spawn(() => {
      const before = [mine.num, stack.top];
      again.mine.num = 5;
      stack.push(6);
      return [before, mine.num, stack.top, again.mine === mine];
    }).join();
    assert.deepEqual(seen, [[undefined, undefined], 5, 6, true]);
    assert.deepEqual([mine.num, stack.top], [1, 1]);
    assert.equal(await spawn((l: Local<Attributes>) => l === local, local).join(), true);
    assert.equal(await spawn((s: LocalStack<number>) => s, stack).join(), stack);
  });

  test("a Local that a function captured makes its first attributes there", async () => {
    const first = { n: 1 };
    const mine = new Local(() => ({ ...first, in: getIdent() }));
    assert.deepEqual([mine.n, mine.in], [1, getIdent()]);
    mine.n = 2;
    const thread = spawn(() => [mine.n, mine.in]);
    assert.deepEqual(await thread.join(), [1, thread.ident]);
  });

  test("given a context, a thread begins with its Locals and stacks", async () => {
    const mine = new Local<Attributes>();
    const context = copyContext();
    context.run(() => {
      local.num = 7;
      stack.push(8);
      mine.name = "captured";
    });
    const target = (): unknown => [readNum(), pushAndRead(), mine.name];
    assert.deepEqual(await new Thread({ target, context }).start().join(), [7, [8, 2], "captured"]);
    assert.equal(stack.top, undefined);
  });

  test("LOC-6 what a thread kept in a Local is released when it ends", async () => {
    const event = new Event();
    const before = references(event);
    await spawn(
      (mine: Local<{ event: Event }>, event: Event) => {
        mine.event = event;
      },
      new Local<{ event: Event }>(),
      event,
    ).join();
    // The thread is waited for until it has ended; its worker goes a moment later.
    while (references(event) !== before) await sleep(1);
  });

  test("a task and a proxy of a Local's attribute", async () => {
    const mine = new Local<{ user: { name: string } }>();
    const user = localProxy(mine, "user");
    assert.equal(isBound(user), false);
    mine.user = { name: "main" };
    const inTask = createTask(() => {
      mine.user = { name: "task" };
      return user.name;
    });
    assert.equal(await inTask, "task");
    assert.equal(user.name, "main");
    assert.equal(getCurrentObject(user), mine.user);
    assert.ok((user as unknown) instanceof LocalProxy);
  });
}

function references(event: Event): number {
  return load(memory.words, (event as unknown as { [ADDRESS]: number })[ADDRESS] + OBJECT.references);
}
