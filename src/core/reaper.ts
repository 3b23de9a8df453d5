/**
 * The reaper: what must happen when a thread is gone, whichever way it went. Run by the thread that started it, or by
 * the dying thread itself when it still can.
 *
 * A wake-up given to a thread that is gone is lost, a guard it held stays closed, a lock it held has no owner any more.
 * In this order: the thread is declared dead (guards can be taken over, locks found ownerless), its waits are taken out
 * of their lists, grants that it never used are passed on, and everyone who waits for something it owned is told.
 *
 * @module
 */

import { add, load, store } from "#atomics";
import { flushCaches } from "./heap.ts";
import { releaseHeld } from "./handle-table.ts";
import {
  CONDITION,
  GRANT,
  LIST_WORDS,
  OBJECT,
  PROGRAM,
  QUEUE,
  RECORD,
  SLOT,
  SLOT_STATE,
  TAG,
  THREAD_STATE,
} from "./layout.ts";
import type { Memory } from "./memory.ts";
import { dropCell, giveBack, isQueue, settleQueue } from "./raw/queue.ts";
import { settleBarrier } from "./raw/barrier.ts";
import { notifyWaiters } from "./raw/condition.ts";
import { completeSet } from "./raw/event.ts";
import { passOnLost, poisonIfOwnedBy, settleLock } from "./raw/lock.ts";
import { passOnRw, settleRw } from "./raw/rwlock.ts";
import { returnLostPermit, settleSemaphore } from "./raw/semaphore.ts";
import { recordOf } from "./raw/threads.ts";
import { cancelWait, completeGrant, lockList, ringAgain, unlockList } from "./raw/wait-list.ts";
import { discardMessage, release, retain } from "./references.ts";
import { addToDead, liveRecords } from "./thread-table.ts";

/**
 * Buries a thread whose worker is gone, and frees its record for the next. `died`: it did not finish. `cutShort`: its
 * worker was stopped, if only after it had left its outcome, and perhaps in the middle of telling those who join. `last` is
 * called when everything it held is marked, and the record is still its own. Does nothing the second time; if whoever
 * buries it dies over that, another can begin anew.
 */
export function bury(
  memory: Memory,
  tid: number,
  died: boolean,
  cutShort: boolean = died,
  last: () => void = () => undefined,
): void {
  const record = recordOf(memory, tid);
  if (record === 0 || load(memory.words, record + RECORD.tid) !== tid) return;
  if (load(memory.words, record + RECORD.state) === THREAD_STATE.free) return;
  // The references that keep it go below; of a burial that is cut short, this one stays.
  const object = load(memory.words, record + RECORD.object);
  if (object !== 0) retain(memory, object);
  if (died) orphan(memory, tid);
  // From here on guards that it held can be taken over.
  store(memory.words, record + RECORD.state, died ? THREAD_STATE.died : THREAD_STATE.ended);
  // Once more: an event loop that looked before this found the thread's grants in good hands.
  add(memory.words, PROGRAM.deathEpoch, 1);
  for (const slot of slotsOf(memory, record)) passOnWait(memory, tid, slot);
  store(memory.words, record + RECORD.ready, 0);
  if (cutShort) tellTheLiving(memory, tid, died);
  releaseHeld(memory, record);
  const owed = load(memory.words, record + RECORD.owed);
  store(memory.words, record + RECORD.owed, 0);
  // It died before it had taken up its own object.
  if (owed !== 0) release(memory, owed);
  flushCaches(memory, record);
  last();
  store(memory.words, record + RECORD.object, 0);
  store(memory.words, record + RECORD.state, THREAD_STATE.free);
  if (object !== 0) release(memory, object);
}

/**
 * The thread ended abnormally: its locks have no owner any more. A thread that fails does this for itself, while it
 * winds down.
 */
export function announceDeath(memory: Memory, tid: number): void {
  if (orphan(memory, tid)) tellTheLiving(memory, tid, true);
}

function orphan(memory: Memory, tid: number): boolean {
  const record = recordOf(memory, tid);
  if (load(memory.words, record + RECORD.orphaned) !== 0) return false;
  // The list comes first: it is what counts once the record has another user.
  addToDead(memory, tid);
  store(memory.words, record + RECORD.orphaned, 1);
  return true;
}

function slotsOf(memory: Memory, record: number): number[] {
  const slots: number[] = [];
  for (let slot = load(memory.words, record + RECORD.slots); slot !== 0;) {
    slots.push(memory.reach(slot));
    slot = load(memory.words, slot + SLOT.chain);
  }
  return slots;
}

/** Takes a dead thread's slot out of its list, or passes on what it was granted and never used. */
function passOnWait(memory: Memory, tid: number, slot: number): void {
  const object = load(memory.words, slot + SLOT.object);
  if (load(memory.words, slot + SLOT.state) !== SLOT_STATE.free && object !== 0) {
    memory.reach(object);
    const tag = load(memory.words, object + OBJECT.tag);
    finishOperations(memory, object, tag);
    const isPutter = isQueue(tag) && load(memory.words, slot + SLOT.list) === object + QUEUE.putters;
    if (cancelWait(memory, slot)) {
      const payload = load(memory.words, slot + SLOT.payload);
      if (isPutter) dropCell(memory, object, payload, (message) => discardMessage(memory, message));
      // Those behind it may go on now.
      if (tag === TAG.rwlock) settleRw(memory, object, false);
    } else if (load(memory.words, slot + SLOT.granter) !== 0) {
      passOnGrant(memory, tid, slot, object, tag);
    }
  }
  store(memory.words, slot + SLOT.payload, 0);
  store(memory.words, slot + SLOT.state, SLOT_STATE.free);
  store(memory.words, slot + SLOT.object, 0);
}

/**
 * Passes through the guard under which the object's waiters are granted: whoever is granting the dead thread's slot has
 * finished then, and what a dead one had begun is completed or forgotten.
 */
function finishOperations(memory: Memory, object: number, tag: number): void {
  switch (tag) {
    case TAG.queue:
    case TAG.lifoQueue:
    case TAG.priorityQueue:
    case TAG.simpleQueue:
    case TAG.channel:
    case TAG.ring:
      settleQueue(memory, object);
      break;
    case TAG.lock:
    case TAG.rlock:
      settleLock(memory, object);
      break;
    case TAG.barrier:
      settleBarrier(memory, object);
      break;
    case TAG.rwlock:
      settleRw(memory, object, false);
      break;
    case TAG.semaphore:
    case TAG.boundedSemaphore:
      settleSemaphore(memory, object);
      break;
    case TAG.condition:
      passThrough(memory, object + CONDITION.list);
      break;
    // There is nothing to pass on: an event's grant can be lost.
    default:
  }
}

function passThrough(memory: Memory, list: number): void {
  memory.reach(list + LIST_WORDS);
  lockList(memory, list);
  unlockList(memory, list);
}

function passOnGrant(memory: Memory, tid: number, slot: number, object: number, tag: number): void {
  const value = load(memory.words, slot + SLOT.value);
  switch (tag) {
    case TAG.lock:
    case TAG.rlock:
      passOnLost(memory, object, tid, value);
      break;
    case TAG.semaphore:
    case TAG.boundedSemaphore:
      if (value === GRANT.done) returnLostPermit(memory, object);
      else settleSemaphore(memory, object);
      break;
    case TAG.rwlock:
      if (value === GRANT.done) passOnRw(memory, object, load(memory.words, slot + SLOT.payload), tid);
      break;
    case TAG.condition:
      notifyWaiters(memory, object, 1);
      break;
    case TAG.queue:
    case TAG.lifoQueue:
    case TAG.priorityQueue:
    case TAG.simpleQueue:
    case TAG.channel:
    case TAG.ring:
      passOnItem(memory, object, value, load(memory.words, slot + SLOT.payload));
      break;
    default:
  }
}

/** The cell is read only now, once the queue is settled: a putter's went into the queue with its grant. */
function passOnItem(memory: Memory, queue: number, value: number, cell: number): void {
  if (value === GRANT.retry) settleQueue(memory, queue);
  else if (cell === 0) return;
  else if (value === GRANT.done) giveBack(memory, queue, cell);
  else if (value === GRANT.refused) dropCell(memory, queue, cell, (message) => discardMessage(memory, message));
}

/**
 * Walks everyone who waits: for a lock of the dead, for a barrier whose action it ran, for a queue it was serving, for
 * its own end. `died`: what it held is marked.
 */
function tellTheLiving(memory: Memory, dead: number, died: boolean): void {
  for (const record of liveRecords(memory)) {
    for (const slot of slotsOf(memory, record)) {
      const object = load(memory.words, slot + SLOT.object);
      if (object === 0) continue;
      const state = load(memory.words, slot + SLOT.state);
      if (state === SLOT_STATE.granted) memory.notify(slot + SLOT.state);
      if (state !== SLOT_STATE.waiting && state !== SLOT_STATE.interrupted) continue;
      completeGrant(memory, slot, dead);
      memory.reach(object);
      switch (load(memory.words, object + OBJECT.tag)) {
        case TAG.lock:
        case TAG.rlock:
          if (died) poisonIfOwnedBy(memory, object, dead);
          else settleLock(memory, object);
          break;
        case TAG.semaphore:
        case TAG.boundedSemaphore:
          settleSemaphore(memory, object);
          break;
        case TAG.barrier:
          settleBarrier(memory, object);
          break;
        case TAG.rwlock:
          settleRw(memory, object, died);
          break;
        case TAG.queue:
        case TAG.lifoQueue:
        case TAG.priorityQueue:
        case TAG.simpleQueue:
        case TAG.channel:
        case TAG.ring:
          settleQueue(memory, object);
          break;
        case TAG.event:
        case TAG.thread:
        case TAG.process:
          completeSet(memory, object);
          break;
        default:
      }
    }
    ringAgain(memory, record);
  }
}
