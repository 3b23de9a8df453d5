/**
 * Which thread runs.
 *
 * @module
 */

import { add, load, store } from "#atomics";
import { attach } from "../core/handles.ts";
import { ENDED, PROGRAM, RECORD, THREAD } from "../core/layout.ts";
import { memory, program } from "../core/program.ts";
import { retain } from "../core/references.ts";
import { liveRecords } from "../core/thread-table.ts";
import type { Thread } from "./thread.ts";

let current: Thread<unknown[], unknown> | undefined;

/** In a worker: the object of its thread. */
export function setCurrentThread(thread: Thread<unknown[], unknown>): void {
  current = thread;
}

/** The object of the thread that a record belongs to. */
function threadOf(record: number): Thread<unknown[], unknown> | undefined {
  const object = load(memory.words, record + RECORD.object);
  if (object === 0) return undefined;
  retain(memory, object);
  return attach(object) as Thread<unknown[], unknown>;
}

/** The thread that runs this code. */
export function currentThread(): Thread<unknown[], unknown> {
  current ??= threadOf(memory.record);
  return current!;
}

/** The program's first thread, in which its main module runs. */
export function mainThread(): Thread<unknown[], unknown> {
  return threadOf(PROGRAM.mainRecord)!;
}

function hasEnded(object: number): boolean {
  memory.reach(object);
  return load(memory.words, object + THREAD.flag) !== ENDED.no;
}

/** All threads that were started and have not ended, the main thread included. */
export function enumerate(): Thread<unknown[], unknown>[] {
  const threads: Thread<unknown[], unknown>[] = [];
  for (const record of liveRecords(memory)) {
    const object = load(memory.words, record + RECORD.object);
    if (object === 0 || hasEnded(object)) continue;
    const thread = threadOf(record);
    if (thread !== undefined) threads.push(thread);
  }
  return threads;
}

/** How many threads {@link enumerate} would list. */
export function activeCount(): number {
  let n = 0;
  for (const record of liveRecords(memory)) {
    const object = load(memory.words, record + RECORD.object);
    if (object !== 0 && !hasEnded(object)) n++;
  }
  return n;
}

/** A number that no other thread of the program has or had. */
export function getIdent(): number {
  return memory.self;
}

/** Is this the program's first thread? */
export const isMainThread: boolean = program.isMain;

/** Next number for a default name. */
export function nextThreadNumber(): number {
  return add(memory.words, PROGRAM.threadNames, 1) + 1;
}

export function setThreadObject(record: number, object: number): void {
  store(memory.words, record + RECORD.object, object);
}
