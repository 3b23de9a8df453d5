/**
 * The table of threads: who gets which record, and what becomes of a thread's things when it ends.
 *
 * @module
 */

import { add, compareExchange, load, store } from "#atomics";
import { RuntimeError } from "../errors.ts";
import { allocZeroed } from "./heap.ts";
import { MAX_THREADS, PROGRAM, RECORD, RECORD_WORDS, THREAD_BITS, THREAD_STATE } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { lockGuard, unlockGuard } from "./raw/guard.ts";
import { DEAD, DEAD_CAPACITY, recordOf } from "./raw/threads.ts";

/** New records are made up to this number before any is reused, so that identities stay distinct for longer. */
const SPREAD = 64;
const GENERATIONS = 1 << (30 - THREAD_BITS);

/** Claims a record for a thread that is about to start, and returns the thread's identity. */
export function claimThread(memory: Memory, parent: number): number {
  lockGuard(memory, PROGRAM.threadGuard);
  try {
    const entry = findEntry(memory);
    const record = load(memory.words, PROGRAM.threadTable + entry);
    const generation = ((load(memory.words, record + RECORD.tid) >>> THREAD_BITS) + 1) % GENERATIONS;
    const tid = (Math.max(1, generation) << THREAD_BITS) | entry;
    // First the identity: with the marks cleared under the old one, a dead thread would seem alive again.
    store(memory.words, record + RECORD.tid, tid);
    for (const word of [
      RECORD.ready,
      RECORD.cancel,
      RECORD.requests,
      RECORD.object,
      RECORD.osThread,
      RECORD.orphaned,
    ]) {
      store(memory.words, record + word, 0);
    }
    store(memory.words, record + RECORD.doorbell, 0);
    store(memory.words, record + RECORD.parent, parent);
    store(memory.words, record + RECORD.state, THREAD_STATE.starting);
    return tid;
  } finally {
    unlockGuard(memory, PROGRAM.threadGuard);
  }
}

function findEntry(memory: Memory): number {
  const used = load(memory.words, PROGRAM.threadCount);
  const hint = load(memory.words, PROGRAM.threadHint);
  if (used >= SPREAD) {
    for (let i = 1; i <= used; i++) {
      const entry = ((hint + i - 1) % used) + 1;
      const record = memory.reach(load(memory.words, PROGRAM.threadTable + entry));
      if (load(memory.words, record + RECORD.state) === THREAD_STATE.free) {
        store(memory.words, PROGRAM.threadHint, entry);
        return entry;
      }
    }
  }
  const entry = used + 1;
  if (entry >= MAX_THREADS) {
    throw new RuntimeError(
      `${MAX_THREADS - 1} threads exist already, the most a program can have. Use a ThreadPoolExecutor, whose few ` +
        "threads run any number of tasks.",
    );
  }
  // Allocated with the heap's guard inside the table's: never the other way round.
  const record = allocZeroed(memory, RECORD_WORDS);
  store(memory.words, PROGRAM.threadTable + entry, record);
  store(memory.words, PROGRAM.threadCount, entry);
  return entry;
}

/** Makes the calling thread the user of a claimed record. False: it was terminated before, and must not begin. */
export function adoptThread(memory: Memory, tid: number, osThread: number): boolean {
  memory.self = tid;
  memory.record = recordOf(memory, tid);
  if (load(memory.words, memory.record + RECORD.tid) !== tid) return false;
  // Before it counts as running: from then on, only this tells whoever terminates it when it is gone.
  store(memory.words, memory.record + RECORD.osThread, osThread);
  const state = memory.record + RECORD.state;
  return compareExchange(memory.words, state, THREAD_STATE.starting, THREAD_STATE.running) === THREAD_STATE.starting;
}

/** Keeps a thread that has not begun from ever doing so. False: it has begun. */
export function forestall(memory: Memory, tid: number): boolean {
  const state = recordOf(memory, tid) + RECORD.state;
  return compareExchange(memory.words, state, THREAD_STATE.starting, THREAD_STATE.died) === THREAD_STATE.starting;
}

/** The main thread's record lies in the program's first page: there is nothing to allocate with before it exists. */
export function adoptMainThread(memory: Memory): void {
  memory.record = PROGRAM.mainRecord;
  memory.self = (1 << THREAD_BITS) | 1;
  store(memory.words, memory.record + RECORD.tid, memory.self);
  store(memory.words, memory.record + RECORD.state, THREAD_STATE.running);
  store(memory.words, PROGRAM.threadTable + 1, memory.record);
  store(memory.words, PROGRAM.threadCount, 1);
}

/** Enters a thread among those that died abnormally. Before its state says so. */
export function addToDead(memory: Memory, tid: number): void {
  lockGuard(memory, PROGRAM.threadGuard);
  let block = load(memory.words, PROGRAM.deadList);
  if (block !== 0) memory.reach(block + DEAD.tids + DEAD_CAPACITY);
  if (block === 0 || load(memory.words, block + DEAD.count) === DEAD_CAPACITY) {
    const fresh = allocZeroed(memory, DEAD.tids + DEAD_CAPACITY);
    store(memory.words, fresh + DEAD.next, block);
    store(memory.words, PROGRAM.deadList, fresh);
    block = fresh;
  }
  const count = load(memory.words, block + DEAD.count);
  store(memory.words, block + DEAD.tids + count, tid);
  store(memory.words, block + DEAD.count, count + 1);
  add(memory.words, PROGRAM.deathEpoch, 1);
  unlockGuard(memory, PROGRAM.threadGuard);
}

/** The records of threads that this one has started and that are not buried, dead or alive. */
export function childrenOf(memory: Memory, parent: number): number[] {
  const records: number[] = [];
  const used = load(memory.words, PROGRAM.threadCount);
  for (let entry = 1; entry <= used; entry++) {
    const record = memory.reach(load(memory.words, PROGRAM.threadTable + entry));
    if (load(memory.words, record + RECORD.parent) !== parent) continue;
    if (load(memory.words, record + RECORD.state) !== THREAD_STATE.free) records.push(record);
  }
  return records;
}

/** The records of all threads that are starting or running. */
export function liveRecords(memory: Memory): number[] {
  const records: number[] = [];
  const used = load(memory.words, PROGRAM.threadCount);
  for (let entry = 1; entry <= used; entry++) {
    const record = memory.reach(load(memory.words, PROGRAM.threadTable + entry));
    const state = load(memory.words, record + RECORD.state);
    if (state === THREAD_STATE.starting || state === THREAD_STATE.running) records.push(record);
  }
  return records;
}
