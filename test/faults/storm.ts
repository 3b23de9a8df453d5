/** What the threads of the fault tests do. */

import { OwnerDiedError, ShutDown } from "heddle/errors";
import type { Queue } from "heddle/queue";
import type { Lock, Semaphore } from "heddle/threading";
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

export function produce(queue: Queue<number>, first: number, n: number): void {
  for (let i = first; i < first + n; i++) queue.putSync(i);
}

/** Counts how often each item came. */
export function consume(queue: Queue<number>, seen: Uint8Array): number {
  for (let n = 0; ; n++) {
    try {
      const item = queue.getSync();
      Atomics.add(seen, item, 1);
    } catch (error) {
      if (error instanceof ShutDown) return n;
      throw error;
    }
  }
}
