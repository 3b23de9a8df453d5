/**
 * The cyclic barrier.
 *
 * ```
 *            arrive (not last)
 *             ┌────────┐        last arrives          action done
 *             ▼        │  ┌───────────────► action ───────────────┐
 *          filling ────┴──┤                   │ fails, or its thread dies
 *             ▲           └─► release all     ▼                   │
 *             └── reset ─────────────────── broken ◄── abort, timeout
 *             └───────────────────────────────────────────────────┘
 * ```
 * The waiters of a round are the slots in the list, in order of arrival; their place is their index. The last arriver
 * releases them by name, so a fast thread that comes back for the next round cannot disturb the one that ends. Those
 * who arrive while the action runs stand behind and are told to try again. `generation` tells a finished action that
 * the barrier was reset meanwhile.
 *
 * @module
 */

import { add, load, store } from "#atomics";
import { BARRIER, BARRIER_STATE, GRANT, LIST, SLOT } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { isOrphaned } from "./threads.ts";
import { count, enqueue, first, grant, lockList, takeOut, unlockList, wakeAll } from "./wait-list.ts";

/**
 * Takes the guard. A barrier that somebody died over, letting the others go or running the action, breaks: those who
 * still stand in it must not wait for a round that cannot be completed.
 */
function lockBarrier(memory: Memory, barrier: number): void {
  const list = barrier + BARRIER.list;
  for (;;) {
    lockList(memory, list);
    const state = load(memory.words, barrier + BARRIER.state);
    const abandoned =
      state === BARRIER_STATE.releasing ||
      (state === BARRIER_STATE.broken && load(memory.words, list + LIST.head) !== 0) ||
      (state === BARRIER_STATE.action && isOrphaned(memory, load(memory.words, barrier + BARRIER.runner)));
    if (!abandoned) return;
    breakAndUnlock(memory, barrier, BARRIER_STATE.broken);
  }
}

/** Apart from every {@link GRANT}, since both end up as the result of one wait. */
export const ARRIVAL = { queued: -10, broken: -11, runAction: -12 } as const;

/** An index when the round is complete, else an {@link ARRIVAL}. */
export function arrive(memory: Memory, barrier: number, slot: number): number {
  const list = barrier + BARRIER.list;
  lockBarrier(memory, barrier);
  const state = load(memory.words, barrier + BARRIER.state);
  if (state === BARRIER_STATE.broken) {
    unlockList(memory, list);
    return ARRIVAL.broken;
  }
  const parties = load(memory.words, barrier + BARRIER.parties);
  if (state === BARRIER_STATE.action || count(memory, list) + 1 < parties) {
    enqueue(memory, list, slot, barrier);
    // A reaper that looked for waiters before has missed this one, if the action's thread died meanwhile.
    const runner = load(memory.words, barrier + BARRIER.runner);
    if (state === BARRIER_STATE.action && isOrphaned(memory, runner))
      breakAndUnlock(memory, barrier, BARRIER_STATE.broken);
    else unlockList(memory, list);
    return ARRIVAL.queued;
  }
  if (load(memory.words, barrier + BARRIER.action) === 0) {
    releaseRound(memory, barrier, parties);
    return parties - 1;
  }
  store(memory.words, barrier + BARRIER.runner, memory.self);
  store(memory.words, barrier + BARRIER.state, BARRIER_STATE.action);
  unlockList(memory, list);
  return ARRIVAL.runAction;
}

/** After the action ran. The last arriver's index, or `ARRIVAL.broken`. */
export function finishAction(memory: Memory, barrier: number, generation: number, failed: boolean): number {
  lockBarrier(memory, barrier);
  if (load(memory.words, barrier + BARRIER.generation) !== generation) {
    unlockList(memory, barrier + BARRIER.list);
    return ARRIVAL.broken;
  }
  if (failed) {
    breakAndUnlock(memory, barrier, BARRIER_STATE.broken);
    return ARRIVAL.broken;
  }
  const parties = load(memory.words, barrier + BARRIER.parties);
  releaseRound(memory, barrier, parties);
  return parties - 1;
}

export function generationOf(memory: Memory, barrier: number): number {
  return load(memory.words, barrier + BARRIER.generation);
}

/** Under the guard, which it gives back. */
function releaseRound(memory: Memory, barrier: number, parties: number): void {
  const list = barrier + BARRIER.list;
  const woken: number[] = [];
  add(memory.words, barrier + BARRIER.generation, 1);
  store(memory.words, barrier + BARRIER.state, BARRIER_STATE.releasing);
  for (let slot = first(memory, list), index = 0; slot !== 0; slot = first(memory, list), index++) {
    woken.push(slot, load(memory.words, slot + SLOT.async), load(memory.words, slot + SLOT.tid));
    grant(memory, list, slot, index < parties - 1 ? index : GRANT.retry);
  }
  store(memory.words, barrier + BARRIER.state, BARRIER_STATE.filling);
  unlockList(memory, list);
  wakeAll(memory, woken);
}

/** Under the guard, which it gives back. Waiters get BrokenBarrierError. */
function breakAndUnlock(memory: Memory, barrier: number, state: number): void {
  const list = barrier + BARRIER.list;
  const woken: number[] = [];
  add(memory.words, barrier + BARRIER.generation, 1);
  store(memory.words, barrier + BARRIER.state, BARRIER_STATE.broken);
  for (let slot = first(memory, list); slot !== 0; slot = first(memory, list)) {
    woken.push(slot, load(memory.words, slot + SLOT.async), load(memory.words, slot + SLOT.tid));
    grant(memory, list, slot, GRANT.broken);
  }
  // Only now: a round that fills must not begin with waiters of the one that was broken.
  store(memory.words, barrier + BARRIER.state, state);
  unlockList(memory, list);
  wakeAll(memory, woken);
}

export function abortBarrier(memory: Memory, barrier: number): void {
  lockBarrier(memory, barrier);
  breakAndUnlock(memory, barrier, BARRIER_STATE.broken);
}

export function resetBarrier(memory: Memory, barrier: number): void {
  lockBarrier(memory, barrier);
  breakAndUnlock(memory, barrier, BARRIER_STATE.filling);
}

/** A waiter's timeout passed: the barrier breaks for all. False: the round was complete before. */
export function timeOut(memory: Memory, barrier: number, slot: number): boolean {
  const list = barrier + BARRIER.list;
  lockBarrier(memory, barrier);
  if (!takeOut(memory, list, slot)) {
    unlockList(memory, list);
    return false;
  }
  breakAndUnlock(memory, barrier, BARRIER_STATE.broken);
  return true;
}

/** For the reaper: somebody died who may have run the action, or was letting the others go. */
export function settleBarrier(memory: Memory, barrier: number): void {
  memory.reach(barrier + BARRIER.action);
  lockBarrier(memory, barrier);
  unlockList(memory, barrier + BARRIER.list);
}

/** Waiters of the round that fills. */
export function waitingAt(memory: Memory, barrier: number): number {
  if (load(memory.words, barrier + BARRIER.state) !== BARRIER_STATE.filling) return 0;
  if (load(memory.words, barrier + BARRIER.list + LIST.head) === 0) return 0;
  lockBarrier(memory, barrier);
  const n = count(memory, barrier + BARRIER.list);
  unlockList(memory, barrier + BARRIER.list);
  return n;
}
