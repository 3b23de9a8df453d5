/**
 * The counting semaphore.
 *
 * ```
 *   word = permits << 2 | ON_ITS_WAY | CLOSED
 *
 *   permits << 2                    nobody waits                             acquire, release: one compareExchange
 *   permits << 2 | CLOSED           somebody may wait, or a change is made   acquire, release: under the list's guard
 *   permits << 2 | ON_ITS_WAY       a woken waiter will look for a permit    acquire: one compareExchange, and so is a
 *                                                                            release that makes 0 permits one
 * ```
 * A release to blocked threads leaves one permit free, wakes the oldest waiter, and names it in `woken`: whoever runs
 * already may take the permit and give it back before that one has come, instead of waiting for a switch of threads each
 * time. Until then the word is ON_ITS_WAY, and no second permit stays free while somebody waits: it is handed to the next
 * in order. A waiter that finds the permit gone goes back to the head of the list, and is handed one next time.
 * Event-loop waiters are always handed theirs, in order: their wake-up takes too long to win a race.
 *
 * Whoever comes through the guard closes the word first. From then on it changes under the guard only, and the last store
 * opens it as `woken` and the list say; who dies before leaves it closed, which is safe, for then everyone comes through the
 * guard. So there are never more free permits, while somebody waits, than the one for who is on its way.
 *
 * Source: tokio's batch_semaphore; one woken waiter at a time as in Go's sync.Mutex.
 *
 * @module
 */

import { compareExchange, load, store } from "#atomics";
import { GRANT, SEMAPHORE, SLOT } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { spin } from "./spin.ts";
import { isOrphaned } from "./threads.ts";
import { enqueue, FAIR, first, grant, lockList, unlockList, wakeAll, wantsHandOff } from "./wait-list.ts";

const CLOSED = 1;
const ON_ITS_WAY = 2;

/** The most permits the word can count. */
export const MOST_PERMITS: number = 2 ** 30 - 1;

/** One try, leaving waiters their turn. */
export function tryAcquirePermit(memory: Memory, semaphore: number): boolean {
  const word = semaphore + SEMAPHORE.word;
  for (;;) {
    const seen = load(memory.words, word);
    if (seen >>> 2 === 0) return false;
    if ((seen & CLOSED) !== 0) return acquireUnderGuard(memory, semaphore, 0);
    if (compareExchange(memory.words, word, seen, seen - 4) === seen) return true;
  }
}

function tryIfFree(memory: Memory, seen: number, word: number): boolean {
  return seen >>> 2 !== 0 && (seen & CLOSED) === 0 && tryAcquirePermit(memory, word - SEMAPHORE.word);
}

/** True: a permit was taken. False: the slot waits for one. Whoever may block spins first. */
export function acquirePermitOrEnqueue(memory: Memory, semaphore: number, slot: number, mayBlock: boolean): boolean {
  const hasLost = load(memory.words, slot + SLOT.request) === FAIR;
  if (mayBlock && !hasLost && spin(memory, slot, semaphore + SEMAPHORE.word, tryIfFree)) return true;
  return acquireUnderGuard(memory, semaphore, slot);
}

function acquireUnderGuard(memory: Memory, semaphore: number, slot: number): boolean {
  const list = semaphore + SEMAPHORE.list;
  lockList(memory, list);
  const permits = close(memory, semaphore);
  const hasLost = slot !== 0 && load(memory.words, slot + SLOT.request) === FAIR;
  const isExpected = hasLost && load(memory.words, semaphore + SEMAPHORE.woken) === memory.self;
  if (isExpected) store(memory.words, semaphore + SEMAPHORE.woken, 0);
  // What is left while others wait is for who is on its way, and for those who are faster.
  const mayTake = isExpected || first(memory, list) === 0 || load(memory.words, semaphore + SEMAPHORE.woken) !== 0;
  if (permits > 0 && mayTake) {
    serveAndUnlock(memory, semaphore, permits - 1, permits - 1);
    return true;
  }
  if (slot !== 0) enqueue(memory, list, slot, semaphore, hasLost);
  serveAndUnlock(memory, semaphore, permits, permits);
  return false;
}

/** False: that would be more permits than the bound, and nothing was released. */
export function releasePermits(memory: Memory, semaphore: number, n: number): boolean {
  const word = semaphore + SEMAPHORE.word;
  const bound = load(memory.words, semaphore + SEMAPHORE.bound);
  const most = bound < 0 ? MOST_PERMITS : bound;
  for (;;) {
    const seen = load(memory.words, word);
    const needsGuard = (seen & ON_ITS_WAY) !== 0 && (seen >>> 2) + n > 1;
    if ((seen & CLOSED) !== 0 || needsGuard) return releaseUnderGuard(memory, semaphore, n, most);
    if ((seen >>> 2) + n > most) return false;
    if (compareExchange(memory.words, word, seen, seen + 4 * n) === seen) return true;
  }
}

function releaseUnderGuard(memory: Memory, semaphore: number, n: number, most: number): boolean {
  lockList(memory, semaphore + SEMAPHORE.list);
  const permits = close(memory, semaphore);
  const fits = permits + n <= most;
  serveAndUnlock(memory, semaphore, permits, fits ? permits + n : permits);
  return fits;
}

/** From here on the word changes under the guard only. Gives the free permits. Under the guard. */
function close(memory: Memory, semaphore: number): number {
  const word = semaphore + SEMAPHORE.word;
  let seen = load(memory.words, word);
  while ((seen & CLOSED) === 0) {
    const before = compareExchange(memory.words, word, seen, (seen & ~ON_ITS_WAY) | CLOSED);
    seen = before === seen ? before | CLOSED : before;
  }
  return seen >>> 2;
}

/**
 * Gives the `free` permits to those who wait, opens the word and unlocks. `counted`: as many the word says there are; no
 * permit is given while it still counts there, or whoever died over that would leave it twice. Under the guard.
 */
function serveAndUnlock(memory: Memory, semaphore: number, counted: number, free: number): void {
  const word = semaphore + SEMAPHORE.word;
  const list = semaphore + SEMAPHORE.list;
  let woken = load(memory.words, semaphore + SEMAPHORE.woken);
  // Its reaper may have looked for waiters before the last of them stood in the list.
  if (woken !== 0 && isOrphaned(memory, woken)) store(memory.words, semaphore + SEMAPHORE.woken, (woken = 0));
  const told: number[] = [];
  let slot = first(memory, list);
  for (; slot !== 0 && free > (woken === 0 ? 0 : 1); slot = first(memory, list)) {
    const tid = load(memory.words, slot + SLOT.tid);
    told.push(slot, load(memory.words, slot + SLOT.async), tid);
    if (woken === 0 && !wantsHandOff(memory, slot)) {
      grant(memory, list, slot, GRANT.retry);
      // Only now: had this thread died before, nobody would be on its way.
      store(memory.words, semaphore + SEMAPHORE.woken, (woken = tid));
      continue;
    }
    free--;
    if (counted > free) store(memory.words, word, ((counted = free) << 2) | CLOSED);
    grant(memory, list, slot, GRANT.done);
  }
  store(memory.words, word, (free << 2) | (slot === 0 ? 0 : woken === 0 ? CLOSED : ON_ITS_WAY));
  unlockList(memory, list);
  wakeAll(memory, told);
}

/** A permit reached a waiter that died before it could use it. */
export function returnLostPermit(memory: Memory, semaphore: number): void {
  memory.reach(semaphore + SEMAPHORE.woken);
  releasePermits(memory, semaphore, 1);
}

/** For the reaper: completes or forgets what a dead thread had begun, and does what it had been woken for. */
export function settleSemaphore(memory: Memory, semaphore: number): void {
  memory.reach(semaphore + SEMAPHORE.woken);
  lockList(memory, semaphore + SEMAPHORE.list);
  const permits = close(memory, semaphore);
  serveAndUnlock(memory, semaphore, permits, permits);
}

export function permits(memory: Memory, semaphore: number): number {
  return load(memory.words, semaphore + SEMAPHORE.word) >>> 2;
}
