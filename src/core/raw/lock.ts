/**
 * The mutual-exclusion lock behind Lock, RLock and a Condition's lock.
 *
 * ```
 *   word = owner's tid << 2 | POISONED | WAITERS
 *
 *   0                        free, nobody waits
 *   tid<<2                   held, nobody waits            release: one compareExchange
 *   tid<<2 | WAITERS         held, the list may be filled  release: under the list's guard
 *   WAITERS                  free, the list may be filled, and nobody was woken
 *   POISONED (| WAITERS)     its owner died; only recover() takes it
 * ```
 * Release to a blocked thread sets the lock free and wakes the oldest waiter, who tries again (others may barge in:
 * that is what keeps throughput high). A waiter that lost such a race once asks to be handed the lock next time, and
 * goes back to the head of the list. Event-loop waiters are always handed the lock, in order: their wake-up takes too
 * long to win a race.
 *
 * Until the woken waiter has tried, nobody else is woken, and the others in the list are its business: it is named in
 * `woken`, and the word may do without WAITERS. So a thread that goes on using the lock meanwhile neither comes through
 * the guard nor wakes one waiter after the other, only to beat them all to it. Who dies between being woken and trying
 * has its business done by the reaper.
 *
 * Source: parking_lot's raw_mutex (barging with eventual fairness); one woken waiter at a time as in Go's sync.Mutex; the
 * owner in the word as in robust futexes.
 *
 * @module
 */

import { compareExchange, load, store } from "#atomics";
import { GRANT, LOCK, SLOT, SLOT_STATE } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { spin } from "./spin.ts";
import { isOrphaned } from "./threads.ts";
import {
  enqueue,
  FAIR,
  first,
  grant,
  grantAllAndUnlock,
  grantAndUnlock,
  lockList,
  takeOut,
  unlockList,
  wake,
  wantsHandOff,
} from "./wait-list.ts";

const WAITERS = 1;
const POISONED = 2;
const FLAGS = 3;

export const LOCK_RESULT = { acquired: 0, queued: 1, ownerDied: 2 } as const;

/** One try. */
export function tryLock(memory: Memory, lock: number): number {
  const word = lock + LOCK.word;
  const mine = memory.self << 2;
  let seen = compareExchange(memory.words, word, 0, mine);
  if (seen === 0) return LOCK_RESULT.acquired;
  for (;;) {
    if ((seen & POISONED) !== 0) return LOCK_RESULT.ownerDied;
    if (seen >>> 2 !== 0) return ownerIsGone(memory, lock, seen) ? LOCK_RESULT.ownerDied : LOCK_RESULT.queued;
    const before = compareExchange(memory.words, word, seen, mine | seen);
    if (before === seen) return LOCK_RESULT.acquired;
    // Also 0, if it was freed for good just now: that was found, not taken.
    seen = before;
  }
}

function tryIfFree(memory: Memory, seen: number, word: number): boolean {
  return (seen & ~WAITERS) === 0 && tryLock(memory, word - LOCK.word) === LOCK_RESULT.acquired;
}

/** Takes the lock, or enters the slot. Whoever may block spins first. */
export function lockOrEnqueue(memory: Memory, lock: number, slot: number, mayBlock: boolean): number {
  const word = lock + LOCK.word;
  const hasLost = load(memory.words, slot + SLOT.request) === FAIR;
  if (mayBlock && !hasLost && spin(memory, slot, word, tryIfFree)) return LOCK_RESULT.acquired;
  const list = lock + LOCK.list;
  lockWaiters(memory, lock);
  // Cleared only under the guard: then either it has the lock and marks the word below, or stands in the list again.
  if (hasLost && load(memory.words, lock + LOCK.woken) === memory.self) store(memory.words, lock + LOCK.woken, 0);
  for (;;) {
    const seen = load(memory.words, word);
    const result = tryLock(memory, lock);
    if (result !== LOCK_RESULT.queued) {
      // Nobody else changes the word of a lock that is held, but under the guard.
      if (hasLost && result === LOCK_RESULT.acquired && first(memory, list) !== 0) {
        store(memory.words, word, (memory.self << 2) | WAITERS);
      }
      unlockList(memory, list);
      return result;
    }
    if (seen >>> 2 === 0) continue;
    // The bit goes in while the word still names an owner: its release must then come through the guard.
    if ((seen & WAITERS) === 0 && compareExchange(memory.words, word, seen, seen | WAITERS) !== seen) continue;
    enqueue(memory, list, slot, lock, hasLost);
    // A reaper that looked for waiters before this slot stood in the list has missed it: look whether the owner is dead
    // once more.
    const died = isBroken(memory, lock) && takeOut(memory, list, slot);
    unlockList(memory, list);
    return died ? LOCK_RESULT.ownerDied : LOCK_RESULT.queued;
  }
}

function isBroken(memory: Memory, lock: number): boolean {
  const seen = load(memory.words, lock + LOCK.word);
  if (seen >>> 2 !== 0 && ownerIsGone(memory, lock, seen)) return true;
  // Looked at last: another may have marked it in the meantime.
  return (load(memory.words, lock + LOCK.word) & POISONED) !== 0;
}

/**
 * Takes the guard of the list. If somebody died while it handed the lock over, the word tells whether the lock changed
 * hands: then the new owner is told, else the waiter waits on.
 */
function lockWaiters(memory: Memory, lock: number): void {
  const list = lock + LOCK.list;
  for (;;) {
    lockList(memory, list);
    const slot = first(memory, list);
    if (slot === 0 || load(memory.words, slot + SLOT.value) !== GRANT.moving) return;
    if (lockOwner(memory, lock) !== load(memory.words, slot + SLOT.tid)) {
      store(memory.words, slot + SLOT.value, GRANT.none);
      return;
    }
    grantAndUnlock(memory, list, slot, GRANT.done);
  }
}

/** For the reaper: completes or forgets what a dead thread had begun. */
export function settleLock(memory: Memory, lock: number): void {
  memory.reach(lock + LOCK.woken);
  lockWaiters(memory, lock);
  unlockList(memory, lock + LOCK.list);
}

/** False: the lock was not held. */
export function unlock(memory: Memory, lock: number): boolean {
  const word = lock + LOCK.word;
  const mine = memory.self << 2;
  if (compareExchange(memory.words, word, mine, 0) === mine) return true;
  return unlockContended(memory, lock);
}

function unlockContended(memory: Memory, lock: number): boolean {
  const word = lock + LOCK.word;
  const list = lock + LOCK.list;
  lockWaiters(memory, lock);
  const seen = load(memory.words, word);
  if (seen >>> 2 === 0) {
    unlockList(memory, list);
    return false;
  }
  passOn(memory, lock);
  return true;
}

/** Gives a lock that nobody holds any more to the next waiter, and unlocks the list. Under the guard. */
function passOn(memory: Memory, lock: number): void {
  const word = lock + LOCK.word;
  const list = lock + LOCK.list;
  const slot = first(memory, list);
  if (slot === 0) {
    // Only waiters set flags, and they hold the guard for it: a plain store is enough, and clears a stale bit.
    store(memory.words, word, 0);
    unlockList(memory, list);
    return;
  }
  if (wantsHandOff(memory, slot)) {
    const more = load(memory.words, slot + SLOT.next) === 0 ? 0 : WAITERS;
    store(memory.words, slot + SLOT.value, GRANT.moving);
    store(memory.words, word, (load(memory.words, slot + SLOT.tid) << 2) | more);
    grantAndUnlock(memory, list, slot, GRANT.done);
    return;
  }
  const woken = load(memory.words, lock + LOCK.woken);
  // Should it be dead, its reaper may have looked for waiters before this slot stood in the list.
  if (woken !== 0 && !isOrphaned(memory, woken)) {
    store(memory.words, word, 0);
    unlockList(memory, list);
    return;
  }
  // This waiter blocks.
  const tid = load(memory.words, slot + SLOT.tid);
  store(memory.words, lock + LOCK.woken, tid);
  grant(memory, list, slot, GRANT.retry);
  store(memory.words, word, 0);
  unlockList(memory, list);
  wake(memory, slot, false, tid);
}

/**
 * A wake-up reached a waiter that cannot take it (it died): the next one gets it, if the lock is free or belonged to
 * the dead.
 */
export function passOnLost(memory: Memory, lock: number, dead: number, value: number): void {
  memory.reach(lock + LOCK.woken);
  lockWaiters(memory, lock);
  const seen = load(memory.words, lock + LOCK.word);
  if ((seen & POISONED) !== 0) unlockList(memory, lock + LOCK.list);
  else if (seen >>> 2 === dead && value === GRANT.done) passOn(memory, lock);
  else wakeNext(memory, lock);
}

/**
 * Whoever was woken may be dead, and the lock be free or not: the next waiter must hear of it when it is. Waking one more
 * than needed does no harm. Under the guard.
 */
function wakeNext(memory: Memory, lock: number): void {
  const word = lock + LOCK.word;
  const list = lock + LOCK.list;
  if (first(memory, list) === 0) {
    unlockList(memory, list);
    return;
  }
  // The bit first: whoever takes the lock now must come here to release it.
  let seen = load(memory.words, word);
  while ((seen & WAITERS) === 0) {
    const before = compareExchange(memory.words, word, seen, seen | WAITERS);
    seen = before === seen ? seen | WAITERS : before;
  }
  const isFree = compareExchange(memory.words, word, WAITERS, (memory.self << 2) | WAITERS) === WAITERS;
  if (isFree) passOn(memory, lock);
  else unlockList(memory, list);
}

/** Did the lock's owner die? Then marks it, and tells all who wait. */
function ownerIsGone(memory: Memory, lock: number, seen: number): boolean {
  const owner = seen >>> 2;
  if (!isOrphaned(memory, owner)) return false;
  return compareExchange(memory.words, lock + LOCK.word, seen, (seen & FLAGS) | POISONED) === seen;
}

/** For the reaper: tells the waiters of a lock that its owner died, or the next one that it is free. */
export function poisonIfOwnedBy(memory: Memory, lock: number, dead: number): void {
  memory.reach(lock + LOCK.woken);
  lockWaiters(memory, lock);
  const seen = load(memory.words, lock + LOCK.word);
  if (seen >>> 2 !== dead && (seen & POISONED) === 0) {
    // The dead thread may have been woken to take the lock, and not have come to it.
    wakeNext(memory, lock);
    return;
  }
  store(memory.words, lock + LOCK.word, POISONED);
  grantAllAndUnlock(memory, lock + LOCK.list, () => GRANT.ownerDied);
}

/** Takes a lock whose owner died, and clears the mark. False: it has no such mark. */
export function recoverLock(memory: Memory, lock: number): boolean {
  lockWaiters(memory, lock);
  const poisoned = isBroken(memory, lock);
  if (poisoned) {
    const more = first(memory, lock + LOCK.list) === 0 ? 0 : WAITERS;
    store(memory.words, lock + LOCK.word, (memory.self << 2) | more);
    store(memory.words, lock + LOCK.depth, 1);
    store(memory.words, lock + LOCK.task, 0);
  }
  unlockList(memory, lock + LOCK.list);
  return poisoned;
}

export function isLocked(memory: Memory, lock: number): boolean {
  return load(memory.words, lock + LOCK.word) >>> 2 !== 0;
}

export function lockOwner(memory: Memory, lock: number): number {
  return load(memory.words, lock + LOCK.word) >>> 2;
}

export function isWaiting(memory: Memory, slot: number): boolean {
  return load(memory.words, slot + SLOT.state) === SLOT_STATE.waiting;
}
