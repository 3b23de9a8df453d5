/**
 * Task blocks, as the thread that submits sees them: made, taken back, read, freed. See TASK in core/layout.ts.
 *
 * @module
 */

import { compareExchange, exchange, load, store } from "#atomics";
import { discardCell } from "../core/cells.ts";
import { alloc, free } from "../core/heap.ts";
import { RECORD, TASK, TASK_FLAG, TASK_STATE, TASK_WORDS } from "../core/layout.ts";
import { discard, packThrown } from "../core/messages.ts";
import { memory } from "../core/program.ts";
import { recordOf } from "../core/raw/threads.ts";
import { interrupt, ring } from "../core/raw/wait-list.ts";

/** What a block brought back. */
export interface Arrived {
  readonly failed: boolean;
  /** A cell: the result, or the error. */
  readonly cell: number;
  /** Milliseconds that the task ran. */
  readonly elapsed: number;
}

/** What a task is given. */
export interface TaskInput {
  /** Message of the function; see `TASK_FLAG` for whose it is. */
  readonly fn: number;
  readonly flags: number;
  /** Cells. */
  readonly args: number;
  readonly context: number;
}

/** A block for a task. Owns the function's message, if it is flagged so, and the arguments. */
export function newTask(id: number, { fn, flags, args, context }: TaskInput): number {
  const task = alloc(memory, TASK_WORDS);
  const words = memory.words;
  words[task + TASK.id] = id;
  words[task + TASK.fn] = fn;
  words[task + TASK.args] = args;
  words[task + TASK.result] = 0;
  words[task + TASK.flags] = flags;
  words[task + TASK.worker] = 0;
  words[task + TASK.cancel] = 0;
  words[task + TASK.progress] = 0;
  words[task + TASK.context] = context;
  store(words, task + TASK.state, TASK_STATE.pending);
  return task;
}

/** Takes a block away from the workers, if none has begun with it. */
export function revoke(task: number): boolean {
  return (
    compareExchange(memory.words, task + TASK.state, TASK_STATE.pending, TASK_STATE.cancelled) === TASK_STATE.pending
  );
}

/** A new block for the same call, in the place of one that was revoked. */
export function renew(task: number): number {
  const words = memory.words;
  const again = newTask(words[task + TASK.id]!, {
    fn: words[task + TASK.fn]!,
    flags: words[task + TASK.flags]!,
    args: words[task + TASK.args]!,
    context: words[task + TASK.context]!,
  });
  memory.words[task + TASK.fn] = memory.words[task + TASK.args] = memory.words[task + TASK.context] = 0;
  return again;
}

export function idOf(task: number): number {
  memory.reach(task + TASK_WORDS);
  return memory.words[task + TASK.id]!;
}

export function stateOf(task: number): number {
  return load(memory.words, task + TASK.state);
}

/** Identity of the worker that has it in hand; 0: none has put its name to it. */
export function holderOf(task: number): number {
  return load(memory.words, task + TASK.worker);
}

/** Takes the result out of a block that came back. */
export function takeResult(task: number): Arrived {
  const state = stateOf(task);
  const words = memory.words;
  const cell = words[task + TASK.result]!;
  words[task + TASK.result] = 0;
  return { failed: state !== TASK_STATE.done, cell, elapsed: words[task + TASK.elapsed]! / 1000 };
}

/** Adds a flag while a worker may look at the others. */
export function flag(task: number, bit: number): void {
  store(memory.words, task + TASK.flags, memory.words[task + TASK.flags]! | bit);
}

/** Asks the worker that runs it to stop. The first reason counts. */
export function requestStop(task: number, reason: unknown): void {
  const message = packThrown(reason);
  if (compareExchange(memory.words, task + TASK.cancel, 0, message) !== 0) discard(message);
  const worker = holderOf(task);
  const record = worker === 0 ? 0 : recordOf(memory, worker);
  if (record === 0 || load(memory.words, record + RECORD.tid) !== worker) return;
  // It may be at another task by now, which is not cancelled, and goes on.
  interrupt(memory, record);
  ring(memory, record);
}

/** Keeps the worker that runs it from ever finishing it; the worker must end then. False: it was done before. */
export function doom(task: number): boolean {
  return compareExchange(memory.words, task + TASK.state, TASK_STATE.running, TASK_STATE.doomed) === TASK_STATE.running;
}

/** The cell of the latest progress that was not taken yet; 0: none. */
export function takeProgress(task: number): number {
  return exchange(memory.words, task + TASK.progress, 0);
}

/** Frees a block, and what is left of its messages. Workers zero each word when they use up its message. */
export function dispose(task: number): void {
  disposeInput(task);
  const words = memory.words;
  discardCell(words[task + TASK.result]!);
  discardCell(words[task + TASK.progress]!);
  if (words[task + TASK.cancel] !== 0) discard(words[task + TASK.cancel]!);
  free(memory, task);
}

/** Frees what a task was to be given: it will not run. */
export function disposeInput(task: number): void {
  const words = memory.words;
  const fn = words[task + TASK.fn]!;
  const args = words[task + TASK.args]!;
  words[task + TASK.fn] = 0;
  words[task + TASK.args] = 0;
  const context = words[task + TASK.context]!;
  words[task + TASK.context] = 0;
  if (fn !== 0 && (words[task + TASK.flags]! & TASK_FLAG.ownFunction) !== 0) discard(fn);
  discardCell(args);
  discardCell(context);
}
