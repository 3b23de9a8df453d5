/**
 * How a thread ended, written into its shared object for everyone who joins.
 *
 * @module
 */

import { load, store } from "#atomics";
import { ENDED, GRANT, THREAD } from "../core/layout.ts";
import { QUEUED, type WaitKind } from "../core/parker.ts";
import { memory } from "../core/program.ts";
import { isSetOrEnqueue, setEvent } from "../core/raw/event.ts";
import { deadlocks } from "./deadlock.ts";

/** How one waits for a thread to end: its flag and its list are an event's. */
export const JOIN_WAIT: WaitKind = {
  name: "thread.join",
  enter: (memory, thread, slot) => (isSetOrEnqueue(memory, thread, slot) ? GRANT.done : QUEUED),
  watch: deadlocks,
  traced: true,
};

/** The fields of a thread's object that travel: its own, enumerable ones. */
export function fieldsOf(thread: object): Record<string, unknown> {
  return Object.assign({}, thread) as Record<string, unknown>;
}

/** Was the outcome written already? */
export function hasOutcome(object: number): boolean {
  return load(memory.words, object + THREAD.flag) !== ENDED.no;
}

/** Writes the outcome and releases all who join. The messages belong to the thread object from now on. */
export function commit(object: number, ended: number, outcome: number, fields = 0): void {
  store(memory.words, object + THREAD.outcome, outcome);
  store(memory.words, object + THREAD.fields, fields);
  setEvent(memory, object, ended);
}
