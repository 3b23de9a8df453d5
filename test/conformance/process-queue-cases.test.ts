/** MPQ-1 … MPQ-12: queues between processes, with the words of Python's cases; the suites go into the details. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isMain } from "heddle";
import { Empty, Full, NotSendableError, ShutDown, ValueError } from "heddle/errors";
import { JoinableQueue, Lock, Process, Queue, SimpleQueue } from "heddle/multiprocessing";

function putAll<T>(queue: Queue<T> | SimpleQueue<T>, items: T[]): void {
  for (const item of items) queue.putSync(item);
}

/** Items of 5 MB in all, more than any pipe holds. */
function putMuch(queue: Queue<Uint8Array>): void {
  for (let i = 0; i < 5; i++) queue.putSync(new Uint8Array(1_000_000).fill(i));
}

function work(queue: JoinableQueue<number | null>): void {
  for (let item = queue.getSync(); item !== null; item = queue.getSync()) queue.taskDone();
  queue.taskDone();
}

function start<A extends unknown[], R>(target: (...args: A) => R, ...args: A): Process<A, R> {
  return new Process({ target, args }).start();
}

/** A wait that is to give up: after no less than so many ms, with such an error. */
async function givesUp(after: number, type: new () => Error, fn: () => unknown): Promise<void> {
  const started = performance.now();
  await assert.rejects(async () => await fn(), type);
  const took = performance.now() - started;
  assert.ok(took >= after, `${took} ms`);
}

if (isMain(import.meta)) {
  test("MPQ-1 six places: six puts in every form, then Full, at once or when the time is up", async () => {
    const queue = new Queue<number>(6);
    queue.putSync(1);
    await queue.put(2);
    queue.putSync(3, { timeout: 0 });
    await queue.put(4, { timeout: 1000 });
    queue.putNowait(5);
    queue.putSync(6, { timeout: 1000 });
    assert.deepEqual([queue.qsize, queue.full], [6, true]);
    await givesUp(0, Full, () => queue.putNowait(7));
    await givesUp(0, Full, () => queue.putSync(7, { timeout: 0 }));
    await givesUp(100, Full, () => queue.putSync(7, { timeout: 100 }));
    await givesUp(100, Full, () => queue.put(7, { timeout: 100 }));
    assert.equal(queue.qsize, 6);
  });

  test("MPQ-2 four items of a child in every form of get, then Empty, at once or when the time is up", async () => {
    const queue = new Queue<number>();
    const child = start(putAll<number>, queue, [1, 2, 3, 4]);
    const got = [await queue.get(), queue.getSync(), await queue.get({ timeout: 10_000 })];
    await child.join();
    got.push(queue.getNowait());
    assert.deepEqual(got, [1, 2, 3, 4]);
    await givesUp(0, Empty, () => queue.getNowait());
    await givesUp(0, Empty, () => queue.getSync({ timeout: 0 }));
    await givesUp(100, Empty, () => queue.getSync({ timeout: 100 }));
    await givesUp(100, Empty, () => queue.get({ timeout: 100 }));
  });

  test("MPQ-3 items put before and after a process began arrive in their order", async () => {
    const queue = new Queue<number>();
    const numbers = Array.from({ length: 20 }, (_, i) => i);
    for (const n of numbers.slice(0, 10)) queue.putNowait(n);
    const child = start(
      (from: Queue<number>, count: number) => Array.from({ length: count }, () => from.getSync()),
      queue,
      20,
    );
    for (const n of numbers.slice(10)) queue.putNowait(n);
    assert.deepEqual(await child.join(), numbers);
  });

  test("MPQ-4 qsize counts: 0, 1, 2, 1, 0", async () => {
    const queue = new Queue<number>();
    const sizes = [queue.qsize];
    for (let i = 0; i < 2; i++) {
      await start(putAll<number>, queue, [i]).join();
      sizes.push(queue.qsize);
    }
    for (let i = 0; i < 2; i++) {
      queue.getNowait();
      sizes.push(queue.qsize);
    }
    assert.deepEqual(sizes, [0, 1, 2, 1, 0]);
  });

  test("MPQ-5 what cannot be sent is an error of the put, and takes no place", () => {
    const queue = new Queue<unknown>(1);
    for (let i = 0; i < 3; i++) assert.throws(() => queue.putNowait({ bad: Promise.resolve() }), NotSendableError);
    queue.putNowait(true);
    assert.equal(queue.getSync(), true);
  });

  test("MPQ-6 a queue that was shut down takes nothing more, in any process, and gives what it has", async () => {
    for (const queue of [new Queue<number>(), new JoinableQueue<number>()]) {
      queue.putNowait(1);
      const child = start((other: Queue<number>) => other.shutdown(), queue);
      await child.join();
      assert.throws(() => queue.putNowait(2), ShutDown);
      assert.equal(queue.getSync(), 1);
      await assert.rejects(queue.get(), ShutDown);
    }
  });

  test("MPQ-7 join is over with the last taskDone of four processes; one more is a ValueError", async () => {
    const queue = new JoinableQueue<number | null>();
    const workers = Array.from({ length: 4 }, () => start(work, queue));
    for (let i = 0; i < 10; i++) queue.putNowait(i);
    await queue.join();
    assert.deepEqual([queue.qsize, queue.unfinishedTasks], [0, 0]);
    for (const _ of workers) queue.putNowait(null);
    queue.joinSync();
    for (const worker of workers) await worker.join();
    assert.throws(() => queue.taskDone(), ValueError);
  });

  test("MPQ-8 Empty not before its time; a time below zero is a ValueError, as everywhere in heddle", async () => {
    const queue = new Queue<number>();
    await givesUp(200, Empty, () => queue.get({ timeout: 200 }));
    assert.throws(() => queue.getSync({ timeout: -1 }), ValueError);
  });

  test("MPQ-9 MPQ-10 no feeder: a child that has put 5 MB may end, and be joined, before anybody gets them", async () => {
    const queue = new Queue<Uint8Array>();
    await start(putMuch, queue).join();
    assert.equal(queue.qsize, 5);
    for (let i = 0; i < 5; i++) {
      const item = await queue.get();
      assert.ok(item.length === 1_000_000 && item.every((byte) => byte === i), `item ${i}`);
    }
  });

  test("MPQ-11 SimpleQueue: empty, and the same in a child", async () => {
    const queue = new SimpleQueue<number>();
    assert.equal(queue.empty, true);
    await start(putAll<number>, queue, [1, 2]).join();
    assert.equal(queue.empty, false);
    assert.deepEqual([queue.getSync(), await queue.get()], [1, 2]);
    assert.equal(queue.empty, true);
  });

  test("MPQ-12 a lock put into a queue arrives, as the same lock", async () => {
    const [queue, lock] = [new Queue<Lock>(), new Lock()];
    queue.putNowait(lock);
    assert.equal(await start((from: Queue<Lock>) => from.getSync().acquireSync().locked, queue).join(), true);
    assert.equal(lock.locked, true);
  });
}
