/** What the threads of the fault tests do. */

import { Empty, Full, OwnerDiedError, ShutDown } from "heddle/errors";
import type { Queue } from "heddle/queue";
import type { Condition, Lock, Semaphore } from "heddle/threading";
// What arrives in a thread needs its class there.
import "heddle/queue";
import "heddle/threading";

export interface Gear {
  readonly lock: Lock;
  readonly permits: Semaphore;
  readonly from: Queue<number | string>;
  readonly to: Queue<number | string>;
  /** Protected by the lock: two words that are always equal outside of it. */
  readonly pair: Int32Array;
}

/** Takes the lock, setting right what a dead owner left behind. */
function enter({ lock, pair }: Gear): void {
  for (;;) {
    try {
      lock.acquireSync();
      return;
    } catch (error) {
      if (!(error instanceof OwnerDiedError)) throw error;
    }
    try {
      lock.recover();
    } catch {
      // Somebody else was faster.
      continue;
    }
    pair[1] = pair[0]!;
    return;
  }
}

function count(gear: Gear): void {
  const { lock, pair } = gear;
  enter(gear);
  if (pair[0] !== pair[1]) throw new Error(`inside the lock: ${pair[0]} and ${pair[1]}`);
  pair[0]! += 1;
  for (let i = 0; i < 50; i++) Math.sqrt(i);
  pair[1]! += 1;
  lock.release();
}

/** Moves items from one queue to the other until the first is shut down, passing the lock in between. */
export function move(gear: Gear): number {
  for (let moved = 0; ; moved++) {
    count(gear);
    let item: number | string;
    try {
      item = gear.from.getSync();
    } catch (error) {
      if (error instanceof ShutDown) return moved;
      throw error;
    }
    gear.to.putSync(item);
  }
}

/** Takes and gives back a permit of those it is handed, over and over, until it is told to stop. */
export function borrow(permits: Semaphore, stop: Int32Array): number {
  let n = 0;
  for (; Atomics.load(stop, 0) === 0; n++) {
    permits.acquireSync();
    permits.release();
  }
  return n;
}

/** Increases a plain word under the lock. */
export function increment(lock: Lock, word: Int32Array, times: number): void {
  for (let i = 0; i < times; i++) {
    lock.acquireSync();
    word[0]!++;
    lock.release();
  }
}

/** At most so many threads put. */
export const PRODUCERS = 8;

export function produce(queue: Queue<number>, first: number, n: number): void {
  for (let i = first; i < first + n; i++) queue.putSync(i);
}

/** Counts how often each item came, and looks at the order of each producer's; `each`: how many one puts. */
export function consume(queue: Queue<number>, seen: Uint8Array, each: number): number {
  const last = new Float64Array(PRODUCERS).fill(-1);
  for (let n = 0; ; n++) {
    try {
      const item = queue.getSync();
      const producer = Math.floor(item / each);
      if (item <= last[producer]!) throw new Error(`${item} came after ${last[producer]}`);
      last[producer] = item;
      Atomics.add(seen, item, 1);
    } catch (error) {
      if (error instanceof ShutDown) return n;
      throw error;
    }
  }
}

/** What threads and coroutines wait for together. */
export interface Crowd {
  readonly lock: Lock;
  readonly permits: Semaphore;
  readonly condition: Condition;
  readonly queue: Queue<number>;
  /** Protected by the lock. */
  readonly word: Int32Array;
  readonly inside: Int32Array;
  /** Passes through the lock, items put, items got. */
  readonly counts: Int32Array;
  readonly stop: Int32Array;
}

export function inLock({ word, inside, counts }: Crowd): void {
  if (Atomics.add(inside, 0, 1) !== 0) throw new Error("two are inside the lock");
  word[0]! += 1;
  Atomics.add(counts, 0, 1);
  Atomics.sub(inside, 0, 1);
}

/** Waits for this and that, blocking, often with a timeout. */
export function pass(crowd: Crowd, seed: number): void {
  const { lock, permits, condition, queue, stop } = crowd;
  let state = seed;
  const random = (): number => (state = (Math.imul(state, 0x19660d) + 0x3c6ef35f) >>> 0) / 2 ** 32;
  while (Atomics.load(stop, 0) === 0) {
    const options = { timeout: Math.floor(random() * 4) };
    const what = Math.floor(random() * 5);
    try {
      if (what === 0) {
        // Whoever has it gives it back: this wait needs no timeout.
        if (lock.acquireSync(random() < 0.5 ? options : undefined) === undefined) continue;
        inLock(crowd);
        lock.release();
      } else if (what === 1) {
        if (permits.acquireSync(options) !== undefined) permits.release();
      } else if (what === 2) {
        queue.putSync(seed, options);
        Atomics.add(crowd.counts, 1, 1);
      } else if (what === 3) {
        queue.getSync(options);
        Atomics.add(crowd.counts, 2, 1);
      } else {
        using _ = condition.acquireSync();
        if (random() < 0.5) condition.notify();
        else condition.waitSync(options);
      }
    } catch (error) {
      if (!(error instanceof Empty) && !(error instanceof Full)) throw error;
    }
  }
}
