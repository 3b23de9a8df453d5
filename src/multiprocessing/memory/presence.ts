/**
 * Who takes part in the memory that processes share, and how their end is found out.
 *
 * ```
 *   free ──claim──► starting ──► running (left: 0 or 1) ──found gone──► died or ended ──► free
 * ```
 * Every thread of every process that uses the memory has a record in it. Nobody is told when one ends or is killed: so
 * whoever waits looks around now and then, and buries those whom the system does not know any more. One thread at a time
 * does so; one that is killed at it is buried by the next, who goes on with its work.
 *
 * @module
 */

import { add, compareExchange, load, store } from "#atomics";
import { RuntimeError } from "../../errors.ts";
import { allocZeroed } from "../../core/heap.ts";
import { MAX_THREADS, PROGRAM, RECORD, RECORD_WORDS, THREAD_BITS, THREAD_STATE } from "../../core/layout.ts";
import type { Memory } from "../../core/memory.ts";
import { lockGuard, unlockGuard } from "../../core/raw/guard.ts";
import { recordOf } from "../../core/raw/threads.ts";
import { bury } from "../../core/reaper.ts";
import { adoptMainThread } from "../../core/thread-table.ts";

const { existsSync, readFileSync, readlinkSync } = process.getBuiltinModule("node:fs");

/** How often a thread that waits looks around. Milliseconds. */
export const LOOK_EVERY = 100;

/**
 * Records are made in advance: a thread cannot allocate, nor take a guard, before it has one. There are always so many
 * more than are used.
 */
const SPARE = 64;
const GENERATIONS = 1 << (30 - THREAD_BITS);

/** Makes the calling thread the first in new memory. */
export function enrollFirst(memory: Memory): void {
  adoptMainThread(memory);
  present(memory);
  store(memory.words, PROGRAM.rootPid, process.pid);
  store(memory.words, PROGRAM.rootSince, startOf(process.pid, process.pid) ?? 0);
  addSpareRecords(memory, 0);
}

/** Gives the calling thread a record of its own. */
export function enroll(memory: Memory): void {
  const used = load(memory.words, PROGRAM.threadCount);
  // A place of its own to begin at: an identity is used again as late as possible.
  const start = add(memory.words, PROGRAM.threadHint, 1);
  let free = 0;
  for (let i = 0; i < used; i++) {
    const entry = ((start + i) % used) + 1;
    const record = memory.reach(load(memory.words, PROGRAM.threadTable + entry));
    const state = record + RECORD.state;
    if (load(memory.words, state) !== THREAD_STATE.free) continue;
    if (memory.record === 0) {
      if (compareExchange(memory.words, state, THREAD_STATE.free, THREAD_STATE.starting) !== THREAD_STATE.free)
        continue;
      take(memory, record, entry);
    } else if (++free === SPARE) return;
  }
  if (memory.record === 0) throw full();
  lookAround(memory);
  addSpareRecords(memory, free);
}

function take(memory: Memory, record: number, entry: number): void {
  const generation = ((load(memory.words, record + RECORD.tid) >>> THREAD_BITS) + 1) % GENERATIONS;
  const tid = (Math.max(1, generation) << THREAD_BITS) | entry;
  // First the identity: with the marks cleared under the old one, a dead thread would seem alive again.
  store(memory.words, record + RECORD.tid, tid);
  for (const word of CLEARED) store(memory.words, record + word, 0);
  memory.self = tid;
  memory.record = record;
  present(memory);
  store(memory.words, record + RECORD.state, THREAD_STATE.running);
}

const CLEARED = [
  RECORD.cancel,
  RECORD.requests,
  RECORD.object,
  RECORD.orphaned,
  RECORD.ready,
  RECORD.doorbell,
  RECORD.bell,
  RECORD.parent,
  RECORD.left,
] as const;

/** Says which thread of the system uses the record, so that others can find out that it is gone. */
function present(memory: Memory): void {
  const osThread = Number(readlinkSync("/proc/thread-self").split("/").pop());
  store(memory.words, memory.record + RECORD.since, startOf(process.pid, osThread) ?? 0);
  store(memory.words, memory.record + RECORD.osThread, osThread);
  store(memory.words, memory.record + RECORD.pid, process.pid);
  memory.isGone = (tid) => isGone(memory, recordOf(memory, tid), tid);
}

function addSpareRecords(memory: Memory, free: number): void {
  lockGuard(memory, PROGRAM.threadGuard);
  try {
    for (let i = free; i < SPARE; i++) {
      const entry = load(memory.words, PROGRAM.threadCount) + 1;
      if (entry >= MAX_THREADS) return;
      store(memory.words, PROGRAM.threadTable + entry, allocZeroed(memory, RECORD_WORDS));
      store(memory.words, PROGRAM.threadCount, entry);
    }
  } finally {
    unlockGuard(memory, PROGRAM.threadGuard);
  }
}

function full(): RuntimeError {
  return new RuntimeError(
    `${MAX_THREADS - 1} threads and processes share memory already, the most a program can have. Use a Pool, whose few ` +
      "processes run any number of tasks.",
  );
}

/**
 * The calling thread ends, in good order. Others give back what it held: whoever buries must be alive, or the guards it
 * takes would be taken from it.
 */
export function leave(memory: Memory): void {
  store(memory.words, memory.record + RECORD.left, 1);
}

/** When a thread of the system began, in clock ticks since the system did; `undefined`: there is none. */
export function startOf(pid: number, osThread: number): number | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/task/${osThread}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The second field is the name, in parentheses, and may hold anything. State is the third field, the start the 22nd.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  // A zombie has been killed, though nobody has asked for its exit code yet.
  if (fields[0] === "Z" || fields[0] === "X") return undefined;
  return Number(fields[19]) % 2 ** 30;
}

/** Does the system say that the thread does not exist any more? */
function isGone(memory: Memory, record: number, tid: number): boolean {
  const { words } = memory;
  const [pid, osThread] = [load(words, record + RECORD.pid), load(words, record + RECORD.osThread)];
  const since = load(words, record + RECORD.since);
  if (pid === 0 || startOf(pid, osThread) === since) return false;
  // All that was of one and the same thread.
  return load(words, record + RECORD.tid) === tid;
}

let told: (memory: Memory, record: number, status: number | undefined) => void = () => undefined;

/** Calls `fn` for each that is buried, before that. `status`: as {@link exitStatusOf}. */
export function onBurial(fn: typeof told): void {
  told = fn;
}

/** How a process ended that nobody has asked for its exit code yet: as `exitcode`. `undefined`: it runs, or is gone. */
export function exitStatusOf(pid: number): number | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (fields[0] !== "Z" && fields[0] !== "X") return undefined;
  // Field 52, as waitpid gives it.
  const status = Number(fields[49]);
  return (status & 127) === 0 ? status >>> 8 : -(status & 127);
}

let lastLook = 0;

/** Buries those who are gone. At most every {@link LOOK_EVERY}, but `atOnce` if somebody is known to be. */
export function lookAround(memory: Memory, atOnce = false): void {
  const now = performance.now();
  if (now - lastLook < LOOK_EVERY && !atOnce) return;
  lastLook = now;
  buryGone(memory);
}

/** As {@link lookAround}, at once. */
export function buryGone(memory: Memory): void {
  const gone = [];
  for (const record of recordsInUse(memory)) {
    const tid = load(memory.words, record + RECORD.tid);
    if (isGone(memory, record, tid)) gone.push({ record, tid });
  }
  if (gone.length === 0) return;
  lockGuard(memory, PROGRAM.reaperGuard);
  try {
    for (const { record, tid } of gone) {
      // It may have given its record back before it was gone, and that may have another user now.
      if (!isInUse(memory, record) || load(memory.words, record + RECORD.tid) !== tid) continue;
      told(memory, record, exitStatusOf(load(memory.words, record + RECORD.pid)));
      bury(memory, tid, load(memory.words, record + RECORD.left) === 0, true);
    }
  } finally {
    unlockGuard(memory, PROGRAM.reaperGuard);
  }
}

/** Also those whose burial was begun by one that was killed at it. */
function recordsInUse(memory: Memory): number[] {
  const records: number[] = [];
  const used = load(memory.words, PROGRAM.threadCount);
  for (let entry = 1; entry <= used; entry++) {
    const record = memory.reach(load(memory.words, PROGRAM.threadTable + entry));
    if (isInUse(memory, record)) records.push(record);
  }
  return records;
}

function isInUse(memory: Memory, record: number): boolean {
  const state = load(memory.words, record + RECORD.state);
  return state !== THREAD_STATE.free && state !== THREAD_STATE.starting;
}

/** Does such a process exist? */
export function exists(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}
