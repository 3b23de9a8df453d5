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
import { BARRIER, BARRIER_STATE, GRANT, LIST, SLOT, SLOT_STATE } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { count, enqueue, first, grant, grantAllAndUnlock, lockList, unlink, unlockList, wakeAll } from "./wait-list.ts";

/** Apart from every {@link GRANT}, since both end up as the result of one wait. */
export const ARRIVAL = { queued: -10, broken: -11, runAction: -12 } as const;

/** An index when the round is complete, else an {@link ARRIVAL}. */
export function arrive(memory: Memory, barrier: number, slot: number): number {
  const list = barrier + BARRIER.list;
  lockList(memory, list);
  const state = load(memory.words, barrier + BARRIER.state);
  if (state === BARRIER_STATE.broken) {
    unlockList(memory, list);
    return ARRIVAL.broken;
  }
  const parties = load(memory.words, barrier + BARRIER.parties);
  if (state === BARRIER_STATE.action || count(memory, list) + 1 < parties) {
    enqueue(memory, list, slot, barrier);
    unlockList(memory, list);
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
  lockList(memory, barrier + BARRIER.list);
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
  store(memory.words, barrier + BARRIER.state, BARRIER_STATE.filling);
  for (let slot = first(memory, list), index = 0; slot !== 0; slot = first(memory, list), index++) {
    woken.push(slot, load(memory.words, slot + SLOT.async), load(memory.words, slot + SLOT.tid));
    grant(memory, list, slot, index < parties - 1 ? index : GRANT.retry);
  }
  unlockList(memory, list);
  wakeAll(memory, woken);
}

/** Under the guard, which it gives back. Waiters get BrokenBarrierError. */
function breakAndUnlock(memory: Memory, barrier: number, state: number): void {
  add(memory.words, barrier + BARRIER.generation, 1);
  store(memory.words, barrier + BARRIER.state, state);
  grantAllAndUnlock(memory, barrier + BARRIER.list, () => GRANT.broken);
}

export function abortBarrier(memory: Memory, barrier: number): void {
  lockList(memory, barrier + BARRIER.list);
  breakAndUnlock(memory, barrier, BARRIER_STATE.broken);
}

export function resetBarrier(memory: Memory, barrier: number): void {
  lockList(memory, barrier + BARRIER.list);
  breakAndUnlock(memory, barrier, BARRIER_STATE.filling);
}

/** A waiter's timeout passed: the barrier breaks for all. False: the round was complete before. */
export function timeOut(memory: Memory, barrier: number, slot: number): boolean {
  const list = barrier + BARRIER.list;
  lockList(memory, list);
  if (load(memory.words, slot + SLOT.list) !== list) {
    unlockList(memory, list);
    return false;
  }
  unlink(memory, list, slot);
  store(memory.words, slot + SLOT.state, SLOT_STATE.free);
  breakAndUnlock(memory, barrier, BARRIER_STATE.broken);
  return true;
}

/** For the reaper: the thread that ran the action died. */
export function breakIfRunBy(memory: Memory, barrier: number, dead: number): void {
  memory.reach(barrier + BARRIER.action);
  lockList(memory, barrier + BARRIER.list);
  const state = load(memory.words, barrier + BARRIER.state);
  if (state === BARRIER_STATE.action && load(memory.words, barrier + BARRIER.runner) === dead) {
    breakAndUnlock(memory, barrier, BARRIER_STATE.broken);
  } else {
    unlockList(memory, barrier + BARRIER.list);
  }
}

/** Waiters of the round that fills. */
export function waitingAt(memory: Memory, barrier: number): number {
  if (load(memory.words, barrier + BARRIER.state) !== BARRIER_STATE.filling) return 0;
  if (load(memory.words, barrier + BARRIER.list + LIST.head) === 0) return 0;
  lockList(memory, barrier + BARRIER.list);
  const n = count(memory, barrier + BARRIER.list);
  unlockList(memory, barrier + BARRIER.list);
  return n;
}
