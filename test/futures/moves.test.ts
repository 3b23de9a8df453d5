/** Buffers that move with tasks: they go to whoever takes the task, whatever becomes of the others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BrokenThreadPool, ThreadPoolExecutor, transfer } from "heddle/futures";
import { exitWith, mark } from "./moved.ts";

const SIZE = 1 << 16;

function filled(n: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(SIZE).fill(n % 251);
}

function check(bytes: Uint8Array, n: number): void {
  assert.deepEqual([bytes.length, bytes[0], bytes[1], bytes[SIZE - 1]], [SIZE, 255, n % 251, n % 251]);
}

test("one at a time, to a worker that sleeps or looks out", async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
  for (let n = 0; n < 200; n++) {
    const bytes = filled(n);
    const future = pool.submit(mark, transfer(bytes, [bytes.buffer]));
    assert.equal(bytes.length, 0, "it has moved when submit returns");
    // Every other time the worker has gone to sleep before the next one comes.
    if (n % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    check(await future, n);
  }
});

test("many at once, to whoever gets there first", async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 3 });
  for (let round = 0; round < 5; round++) {
    const futures = Array.from({ length: 60 }, (_, n) => {
      const bytes = filled(n);
      return pool.submit(mark, transfer(bytes, [bytes.buffer]));
    });
    for (const [n, bytes] of (await Promise.all(futures)).entries()) check(bytes, n);
  }
});

test("tasks that are taken back leave nothing in the way of others", async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
  for (let n = 0; n < 200; n++) {
    const [one, other] = [filled(n), filled(n + 1)];
    const cancelled = pool.submit(mark, transfer(one, [one.buffer]));
    cancelled.cancel();
    const kept = pool.submit(mark, transfer(other, [other.buffer]));
    check(await kept, n + 1);
    await cancelled.catch(() => undefined);
    assert.ok(cancelled.done);
  }
});

test("with a worker that ends goes what it was given, and nothing else", async () => {
  await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
  for (let n = 0; n < 6; n++) {
    const [doomed, fine] = [filled(n), filled(n + 1)];
    const lost = pool.submit(exitWith, transfer(doomed, [doomed.buffer]), 3);
    const kept = pool.submit(mark, transfer(fine, [fine.buffer]));
    await assert.rejects(lost.result(), BrokenThreadPool);
    check(await kept, n + 1);
  }
});
