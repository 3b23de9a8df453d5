/** SharedArray: elements, the typed array and its travels, bad input; and the cases of Python's Array by their ids. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { NotSendableError, ValueError } from "heddle/errors";
import {
  bool,
  type DataType,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  SharedArray,
  uint16,
  uint32,
  uint64,
  uint8,
} from "heddle/shared";
import { RLock, spawn } from "heddle/threading";
import { Queue } from "heddle/queue";
import { Kit } from "../conformance/kit.ts";
import { threads } from "../conformance/thread-backend.ts";
import { countAtomics, countLocked, echo, fillHalf, isSame, partsOf, prefixSums, typeName } from "./array-work.ts";
import { collectTurns, collectUntil, largePages } from "./collect.ts";

const kit = new Kit(threads);
after(() => kit.close());

const numbers: readonly [DataType<number>, Function][] = [
  [int8, Int8Array],
  [uint8, Uint8Array],
  [int16, Int16Array],
  [uint16, Uint16Array],
  [int32, Int32Array],
  [uint32, Uint32Array],
  [float32, Float32Array],
  [float64, Float64Array],
];

test("VAL-4 all zero when made by length, also in memory used before; the values when made from values", () => {
  for (let round = 0; round < 20; round++) {
    const array = new SharedArray(int32, 1000);
    assert.ok(array.data.every((element) => element === 0));
    array.data.fill(-1);
  }
  for (const [type, constructor] of numbers) {
    for (const values of [[1, 2, 3], new Set([1, 2, 3]), Uint8Array.of(1, 2, 3)] as Iterable<number>[]) {
      const array = new SharedArray(type, values);
      assert.deepEqual([...array], [1, 2, 3], type.name);
      assert.equal(array.length, 3);
      assert.equal(array.data.constructor, constructor);
      assert.equal(array.data.length, 3);
    }
  }
  assert.deepEqual([...new SharedArray(int64, [-1n, 2n])], [-1n, 2n]);
  assert.deepEqual([...new SharedArray(uint64, [2n ** 64n - 1n])], [2n ** 64n - 1n]);
  const flags = new SharedArray(bool, [true, false, true]);
  assert.deepEqual([...flags, flags.at(1)], [true, false, true, false]);
  assert.deepEqual([...flags.data], [1, 0, 1]);
  assert.deepEqual([...new SharedArray(int8, 0)], []);
});

test("VAL-5 an index out of range, and values that do not fit, are errors and store nothing", () => {
  const array = new SharedArray(uint8, [1, 2, 3, 4]);
  assert.deepEqual([array.at(0), array.at(3), array.at(-1), array.at(-4)], [1, 4, 4, 1]);
  for (const wrong of [4, -5, 1.5, NaN, Infinity]) {
    assert.throws(() => array.at(wrong), ValueError, String(wrong));
    assert.throws(() => array.set(wrong, 1), ValueError);
    assert.throws(() => array.set([1], wrong), ValueError);
  }
  assert.throws(() => array.at("0" as never), TypeError);
  assert.throws(() => array.set([1, 2, 3, 4, 5]), ValueError);
  assert.throws(() => array.set([1, 2], 3), ValueError);
  assert.throws(() => array.set([9, 9, 256]), ValueError);
  assert.throws(() => array.set([9, 9, "9"] as never), TypeError);
  assert.throws(() => array.set(0, 256), ValueError);
  assert.throws(() => array.set(0, 0.5), TypeError);
  assert.throws(() => array.set(0, undefined as never), TypeError);
  assert.deepEqual([...array], [1, 2, 3, 4]);
  array.set([8, 9], 2);
  array.set(-4, 7);
  assert.deepEqual([...array], [7, 2, 8, 9]);
  assert.deepEqual([...array.data.slice(1, 3)], [2, 8]);
  assert.ok(!(array.data.slice().buffer instanceof SharedArrayBuffer), "a slice is a copy");
});

test("sizes and values that make no sense", () => {
  for (const wrong of [-1, 1.5, NaN, Infinity, 2 ** 31]) {
    assert.throws(() => new SharedArray(int32, wrong), ValueError, String(wrong));
  }
  for (const wrong of ["abc", undefined, null, {}, true, 5n] as never[]) {
    assert.throws(() => new SharedArray(int32, wrong), TypeError, String(wrong));
  }
  assert.throws(() => new SharedArray(int32, [1, 2.5]), { name: "TypeError", message: /element 1/ });
  assert.throws(() => new SharedArray(int8, [1, 200]), { name: "ValueError", message: /element 1/ });
  assert.throws(() => new SharedArray("int8" as never, 1), TypeError);
  assert.throws(() => new SharedArray(int8, 1, { lock: {} } as never), TypeError);
});

test("more than the program's memory may hold is an error, and everything works on", () => {
  for (let i = 0; i < 3; i++) assert.throws(() => new SharedArray(float64, 2 ** 31 - 1), /memory .* is full/);
  assert.equal(new SharedArray(float64, [1.5]).at(0), 1.5);
});

test("VAL-7 prefix sums made in place by a thread", async () => {
  const values = Array.from({ length: 500 }, (_, i) => ((i * 7919) % 101) - 50);
  const array = new SharedArray(float64, values);
  await kit.run(prefixSums, array);
  let sum = 0;
  assert.deepEqual(
    [...array],
    values.map((value) => (sum += value)),
  );
});

test("the typed array, and parts of it, arrive as the same memory", async () => {
  const array = new SharedArray(float64, 100_000);
  const data = array.data as Float64Array;
  const sizes = await Promise.all([
    kit.run(fillHalf, data.subarray(0, 40_000), 1),
    kit.run(fillHalf, data.subarray(40_000).subarray(0, 60_000), 2),
  ]);
  assert.deepEqual(sizes, [40_000, 60_000]);
  assert.equal(
    data.reduce((a, b) => a + b),
    160_000,
  );
  const back = await kit.run(echo, data);
  assert.equal(back, data, "the array's data is one object in each thread");
  assert.equal(await kit.run(isSame, array, data, array), true);
  const part = await kit.run(echo, data.subarray(1, 3));
  assert.ok(part instanceof Float64Array);
  assert.deepEqual([part.length, part.byteOffset, part.buffer], [2, data.byteOffset + 8, data.buffer]);
  const parts = await kit.run(partsOf, array as SharedArray<number>);
  assert.equal(parts.array, array);
  assert.equal(parts.same, true);
  assert.equal((parts.part as Float64Array).byteOffset, data.byteOffset + 16);
  const small = new SharedArray(bool, [true, false]);
  assert.equal(await kit.run(echo, small.data), small.data);
  assert.deepEqual(await kit.run(typeName, new SharedArray(int16, 1)), [int16, "int16"]);
  const queue = new Queue<Float64Array>();
  queue.putNowait(data.subarray(5));
  assert.equal(queue.getNowait().byteOffset, data.byteOffset + 40);
});

test("views made by hand over the program's memory cannot be sent, and neither can that memory", async () => {
  const { data } = new SharedArray(uint8, 10);
  for (const view of [
    new Uint8Array(data.buffer, data.byteOffset, 2),
    new DataView(data.buffer, data.byteOffset, 2),
    Buffer.from(data.buffer as SharedArrayBuffer, data.byteOffset, 2),
  ]) {
    assert.throws(
      () => spawn(echo, { view }),
      (error: Error) => {
        assert.ok(error instanceof NotSendableError);
        assert.match(error.message, /view: \w+ cannot be sent.*made by hand/);
        return true;
      },
    );
  }
  assert.throws(() => spawn(echo, data.buffer), /memory of the whole program/);
  // What is no part of it is nobody's business.
  const own = new Uint8Array(new SharedArrayBuffer(8), 4);
  assert.equal((await kit.run(echo, own)).length, 4);
});

test("4 threads count under the lock, and with Atomics on the data", async () => {
  const array = new SharedArray(int32, 2);
  await Promise.all([1, 2, 3, 4].map(() => kit.run(countLocked, array as SharedArray<number>, 2000)));
  assert.deepEqual([...array], [8000, 8000]);
  const words = new SharedArray(int32, 8);
  await Promise.all([1, 2, 3, 4].map(() => kit.run(countAtomics, words.data as Int32Array, 20_000)));
  assert.ok(words.data.every((n) => n === 10_000));
  const lock = new RLock();
  assert.equal(new SharedArray(int8, 1, { lock }).lock, lock);
});

// In functions of their own: what an asynchronous function once held, it may hold until it ends.
function partOfNew(): Float64Array {
  const array = new SharedArray(float64, 100_000);
  assert.equal(array.length, 100_000);
  return (array.data as Float64Array).subarray(0, 50).subarray(10, 20).fill(7);
}

/** Whatever took the place of freed memory is seen through the part. */
function overwrite(): void {
  for (let i = 0; i < 3; i++) new SharedArray(float64, 100_000).data.fill(-1);
}

test("memory lives as long as the array, its data or a part of it is in use, and no longer", async () => {
  await collectTurns();
  const before = largePages();
  const held: { part?: Float64Array } = { part: partOfNew() };
  assert.ok(largePages() >= before + 12);
  await collectTurns();
  overwrite();
  assert.deepEqual(
    [...held.part!],
    Array.from({ length: 10 }, () => 7),
  );
  delete held.part;
  await collectUntil(() => largePages() <= before, "100,000 numbers");
});
