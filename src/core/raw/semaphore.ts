/**
 * The counting semaphore.
 *
 * ```
 *   word = permits << 1 | WAITERS        permits > 0 and a filled list never stand together
 * ```
 * While WAITERS is clear, acquire and release are one compareExchange. Once somebody waits, permits are handed from
 * releaser to waiter in order: nobody barges in. A waiter that gives up leaves the bit behind; the next to come through
 * the guard clears it.
 *
 * Source: tokio's batch_semaphore.
 *
 * @module
 */

import { compareExchange, load, store } from "#atomics";
import { GRANT, LIST, SEMAPHORE, SLOT } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { enqueue, first, grant, lockList, unlockList, wakeAll } from "./wait-list.ts";

const WAITERS = 1;

/** One try, leaving waiters their turn. */
export function tryAcquirePermit(memory: Memory, semaphore: number): boolean {
  const word = semaphore + SEMAPHORE.word;
  for (;;) {
    const seen = load(memory.words, word);
    if ((seen & WAITERS) !== 0) return acquireUnderGuard(memory, semaphore, 0);
    if (seen === 0) return false;
    if (compareExchange(memory.words, word, seen, seen - 2) === seen) return true;
  }
}

/** True: a permit was taken. False: the slot waits for one. */
export function acquirePermitOrEnqueue(memory: Memory, semaphore: number, slot: number): boolean {
  return acquireUnderGuard(memory, semaphore, slot);
}

function acquireUnderGuard(memory: Memory, semaphore: number, slot: number): boolean {
  const word = semaphore + SEMAPHORE.word;
  const list = semaphore + SEMAPHORE.list;
  lockList(memory, list);
  for (;;) {
    const seen = load(memory.words, word);
    const waiting = load(memory.words, list + LIST.head) !== 0;
    if (seen >>> 1 !== 0 && !waiting) {
      if (compareExchange(memory.words, word, seen, (seen & ~WAITERS) - 2) !== seen) continue;
      unlockList(memory, list);
      return true;
    }
    if (slot === 0) {
      unlockList(memory, list);
      return false;
    }
    if (compareExchange(memory.words, word, seen, seen | WAITERS) !== seen) continue;
    enqueue(memory, list, slot, semaphore);
    unlockList(memory, list);
    return false;
  }
}

/** False: that would be more permits than the bound, and nothing was released. */
export function releasePermits(memory: Memory, semaphore: number, n: number): boolean {
  const word = semaphore + SEMAPHORE.word;
  const bound = load(memory.words, semaphore + SEMAPHORE.bound);
  for (;;) {
    const seen = load(memory.words, word);
    if ((seen & WAITERS) !== 0) return releaseUnderGuard(memory, semaphore, n, bound);
    if (bound >= 0 && (seen >>> 1) + n > bound) return false;
    if (compareExchange(memory.words, word, seen, seen + 2 * n) === seen) return true;
  }
}

function releaseUnderGuard(memory: Memory, semaphore: number, n: number, bound: number): boolean {
  const word = semaphore + SEMAPHORE.word;
  const list = semaphore + SEMAPHORE.list;
  lockList(memory, list);
  const permits = load(memory.words, word) >>> 1;
  if (bound >= 0 && permits + n > bound) {
    unlockList(memory, list);
    return false;
  }
  const woken: number[] = [];
  let left = n;
  for (let slot = first(memory, list); slot !== 0 && left > 0; slot = first(memory, list), left--) {
    woken.push(slot, load(memory.words, slot + SLOT.async), load(memory.words, slot + SLOT.tid));
    grant(memory, list, slot, GRANT.done);
  }
  // While the bit is set nobody touches the word without the guard.
  store(memory.words, word, ((permits + left) << 1) | (first(memory, list) === 0 ? 0 : WAITERS));
  unlockList(memory, list);
  wakeAll(memory, woken);
  return true;
}

/** A permit reached a waiter that died before it could use it. */
export function returnLostPermit(memory: Memory, semaphore: number): void {
  memory.reach(semaphore + SEMAPHORE.bound);
  releasePermits(memory, semaphore, 1);
}

export function permits(memory: Memory, semaphore: number): number {
  return load(memory.words, semaphore + SEMAPHORE.word) >>> 1;
}
