/**
 * The mutual-exclusion lock behind Lock, RLock and a Condition's lock.
 *
 * ```
 *   word = owner's tid << 2 | POISONED | WAITERS
 *
 *   0                        free, nobody waits
 *   tid<<2                   held, nobody waits            release: one compareExchange
 *   tid<<2 | WAITERS         held, the list may be filled  release: under the list's guard
 *   WAITERS                  free, more waiters than the one just woken
 *   POISONED (| WAITERS)     its owner died; only recover() takes it
 * ```
 * Release to a blocked thread sets the lock free and wakes the oldest waiter, who tries again (others may barge in:
 * that is what keeps throughput high). A waiter that lost such a race once asks to be handed the lock next time, and
 * goes back to the head of the list. Event-loop waiters are always handed the lock, in order: their wake-up takes too
 * long to win a race.
 *
 * Source: parking_lot's raw_mutex (barging with eventual fairness); the owner in the word as in robust futexes.
 *
 * @module
 */

import { compareExchange, load, pause, store } from "#atomics";
import { GRANT, LOCK, SLOT, SLOT_STATE } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { isOrphaned } from "./threads.ts";
import {
  enqueue,
  first,
  grant,
  grantAllAndUnlock,
  grantAndUnlock,
  lockList,
  takeOut,
  unlockList,
  wake,
} from "./wait-list.ts";

const WAITERS = 1;
const POISONED = 2;
const FLAGS = 3;
const SPINS = 40;

export const LOCK_RESULT = { acquired: 0, queued: 1, ownerDied: 2 } as const;

/** `request` of a slot that wants to be handed the lock. */
export const FAIR = 1;

/** One try. */
export function tryLock(memory: Memory, lock: number): number {
  const word = lock + LOCK.word;
  const mine = memory.self << 2;
  let seen = compareExchange(memory.words, word, 0, mine);
  for (;;) {
    if (seen === 0) return LOCK_RESULT.acquired;
    if ((seen & POISONED) !== 0) return LOCK_RESULT.ownerDied;
    if (seen >>> 2 !== 0) return ownerIsGone(memory, lock, seen) ? LOCK_RESULT.ownerDied : LOCK_RESULT.queued;
    const before = compareExchange(memory.words, word, seen, mine | seen);
    if (before === seen) return LOCK_RESULT.acquired;
    seen = before;
  }
}

/** Takes the lock, or enters the slot. Spins first if asked to: right for threads that block. */
export function lockOrEnqueue(memory: Memory, lock: number, slot: number, spin: boolean): number {
  const word = lock + LOCK.word;
  if (spin && load(memory.words, slot + SLOT.request) !== FAIR) {
    for (let i = 0; i < SPINS; i++) {
      if ((load(memory.words, word) & ~WAITERS) === 0 && tryLock(memory, lock) === LOCK_RESULT.acquired) {
        return LOCK_RESULT.acquired;
      }
      pause();
    }
  }
  const list = lock + LOCK.list;
  lockWaiters(memory, lock);
  for (;;) {
    const seen = load(memory.words, word);
    const result = tryLock(memory, lock);
    if (result !== LOCK_RESULT.queued) {
      unlockList(memory, list);
      return result;
    }
    if (seen >>> 2 === 0) continue;
    // The bit goes in while the word still names an owner: its release must then come through the guard.
    if ((seen & WAITERS) === 0 && compareExchange(memory.words, word, seen, seen | WAITERS) !== seen) continue;
    enqueue(memory, list, slot, lock, load(memory.words, slot + SLOT.request) === FAIR);
    // A reaper that looked for waiters before this slot stood in the list has missed it: look whether the owner is dead
    // once more.
    const died = isBroken(memory, lock) && takeOut(memory, list, slot);
    unlockList(memory, list);
    return died ? LOCK_RESULT.ownerDied : LOCK_RESULT.queued;
  }
}

function isBroken(memory: Memory, lock: number): boolean {
  const seen = load(memory.words, lock + LOCK.word);
  return (seen & POISONED) !== 0 || (seen >>> 2 !== 0 && ownerIsGone(memory, lock, seen));
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
  memory.reach(lock + LOCK.depth);
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
  const more = load(memory.words, slot + SLOT.next) === 0 ? 0 : WAITERS;
  if (wantsHandOff(memory, slot)) {
    store(memory.words, slot + SLOT.value, GRANT.moving);
    store(memory.words, word, (load(memory.words, slot + SLOT.tid) << 2) | more);
    grantAndUnlock(memory, list, slot, GRANT.done);
    return;
  }
  // The grant comes before the word: a free lock whose waiter was not told would make all wait. This waiter blocks.
  const tid = load(memory.words, slot + SLOT.tid);
  grant(memory, list, slot, GRANT.retry);
  store(memory.words, word, more);
  unlockList(memory, list);
  wake(memory, slot, false, tid);
}

function wantsHandOff(memory: Memory, slot: number): boolean {
  return load(memory.words, slot + SLOT.async) === 1 || load(memory.words, slot + SLOT.request) === FAIR;
}

/**
 * A wake-up reached a waiter that cannot take it (it died): the next one gets it, if the lock is free or belonged to
 * the dead.
 */
export function passOnLost(memory: Memory, lock: number, dead: number, value: number): void {
  memory.reach(lock + LOCK.depth);
  lockWaiters(memory, lock);
  const seen = load(memory.words, lock + LOCK.word);
  if ((seen & POISONED) !== 0) unlockList(memory, lock + LOCK.list);
  else if (seen >>> 2 === 0) wakeNext(memory, lock);
  else if (seen >>> 2 === dead && value === GRANT.done) passOn(memory, lock);
  else unlockList(memory, lock + LOCK.list);
}

/** The lock is free, so others may take it at any moment: the next waiter must hear of it. Under the guard. */
function wakeNext(memory: Memory, lock: number): void {
  const word = lock + LOCK.word;
  const list = lock + LOCK.list;
  const slot = first(memory, list);
  if (slot === 0) {
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
  memory.reach(lock + LOCK.depth);
  lockWaiters(memory, lock);
  const seen = load(memory.words, lock + LOCK.word);
  if (seen >>> 2 === 0 && (seen & POISONED) === 0) {
    // The dead thread was woken to take the lock, and had not yet.
    wakeNext(memory, lock);
    return;
  }
  if (seen >>> 2 !== dead && (seen & POISONED) === 0) {
    unlockList(memory, lock + LOCK.list);
    return;
  }
  store(memory.words, lock + LOCK.word, POISONED);
  grantAllAndUnlock(memory, lock + LOCK.list, () => GRANT.ownerDied);
}

/** Takes a lock whose owner died, and clears the mark. False: it has no such mark. */
export function recoverLock(memory: Memory, lock: number): boolean {
  lockWaiters(memory, lock);
  const seen = load(memory.words, lock + LOCK.word);
  const poisoned = (seen & POISONED) !== 0 || (seen >>> 2 !== 0 && ownerIsGone(memory, lock, seen));
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

/** Prepares a slot for the next try after a lost race. */
export function askForHandOff(memory: Memory, slot: number): void {
  store(memory.words, slot + SLOT.request, FAIR);
}

export function isWaiting(memory: Memory, slot: number): boolean {
  return load(memory.words, slot + SLOT.state) === SLOT_STATE.waiting;
}
