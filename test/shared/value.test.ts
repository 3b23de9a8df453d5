/** Value: types, atomic operations, the lock, bad input; and the cases of Python's Value by their ids. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { ValueError } from "heddle/errors";
import {
  bool,
  type DataType,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  uint16,
  uint32,
  uint64,
  uint8,
  Value,
} from "heddle/shared";
import { Lock, RLock } from "heddle/threading";
import { Kit } from "../conformance/kit.ts";
import { threads } from "../conformance/thread-backend.ts";
import { assign, type Counters, countLocked, hammer, make, sameLock, takeLock } from "./value-work.ts";

const kit = new Kit(threads);
after(() => kit.close());

const integers: readonly (readonly [DataType<number>, number, number])[] = [
  [int8, -128, 127],
  [uint8, 0, 255],
  [int16, -32_768, 32_767],
  [uint16, 0, 65_535],
  [int32, -(2 ** 31), 2 ** 31 - 1],
  [uint32, 0, 2 ** 32 - 1],
];
const longs: readonly (readonly [DataType<bigint>, bigint, bigint])[] = [
  [int64, -(2n ** 63n), 2n ** 63n - 1n],
  [uint64, 0n, 2n ** 64n - 1n],
];

test("VAL-1 what a thread assigns is seen here, for every type", async () => {
  const assigned: [Value<never>, unknown][] = [
    ...integers.flatMap(([type, least, most]) => [
      [new Value(type), least],
      [new Value(type), most],
    ]),
    ...longs.flatMap(([type, least, most]) => [
      [new Value(type), least],
      [new Value(type), most],
    ]),
    [new Value(float32), Math.fround(0.1)],
    [new Value(float64), 0.1],
    [new Value(float64), -0],
    [new Value(float64), NaN],
    [new Value(float64), -Infinity],
    [new Value(bool), true],
  ] as never;
  for (const [value, to] of assigned) {
    const before = await kit.run(assign, value, to as never);
    assert.equal(before, typeof to === "bigint" ? 0n : typeof to === "boolean" ? false : 0, String(value));
    assert.ok(Object.is(value.value, to), `${String(value)} should be ${String(to)}`);
  }
});

test("VAL-2 4 threads × 5000 increments under the lock", async () => {
  const value = new Value(int32);
  await Promise.all([1, 2, 3, 4].map(() => kit.run(countLocked, value, 5000)));
  assert.equal(value.value, 20_000);
});

test("VAL-3 the lock is the same in every thread; one that is given is used", async () => {
  const own = new Value(int32);
  // The thread is the first that asks.
  assert.equal(await kit.run(takeLock, own), true);
  assert.ok(own.lock instanceof RLock);
  assert.equal(await kit.run(sameLock, own, own.lock), true);
  const lock = new RLock();
  const given = new Value(int32, 5, { lock });
  assert.equal(given.lock, lock);
  assert.equal(await kit.run(sameLock, given, lock), true);
  assert.throws(() => new Value(int32, 5, { lock: "x" } as never), TypeError);
  assert.throws(() => new Value(int32, 5, { lock: new Lock() } as never), /lock must be an RLock/);
  assert.throws(() => new Value(int32, 5, true as never), TypeError);
});

test("VAL-6 what the type cannot hold is an error and changes nothing: no wrap", () => {
  for (const [type, least, most] of integers) {
    const value = new Value(type, 7);
    for (const wrong of [least - 1, most + 1, NaN, Infinity, -Infinity]) {
      assert.throws(() => (value.value = wrong), ValueError, `${type.name} ${wrong}`);
      assert.throws(() => value.exchange(wrong), ValueError);
      assert.throws(() => value.compareExchange(7, wrong), ValueError);
      assert.throws(() => value.compareExchange(wrong, 7), ValueError);
      assert.throws(() => new Value(type, wrong), ValueError);
    }
    for (const wrong of [1.5, "1", 1n, null, true, {}, [1], () => 1, Symbol("s")] as never[]) {
      assert.throws(() => (value.value = wrong), TypeError, `${type.name} ${String(wrong)}`);
      assert.throws(() => value.add(wrong), TypeError);
      assert.throws(() => value.or(wrong), TypeError);
    }
    assert.throws(() => (value.value = undefined as never), TypeError);
    assert.throws(() => value.add(most), ValueError);
    assert.throws(() => value.add(Infinity), ValueError);
    assert.throws(() => value.add(NaN), ValueError);
    assert.throws(() => value.sub(most + 8 - least), ValueError);
    assert.equal(value.value, 7);
    // A step may be larger than the type if the result fits.
    assert.equal(value.add(most - 7), 7);
    assert.equal(value.sub(most - least), most);
    assert.equal(value.value, least);
  }
  for (const [type, least, most] of longs) {
    const value = new Value(type, 7n);
    for (const wrong of [least - 1n, most + 1n]) {
      assert.throws(() => (value.value = wrong), ValueError);
      assert.throws(() => value.exchange(wrong), ValueError);
    }
    for (const wrong of [1, "1", 1.5, null, true] as never[]) {
      assert.throws(() => (value.value = wrong), TypeError);
      assert.throws(() => value.add(wrong), TypeError);
    }
    assert.throws(() => value.add(most), ValueError);
    assert.equal(value.value, 7n);
    assert.equal(value.add(most - 7n), 7n);
    assert.equal(value.sub(most - least), most);
    assert.equal(value.value, least);
  }
  assert.throws(() => new Value(float32, 1e39), ValueError);
  assert.throws(() => new Value(float32, 3e38).add(3e38), ValueError);
  assert.equal(new Value(float32, Infinity).value, Infinity);
  assert.throws(() => new Value(float64, "1" as never), TypeError);
  assert.throws(() => new Value(bool, 1 as never), TypeError);
});

test("what is no type is an error that names int32", () => {
  for (const wrong of ["int32", undefined, null, {}, Int32Array, { name: "int32", bytes: 4 }] as never[]) {
    assert.throws(() => new Value(wrong), { name: "TypeError", message: /such as int32/ });
  }
});

test("every operation gives the old value", () => {
  for (const [type] of integers) {
    const value = new Value(type, 12);
    assert.deepEqual(
      [value.add(5), value.sub(3), value.and(6), value.or(9), value.xor(5), value.exchange(1), value.value],
      [12, 17, 14, 6, 15, 10, 1],
      type.name,
    );
    assert.deepEqual([value.compareExchange(2, 3), value.value], [1, 1]);
    assert.deepEqual([value.compareExchange(1, 3), value.value], [1, 3]);
  }
  const high = new Value(uint32, 2 ** 32 - 1);
  assert.deepEqual(
    [high.and(2 ** 31), high.or(1), high.xor(2 ** 31), high.value],
    [2 ** 32 - 1, 2 ** 31, 2 ** 31 + 1, 1],
  );
  const negative = new Value(int8, -1);
  assert.deepEqual([negative.and(-128), negative.xor(-1), negative.value], [-1, -128, 127]);
  for (const [type] of longs) {
    const value = new Value(type, 12n);
    assert.deepEqual(
      [value.add(5n), value.sub(3n), value.and(6n), value.or(9n), value.xor(5n), value.exchange(1n), value.value],
      [12n, 17n, 14n, 6n, 15n, 10n, 1n],
    );
    assert.deepEqual([value.compareExchange(2n, 3n), value.compareExchange(1n, 3n), value.value], [1n, 1n, 3n]);
  }
  for (const type of [float32, float64]) {
    const value = new Value(type, 0.5);
    assert.deepEqual([value.add(1), value.sub(0.25), value.exchange(-0), value.value], [0.5, 1.5, 1.25, -0]);
    assert.deepEqual([value.compareExchange(0, NaN), value.value], [-0, NaN]);
    assert.deepEqual([value.compareExchange(NaN, 2), value.compareExchange(3, 4), value.value], [NaN, 2, 2]);
    for (const operation of ["and", "or", "xor"] as const) assert.throws(() => value[operation](1), TypeError);
  }
  const flag = new Value(bool, true);
  assert.deepEqual(
    [flag.and(false), flag.or(true), flag.xor(true), flag.exchange(true), flag.value],
    [true, false, true, false, true],
  );
  assert.deepEqual([flag.compareExchange(true, false), flag.value], [true, false]);
  assert.throws(() => flag.add(true), TypeError);
  assert.throws(() => flag.sub(true), TypeError);
});

test("4 threads change the same values: every change counts", async () => {
  const counters: Counters = {
    adds: new Value(uint32),
    longAdds: new Value(int64, 2n ** 40n),
    floatAdds: new Value(float64),
    narrowFloatAdds: new Value(float32),
    exchanges: new Value(int32),
    bits: new Value(uint16, 0xffff),
  };
  const times = 16_000;
  const taken = await Promise.all([1, 2, 3, 4].map((seed) => kit.run(hammer, counters, seed, times)));
  assert.equal(counters.adds.value, 10 * times);
  assert.equal(counters.longAdds.value, 2n ** 40n + 12n * BigInt(times));
  assert.equal(counters.floatAdds.value, 2 * times);
  assert.equal(counters.narrowFloatAdds.value, times);
  assert.equal(taken.reduce((a, b) => a + b) + counters.exchanges.value, 4 * times);
  assert.equal(counters.bits.value, 0xffff, "4 threads × 1000 flips of each bit");
});

test("a type can be sent, and a Value that a thread made arrives here", async () => {
  const value = await kit.run(make, uint16, 99);
  assert.equal(value.value, 99);
  assert.equal(value.type, uint16);
  assert.equal(String(value), "<Value uint16 99>");
});
