/** VAL-1 … VAL-7 between processes; what the types can hold is the same code as for threads, in test/shared. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isMain } from "heddle";
import {
  bool,
  float32,
  float64,
  int16,
  int32,
  int64,
  int8,
  Process,
  RLock,
  SharedArray,
  uint16,
  uint32,
  uint64,
  uint8,
  Value,
} from "heddle/multiprocessing";

type Plain = number | bigint | boolean;

function assign(value: Value<Plain>, to: Plain): void {
  value.value = to;
}

function increment(value: Value, atomic: Value, times: number): void {
  for (let i = 0; i < times; i++) {
    using _ = value.lock.acquireSync();
    value.value++;
    atomic.add(1);
  }
}

function sumUp(numbers: SharedArray): void {
  for (let i = 1; i < numbers.length; i++) numbers.set(i, numbers.at(i)! + numbers.at(i - 1)!);
}

if (isMain(import.meta)) {
  test("VAL-1 what a child assigns is seen here, for every type", async () => {
    const values: readonly (readonly [Value<never>, Plain])[] = [
      [new Value(int8, 0), -100],
      [new Value(uint8, 0), 200],
      [new Value(int16, 0), -30_000],
      [new Value(uint16, 0), 60_000],
      [new Value(int32, 0), -2_000_000_000],
      [new Value(uint32, 0), 4_000_000_000],
      [new Value(int64, 0n), -(2n ** 62n)],
      [new Value(uint64, 0n), 2n ** 63n],
      [new Value(float32, 0), 0.5],
      [new Value(float64, 0), 0.1],
      [new Value(bool, false), true],
    ] as never;
    const child = new Process({
      target: (given: readonly (readonly [Value<Plain>, Plain])[]) => {
        for (const [value, to] of given) assign(value, to);
      },
      args: [values as never],
    });
    await child.start().join();
    for (const [value, expected] of values) assert.equal(value.value, expected);
  });

  test("VAL-2 4 processes × 5000 increments, under the lock and by an atomic add", async () => {
    const [locked, atomic] = [new Value(int32, 0), new Value(int32, 0)];
    const children = Array.from({ length: 4 }, () =>
      new Process({ target: increment, args: [locked, atomic, 5000] }).start(),
    );
    for (const child of children) await child.join();
    assert.deepEqual([locked.value, atomic.value], [20_000, 20_000]);
  });

  test("VAL-3 the lock is the same in every process; one that is given is used", async () => {
    const given = new RLock();
    for (const value of [new Value(int32, 0), new Value(int32, 0, { lock: given })]) {
      const lock = value.lock.acquireSync();
      const child = new Process({
        target: (other: Value) => other.lock.acquireSync({ timeout: 50 }) === undefined,
        args: [value],
      });
      assert.equal(await child.start().join(), true);
      lock.release();
    }
    assert.equal(new Value(int32, 0, { lock: given }).lock, given);
  });

  test("VAL-4 VAL-5 VAL-6 an array of a length is all zero; what does not fit is an error, in a child too", async () => {
    for (let round = 0; round < 3; round++) {
      const numbers = new SharedArray(int8, 1000);
      assert.ok(numbers.data.every((n) => n === 0));
      numbers.data.fill(7);
    }
    const numbers = new SharedArray(int8, [1, 2, 3]);
    for (const [index, value, error] of [
      [3, 0, "ValueError"],
      [0, 200, "ValueError"],
      [0, 1.5, "TypeError"],
    ] as const) {
      const child = new Process({
        target: (other: SharedArray, at: number, to: number) => {
          try {
            other.set(at, to);
            return "set";
          } catch (error) {
            return (error as Error).name;
          }
        },
        args: [numbers, index, value],
      });
      assert.equal(await child.start().join(), error, `${value} at ${index}`);
    }
    assert.deepEqual([...numbers], [1, 2, 3]);
  });

  test("VAL-7 prefix sums made in place by a process", async () => {
    const numbers = new SharedArray(
      float64,
      Array.from({ length: 1000 }, (_, i) => i),
    );
    await new Process({ target: sumUp, args: [numbers] }).start().join();
    assert.ok([...numbers].every((n, i) => n === (i * (i + 1)) / 2));
  });
}
