/** Objects whose keys were met so often that functions were made for them are sent as all others are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Compiled, type ReadObject, sourceOfReader, sourceOfWriter } from "../../src/core/wire/compiled.ts";
import { compile } from "../../src/host/node/compile.ts";
import { wire } from "./support.ts";

const OFTEN = 200;

/** Keys that would end a string or a line of code, or mean something to it. */
const KEYS = [
  '"',
  "\\",
  "\n",
  "\u2028",
  "${a}",
  "`",
  "*/",
  "constructor",
  "toString",
  "hasOwnProperty",
  "1",
  "-1",
  "",
  "ü",
  "𝒳",
];

test("an object arrives the same, however often its like was sent", () => {
  const sent = wire();
  const plain = wire(true);
  for (let i = 0; i < OFTEN; i++) {
    const inner = Object.fromEntries(KEYS.map((key, at) => [key, at % 3 === 0 ? `${key}${i}` : i * at]));
    const value = { id: i, inner, list: [inner, { ...inner }, { id: 1.5, flag: i % 2 === 0 }], nothing: undefined };
    const [one, other] = [sent.send(value), plain.send(value)];
    assert.deepEqual(one, value);
    assert.deepEqual(Object.keys(one), Object.keys(other));
    assert.deepEqual(Object.keys(one.inner), Object.keys(value.inner));
    assert.equal(one.inner, one.list[0]);
    assert.equal(Object.getPrototypeOf(one.inner), Object.prototype);
    assert.deepEqual([...sent.codec.encode(value, "v").bytes], [...plain.codec.encode(value, "v").bytes]);
  }
});

test("cycles, and properties that a getter deletes", () => {
  const { send } = wire();
  for (let i = 0; i < OFTEN; i++) {
    const ring: { name: string; next?: unknown } = { name: `n${i}`, next: undefined };
    ring.next = { name: "other", next: ring };
    const back = send(ring) as { next: { next: unknown } };
    assert.equal(back.next.next, back);
    const value = {
      get first(): number {
        delete (value as { second?: number }).second;
        return i;
      },
      second: 2,
      third: 3,
    };
    const arrived = send(value);
    assert.deepEqual(Object.entries(arrived), [
      ["first", i],
      ["third", 3],
    ]);
  }
});

test("what cannot be sent is named by its path", () => {
  const { send } = wire();
  for (let i = 0; i < OFTEN; i++) {
    assert.deepEqual(send({ a: 1, deep: { b: 2, c: i } }), { a: 1, deep: { b: 2, c: i } });
  }
  assert.throws(() => send({ a: 1, deep: { b: 2, c: Symbol("s") as unknown as number } }), /value\.deep\.c/);
  const failure = new Error("mine");
  const thrower = {
    a: 1,
    get deep(): { b: number; c: number } {
      throw failure;
    },
  };
  assert.throws(() => send(thrower), failure);
  assert.deepEqual(send({ a: 1, deep: { b: 2, c: 3 } }), { a: 1, deep: { b: 2, c: 3 } });
});

test("no more functions are made than it says, and none where that is forbidden", () => {
  const made: string[] = [];
  const counting = new Compiled<ReadObject>((parameter, body) => {
    made.push(body);
    return compile(parameter, body);
  }, sourceOfReader);
  for (let shape = 0; shape < 300; shape++) {
    const known = { keys: [`k${shape}`], met: 0, run: undefined };
    for (let i = 0; i < OFTEN; i++) counting.of(known);
    assert.equal(typeof counting.of(known), shape < 256 ? "function" : "undefined");
  }
  assert.equal(made.length, 256);
  const refused = new Compiled<ReadObject>(() => undefined, sourceOfReader);
  const known = { keys: ["a"], met: 0, run: undefined };
  for (let i = 0; i < OFTEN; i++) assert.equal(refused.of(known), undefined);
});

test("keys are nothing but text in what is compiled", () => {
  const hostile = ['"]; globalThis.broken = 1; o["', "\u2029;globalThis.broken=1;//", "`${globalThis.broken = 1}`"];
  const writer = compile("keys", sourceOfWriter(hostile))!(hostile) as (w: object, o: object) => void;
  const values: unknown[] = [];
  writer(
    { write: (value: unknown) => values.push(value), absent: () => values.push("absent"), failedAt: () => undefined },
    Object.fromEntries(hostile.map((key, i) => [key, i])),
  );
  assert.deepEqual(values, [0, 1, 2]);
  assert.equal((globalThis as { broken?: unknown }).broken, undefined);
});
