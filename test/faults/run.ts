/** The fault tests, of any size. */

import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { load } from "#atomics";
import { OwnerDiedError, ThreadDiedError } from "heddle/errors";
import { Queue } from "heddle/queue";
import { Lock, Semaphore, spawn, Thread } from "heddle/threading";
import { PROGRAM } from "../../src/core/layout.ts";
import { memory } from "../../src/core/program.ts";
import { borrow, consume, type Gear, increment, move, produce } from "./storm.ts";
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

/** Some put, some get; every item comes once. */
export async function exchange(total: number, threads = 4): Promise<void> {
  const queue = new Queue<number>(1000);
  const seen = new Uint8Array(new SharedArrayBuffer(total));
  const unwatch = watch({ queue }, () => queue.qsize);
  const each = total / threads;
  const consumers = Array.from({ length: threads }, () => spawn(consume, queue, seen));
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
