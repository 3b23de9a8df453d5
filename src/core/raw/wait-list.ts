/**
 * A wait list: the FIFO of those who wait for one primitive.
 *
 * ```
 *   primitive ── guard │ head ──► slot ⇄ slot ⇄ slot ◄── tail
 * ```
 * One slot for each waiter, each with its own futex word. The chain of `next` words is the truth; `previous` and `tail`
 * follow from it, so that a list whose guard was taken over from a dead thread can be repaired. Sync and async waiters
 * stand in the same list: a grant wakes a blocked thread through the slot's word, an event loop through its thread's
 * ready stack and doorbell.
 *
 * Source of the shape: parking_lot's queues and tokio's batch semaphore. Each waiter has a futex word of its own, so
 * whoever gives a wake-up knows exactly to whom.
 *
 * @module
 */

import { compareExchange, exchange, load, store } from "#atomics";
import { GRANT, LIST, LIST_WORDS, RECORD, SLOT, SLOT_STATE } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { lockGuard, unlockGuard } from "./guard.ts";
import { isAlive, recordOf } from "./threads.ts";

/** Takes the list's guard, repairing the list if its holder died. True: it had died. */
export function lockList(memory: Memory, list: number): boolean {
  const tookOver = lockGuard(memory, list + LIST.guard);
  if (tookOver) repair(memory, list);
  return tookOver;
}

export function unlockList(memory: Memory, list: number): void {
  unlockGuard(memory, list + LIST.guard);
}

/** The oldest waiter, or 0. Under the guard. */
export function first(memory: Memory, list: number): number {
  const slot = load(memory.words, list + LIST.head);
  return slot === 0 ? 0 : memory.reach(slot);
}

/** Enters a slot for the primitive at `object`. Under the guard. `front` keeps the place of one who must try again. */
export function enqueue(memory: Memory, list: number, slot: number, object: number, front = false): void {
  memory.reach(slot);
  store(memory.words, slot + SLOT.object, object);
  store(memory.words, slot + SLOT.value, GRANT.none);
  store(memory.words, slot + SLOT.granter, 0);
  store(memory.words, slot + SLOT.list, list);
  store(memory.words, slot + SLOT.state, SLOT_STATE.waiting);
  const tail = load(memory.words, list + LIST.tail);
  if (tail === 0) {
    store(memory.words, slot + SLOT.next, 0);
    store(memory.words, slot + SLOT.previous, 0);
    store(memory.words, list + LIST.head, slot);
    store(memory.words, list + LIST.tail, slot);
  } else if (front) {
    const head = first(memory, list);
    store(memory.words, slot + SLOT.next, head);
    store(memory.words, slot + SLOT.previous, 0);
    store(memory.words, list + LIST.head, slot);
    store(memory.words, head + SLOT.previous, slot);
  } else {
    memory.reach(tail);
    store(memory.words, slot + SLOT.next, 0);
    store(memory.words, slot + SLOT.previous, tail);
    store(memory.words, tail + SLOT.next, slot);
    store(memory.words, list + LIST.tail, slot);
  }
}

/** `request` of a slot that wants to be handed what it waits for. */
export const FAIR = 1;

/** Prepares the slot of a waiter that was told to try again, and will stand in the list once more if it lost the race. */
export function askForHandOff(memory: Memory, slot: number): void {
  store(memory.words, slot + SLOT.request, FAIR);
}

/** Must the waiter not be passed over by those who run already? A blocked thread may be, once. */
export function wantsHandOff(memory: Memory, slot: number): boolean {
  return load(memory.words, slot + SLOT.async) === 1 || load(memory.words, slot + SLOT.request) === FAIR;
}

/** Takes a slot out. Under the guard. */
export function unlink(memory: Memory, list: number, slot: number): void {
  const next = load(memory.words, slot + SLOT.next);
  const previous = load(memory.words, slot + SLOT.previous);
  if (next !== 0) memory.reach(next);
  if (previous !== 0) memory.reach(previous);
  // The store into the chain comes first: it alone decides what a repair will find.
  if (previous === 0) store(memory.words, list + LIST.head, next);
  else store(memory.words, previous + SLOT.next, next);
  if (next === 0) store(memory.words, list + LIST.tail, previous);
  else store(memory.words, next + SLOT.previous, previous);
  store(memory.words, slot + SLOT.list, 0);
}

/**
 * Takes the slot out of its list and gives it `value`. Under the guard; the caller calls {@link wake} with it, best
 * after unlocking, so that the waiter does not wake up into the guard.
 */
export function grant(memory: Memory, list: number, slot: number, value: number): void {
  // With both words set the grant is decided: if this thread dies now, others complete it. See `repair`.
  store(memory.words, slot + SLOT.granter, memory.self);
  store(memory.words, slot + SLOT.value, value);
  unlink(memory, list, slot);
  store(memory.words, slot + SLOT.state, SLOT_STATE.granted);
}

/** Wakes the waiter of a granted slot. A blocked thread may have gone on already: then this wakes nobody. */
export function wake(memory: Memory, slot: number, isAsync: boolean, tid: number): void {
  if (!isAsync) {
    memory.notify(slot + SLOT.state, 1);
    return;
  }
  const record = recordOf(memory, tid);
  memory.reach(slot);
  let top = load(memory.words, record + RECORD.ready);
  for (;;) {
    store(memory.words, slot + SLOT.ready, top);
    const seen = compareExchange(memory.words, record + RECORD.ready, top, slot);
    if (seen === top) break;
    top = seen;
  }
  ring(memory, record);
}

/** Makes a thread's event loop look at its ready stack and its requests. */
export function ring(memory: Memory, record: number): void {
  if (exchange(memory.words, record + RECORD.doorbell, 1) === 0) memory.wakeLoop(record);
}

/**
 * Grants and wakes the waiter: for callers with one waiter to wake. `unlock` is done in between.
 */
export function grantAndUnlock(memory: Memory, list: number, slot: number, value: number): void {
  // Read before the grant: afterwards a blocked waiter may already have put the slot to another use.
  const isAsync = load(memory.words, slot + SLOT.async) === 1;
  const tid = load(memory.words, slot + SLOT.tid);
  grant(memory, list, slot, value);
  unlockList(memory, list);
  wake(memory, slot, isAsync, tid);
}

/** Grants all waiters and unlocks. `value` is told how many were granted before. Under the guard. */
export function grantAllAndUnlock(memory: Memory, list: number, value: (index: number) => number): number {
  const woken: number[] = [];
  for (let slot = first(memory, list); slot !== 0; slot = first(memory, list)) {
    woken.push(slot, load(memory.words, slot + SLOT.async), load(memory.words, slot + SLOT.tid));
    grant(memory, list, slot, value(woken.length / 3 - 1));
  }
  unlockList(memory, list);
  wakeAll(memory, woken);
  return woken.length / 3;
}

/** Wakes triples of slot, async, tid. */
export function wakeAll(memory: Memory, woken: readonly number[]): void {
  for (let i = 0; i < woken.length; i += 3) wake(memory, woken[i]!, woken[i + 1] === 1, woken[i + 2]!);
}

/** Gives up a wait. False: it was granted already, and the grant must be taken. */
export function cancelWait(memory: Memory, slot: number): boolean {
  memory.reach(slot);
  const list = load(memory.words, slot + SLOT.list);
  if (list === 0) return false;
  memory.reach(list + LIST.tail);
  lockList(memory, list);
  const waiting = takeOut(memory, list, slot);
  unlockList(memory, list);
  return waiting;
}

/** Takes a waiting slot out for good. Under the guard. False: it was granted, or somebody died while granting it. */
export function takeOut(memory: Memory, list: number, slot: number): boolean {
  if (!standsIn(memory, list, slot) || load(memory.words, slot + SLOT.value) === GRANT.moving) return false;
  unlink(memory, list, slot);
  store(memory.words, slot + SLOT.state, SLOT_STATE.free);
  return true;
}

/**
 * Is the slot in the chain? `list` alone does not tell: whoever takes a slot out may die before it says so, and what
 * stood beside the slot then may stand elsewhere now. Under the guard.
 */
export function standsIn(memory: Memory, list: number, slot: number): boolean {
  if (load(memory.words, slot + SLOT.list) !== list) return false;
  const previous = load(memory.words, slot + SLOT.previous);
  if (previous === 0) return load(memory.words, list + LIST.head) === slot;
  memory.reach(previous);
  return load(memory.words, previous + SLOT.next) === slot;
}

/**
 * For the reaper: the dead thread may have died in the middle of granting this slot of a living one. Once it is out of
 * the chain nobody else can: it has its value, and only has to be told.
 */
export function completeGrant(memory: Memory, slot: number, dead: number): void {
  const state = load(memory.words, slot + SLOT.state);
  if (state !== SLOT_STATE.waiting && state !== SLOT_STATE.interrupted) return;
  if (load(memory.words, slot + SLOT.granter) !== dead) return;
  const list = load(memory.words, slot + SLOT.list);
  if (list !== 0) {
    // Whoever takes over the dead thread's guard, if nobody has yet, takes the slot out or forgets the grant.
    lockList(memory, memory.reach(list + LIST_WORDS) - LIST_WORDS);
    unlockList(memory, list);
  }
  // Once more: whoever took the guard over may have forgotten that grant, and granted the slot itself.
  if (load(memory.words, slot + SLOT.granter) !== dead) return;
  if (list !== 0) store(memory.words, slot + SLOT.list, 0);
  const isAsync = load(memory.words, slot + SLOT.async) === 1;
  const tid = load(memory.words, slot + SLOT.tid);
  store(memory.words, slot + SLOT.granter, memory.self);
  store(memory.words, slot + SLOT.state, SLOT_STATE.granted);
  wake(memory, slot, isAsync, tid);
}

/** Makes a thread that blocks look up from its wait: there is a request, or it was cancelled. */
export function interrupt(memory: Memory, record: number): void {
  const slot = load(memory.words, record + RECORD.syncSlot);
  if (slot === 0) return;
  const state = memory.reach(slot) + SLOT.state;
  if (compareExchange(memory.words, state, SLOT_STATE.waiting, SLOT_STATE.interrupted) === SLOT_STATE.waiting) {
    memory.notify(state, 1);
  }
}

/** As {@link ring}, also if whoever rang before died before it had woken the loop. */
export function ringAgain(memory: Memory, record: number): void {
  store(memory.words, record + RECORD.doorbell, 1);
  memory.wakeLoop(record);
}

/** Number of waiters. Under the guard. */
export function count(memory: Memory, list: number): number {
  let n = 0;
  for (let slot = first(memory, list); slot !== 0; slot = memory.reach(load(memory.words, slot + SLOT.next))) n++;
  return n;
}

/**
 * Derives `previous` and `tail` from the chain. A slot whose grant was decided leaves it; the reaper of the thread that
 * died, which looks at all waiters, tells the waiter.
 */
function repair(memory: Memory, list: number): void {
  let previous = 0;
  let slot = first(memory, list);
  while (slot !== 0) {
    const next = load(memory.words, slot + SLOT.next);
    if (wasDecided(memory, slot)) {
      store(memory.words, previous === 0 ? list + LIST.head : previous + SLOT.next, next);
      store(memory.words, slot + SLOT.list, 0);
    } else {
      store(memory.words, slot + SLOT.previous, previous);
      previous = slot;
    }
    slot = next === 0 ? 0 : memory.reach(next);
  }
  store(memory.words, list + LIST.tail, previous);
}

function wasDecided(memory: Memory, slot: number): boolean {
  if (load(memory.words, slot + SLOT.granter) === 0) return false;
  const value = load(memory.words, slot + SLOT.value);
  if (value === GRANT.none) store(memory.words, slot + SLOT.granter, 0);
  // What was to be moved has moved by the time the slot is granted.
  if (value === GRANT.moving) store(memory.words, slot + SLOT.value, GRANT.done);
  return value !== GRANT.none;
}

/** Was the wake-up of this granted slot lost together with the thread that gave it? */
export function granterDied(memory: Memory, slot: number): boolean {
  return !isAlive(memory, load(memory.words, slot + SLOT.granter));
}
