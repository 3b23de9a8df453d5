/** The fault tests, of any size. */

import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { load } from "#atomics";
import { Empty, Full, OwnerDiedError, ThreadDiedError } from "heddle/errors";
import { Queue } from "heddle/queue";
import { Condition, Event, Lock, Semaphore, spawn, Thread } from "heddle/threading";
import { PROGRAM } from "../../src/core/layout.ts";
import { memory } from "../../src/core/program.ts";
import { borrow, consume, type Crowd, type Gear, increment, inLock, move, pass, produce, PRODUCERS } from "./storm.ts";
import { watch } from "./watchdog.ts";

const shared = (words: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * words));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Pages of the program's memory in use, of 64 KiB. */
function pages(): number {
  return load(memory.words, PROGRAM.pageHint);
}

/** Items travel through queues while those who carry them are killed. */
export async function killMovers(kills: number, atOnce = 2): Promise<void> {
  const gear: Gear = {
    lock: new Lock(),
    permits: new Semaphore(2),
    from: new Queue(8),
    to: new Queue(8),
    pair: shared(2),
  };
  let killed = 0;
  let received = 0;
  let sent = 0;
  let producing = true;
  const { lock, permits, from, to } = gear;
  const unwatch = watch({ lock, permits, from, to }, () => `${killed} killed, ${sent} sent, ${received} received`);
  const seen = new Map<number | string, number>();
  const stop = shared(1);
  const mover = spawn(move, gear);
  const borrower = spawn(borrow, permits, stop);

  const producer = (async () => {
    // Numbers lie in the queue itself, texts in blocks of their own.
    for (; producing; sent++) await from.put(sent % 2 === 0 ? sent : `item ${sent}`);
  })();
  const consumer = (async () => {
    for await (const item of to) {
      seen.set(item, (seen.get(item) ?? 0) + 1);
      received++;
    }
  })();
  const counter = (async () => {
    while (producing) {
      try {
        await lock.acquire();
      } catch (error) {
        if (!(error instanceof OwnerDiedError)) throw error;
        // It can only fail because the other was faster.
        try {
          lock.recover();
        } catch {
          continue;
        }
        gear.pair[1] = gear.pair[0]!;
      }
      assert.equal(gear.pair[0], gear.pair[1]);
      lock.release();
      await turn();
    }
  })();

  let started = 0;
  let settled = 0;
  let before = 0;
  const executioner = async (): Promise<void> => {
    while (started < kills) {
      started++;
      const isBorrower = started % 5 === 0;
      const stopNever = shared(1);
      const victim: Thread = isBorrower
        ? (new Thread({ target: borrow, args: [permits, stopNever] }).start() as Thread)
        : (new Thread({ target: move, args: [gear] }).start() as Thread);
      const end = victim.join().then(
        () => assert.fail("a thread that never ends has ended"),
        (error: unknown) => assert.ok(error instanceof ThreadDiedError || isCancelled(error), String(error)),
      );
      // Any point will do, from before it runs to long after.
      await new Promise((resolve) => setTimeout(resolve, 30 + Math.random() * 60));
      await victim.terminate();
      await end;
      settled++;
      killed++;
      // A borrower that died between acquire and release took its permit along.
      if (isBorrower && permits.value === 0) {
        const one = await permits.acquire({ timeout: 2000 });
        permits.release(one === undefined ? 2 : 1);
      }
      // What a thread's object holds goes back when the object is collected; the collector knows nothing of that memory.
      if (killed % 50 === 0) collect();
      if (killed === Math.ceil(kills / 3)) before = pages();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, executioner));
  assert.equal(settled, kills);
  producing = false;
  await producer;
  await counter;
  Atomics.store(stop, 0, 1);
  permits.release(2);
  await borrower.join();
  from.shutdown();
  await mover.join();
  to.shutdown();
  await consumer;
  unwatch();
  for (const [item, times] of seen) assert.equal(times, 1, `item ${item} came ${times} times`);
  const lost = sent - received;
  assert.ok(lost >= 0 && lost <= kills, `${lost} items are lost with ${kills} threads`);
  assert.ok(pages() <= before + 8, `the memory grew from ${before} to ${pages()} pages`);
}

function isCancelled(error: unknown): boolean {
  return (error as { code?: unknown }).code === "ERR_HEDDLE_CANCELLED";
}

/** Threads increase one plain word under one lock. */
export async function contend(total: number, threads = 4): Promise<void> {
  const lock = new Lock();
  const word = shared(1);
  const each = total / threads;
  const unwatch = watch({ lock }, () => word[0]);
  await Promise.all(Array.from({ length: threads }, () => spawn(increment, lock, word, each).join()));
  unwatch();
  assert.equal(word[0], total);
}

/** Some put, some get; every item comes once, and those of one producer come in the order in which it put them. */
export async function exchange(total: number, threads = 4): Promise<void> {
  assert.ok(threads <= PRODUCERS);
  const queue = new Queue<number>(1000);
  const seen = new Uint8Array(new SharedArrayBuffer(total));
  const unwatch = watch({ queue }, () => queue.qsize);
  const each = total / threads;
  const consumers = Array.from({ length: threads }, () => spawn(consume, queue, seen, each));
  const producers = Array.from({ length: threads }, (_, i) => spawn(produce, queue, i * each, each));
  await Promise.all(producers.map((thread) => thread.join()));
  queue.shutdown();
  const counts = await Promise.all(consumers.map((thread) => thread.join()));
  unwatch();
  assert.equal(
    counts.reduce((a, b) => a + b),
    total,
  );
  assert.ok(seen.every((times) => times === 1));
}

/**
 * Threads that block and coroutines of one thread wait for the same lock, permits, event and queue, and often give up:
 * by a timeout, or by a signal. In the end nothing is missing.
 */
export async function crowd(milliseconds: number, threads = 3, coroutines = 8): Promise<void> {
  const crowd: Crowd = {
    lock: new Lock(),
    permits: new Semaphore(2),
    // Not the default RLock: coroutines of one thread own it together.
    condition: new Condition(new Lock()),
    queue: new Queue<number>(2),
    word: shared(1),
    inside: shared(1),
    counts: shared(3),
    stop: shared(1),
  };
  const { lock, permits, condition, queue, word, counts, stop } = crowd;
  const unwatch = watch({ lock, permits, condition, queue }, () => [...counts].join());
  const blocked = Array.from({ length: threads }, (_, i) => spawn(pass, crowd, i + 1));
  const waiting = Array.from({ length: coroutines }, (_, i) => passAsync(crowd, i + 100));
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  Atomics.store(stop, 0, 1);
  await Promise.all([...waiting, ...blocked.map((thread) => thread.join())]);
  unwatch();
  const [passes = 0, put = 0, got = 0] = counts;
  assert.equal(word[0], passes, "passes through the lock that did not count");
  assert.equal(put - got, queue.qsize, `${put} items were put, ${got} got`);
  assert.equal(permits.value, 2);
  assert.equal(lock.locked, false);
  assert.equal(crowd.inside[0], 0);
  assert.ok(passes > 100 && got > 100, `${passes} passes, ${got} items`);
}

const never = new AbortController();

/** As {@link pass}, on the event loop, with signals too. */
async function passAsync(crowd: Crowd, seed: number): Promise<void> {
  const { lock, permits, condition, queue, stop } = crowd;
  let state = seed;
  const random = (): number => (state = (Math.imul(state, 0x19660d) + 0x3c6ef35f) >>> 0) / 2 ** 32;
  while (Atomics.load(stop, 0) === 0) {
    const abort = random() < 0.3 ? new AbortController() : undefined;
    const options = { timeout: Math.floor(random() * 4), signal: (abort ?? never).signal };
    if (abort !== undefined) setImmediate(() => abort.abort(new Error("given up")));
    const what = Math.floor(random() * 5);
    try {
      if (what === 0) {
        if ((await lock.acquire(options)) === undefined) continue;
        inLock(crowd);
        lock.release();
      } else if (what === 1) {
        if ((await permits.acquire(options)) !== undefined) permits.release();
      } else if (what === 2) {
        await queue.put(seed, options);
        Atomics.add(crowd.counts, 1, 1);
      } else if (what === 3) {
        await queue.get(options);
        Atomics.add(crowd.counts, 2, 1);
      } else {
        using _ = await condition.acquire();
        if (random() < 0.5) condition.notify();
        else await condition.wait(options);
      }
    } catch (error) {
      if (!isGivenUp(error)) throw error;
    }
  }
}

function isGivenUp(error: unknown): boolean {
  return error instanceof Empty || error instanceof Full || (error instanceof Error && error.message === "given up");
}

/** Waits that are given up at once, over and over: the memory stays as it is. */
export async function giveUp(cycles: number): Promise<void> {
  const [lock, event, queue, condition] = [new Lock(), new Event(), new Queue<number>(), new Condition()];
  lock.acquireSync();
  const unwatch = watch({ lock, event, queue, condition }, () => done);
  const atOnce = 100;
  let done = 0;
  let before: { pages: number; heap: number } | undefined;
  for (; done < cycles; done += atOnce) {
    const abort = new AbortController();
    const { signal } = abort;
    setMaxListeners(0, signal);
    const waits: Promise<unknown>[] = [];
    for (let i = 0; i < atOnce; i += 4) {
      waits.push(lock.acquire({ signal }), event.wait({ signal }), queue.get({ signal }), lock.acquire({ timeout: 0 }));
    }
    abort.abort(new Error("given up"));
    const ends = await Promise.allSettled(waits);
    assert.equal(ends.filter(({ status }) => status === "rejected").length, (3 * atOnce) / 4);
    if (done % 10_000 !== 0) continue;
    // And some that block.
    for (let i = 0; i < 10; i++) {
      assert.equal(lock.acquireSync({ timeout: 0 }), undefined);
      assert.throws(() => queue.getSync({ timeout: 0 }), Empty);
    }
    await turn();
    if (done !== 10_000 * Math.ceil(cycles / 30_000)) continue;
    collect();
    before = { pages: pages(), heap: process.memoryUsage().rss };
  }
  unwatch();
  collect();
  assert.ok(before !== undefined && pages() <= before.pages, `the memory grew to ${pages()} pages`);
  const grown = (process.memoryUsage().rss - before.heap) / 2 ** 20;
  assert.ok(grown < 50, `the process grew by ${grown.toFixed(0)} MiB`);
  lock.release();
  queue.putNowait(1);
  assert.equal(queue.getNowait(), 1);
  assert.ok(lock.tryAcquire());
  lock.release();
}
