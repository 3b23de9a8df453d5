/**
 * Task blocks, as the thread that submits sees them: made, taken back, read, freed. See TASK in core/layout.ts.
 *
 * @module
 */

import { compareExchange, exchange, load, pause, store } from "#atomics";
import type { Domain } from "../core/domain.ts";
import { alloc, free } from "../core/heap.ts";
import { RECORD, TASK, TASK_FLAG, TASK_STATE, TASK_WORDS } from "../core/layout.ts";
import type { Memory } from "../core/memory.ts";
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

/** The blocks in one memory. */
export class TaskBlocks {
  readonly #domain: Domain;
  readonly #memory: Memory;

  constructor(domain: Domain) {
    this.#domain = domain;
    this.#memory = domain.memory;
  }

  /** A block for a task. Owns the function's message, if it is flagged so, and the arguments. */
  make(id: number, { fn, flags, args, context }: TaskInput): number {
    const task = alloc(this.#memory, TASK_WORDS);
    const words = this.#memory.words;
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
  revoke(task: number): boolean {
    return (
      compareExchange(this.#memory.words, task + TASK.state, TASK_STATE.pending, TASK_STATE.cancelled) ===
      TASK_STATE.pending
    );
  }

  /** A new block for the same call, in the place of one that was revoked. */
  renew(task: number): number {
    const words = this.#memory.words;
    const again = this.make(words[task + TASK.id]!, {
      fn: words[task + TASK.fn]!,
      flags: words[task + TASK.flags]!,
      args: words[task + TASK.args]!,
      context: words[task + TASK.context]!,
    });
    this.#memory.words[task + TASK.fn] =
      this.#memory.words[task + TASK.args] =
      this.#memory.words[task + TASK.context] =
        0;
    return again;
  }

  idOf(task: number): number {
    this.#memory.reach(task + TASK_WORDS);
    return this.#memory.words[task + TASK.id]!;
  }

  stateOf(task: number): number {
    return load(this.#memory.words, task + TASK.state);
  }

  /** Identity of the worker that has it in hand; 0: none has put its name to it. */
  holderOf(task: number): number {
    return load(this.#memory.words, task + TASK.worker);
  }

  /** As {@link holderOf}, of a task that a worker may take at any moment: waits as long as that takes. */
  awaitHolder(task: number): number {
    for (let left = this.#memory.patience; left > 0; left--) {
      const holder = this.holderOf(task);
      if (holder !== 0) return holder;
      pause();
    }
    return 0;
  }

  /** Nobody has it in hand any more. */
  release(task: number): void {
    store(this.#memory.words, task + TASK.worker, 0);
  }

  /** Takes the result out of a block that came back. */
  takeResult(task: number): Arrived {
    const state = this.stateOf(task);
    const words = this.#memory.words;
    const cell = words[task + TASK.result]!;
    words[task + TASK.result] = 0;
    return { failed: state !== TASK_STATE.done, cell, elapsed: words[task + TASK.elapsed]! / 1000 };
  }

  /** Adds a flag while a worker may look at the others. */
  flag(task: number, bit: number): void {
    store(this.#memory.words, task + TASK.flags, this.#memory.words[task + TASK.flags]! | bit);
  }

  /** Asks the worker that runs it to stop. The first reason counts. */
  requestStop(task: number, reason: unknown): void {
    const message = this.#domain.packer.packThrown(reason);
    if (compareExchange(this.#memory.words, task + TASK.cancel, 0, message) !== 0) this.#domain.packer.discard(message);
    const worker = this.holderOf(task);
    const record = worker === 0 ? 0 : recordOf(this.#memory, worker);
    if (record === 0 || load(this.#memory.words, record + RECORD.tid) !== worker) return;
    // It may be at another task by now, which is not cancelled, and goes on.
    interrupt(this.#memory, record);
    ring(this.#memory, record);
  }

  /** Keeps the worker that runs it from ever finishing it; the worker must end then. False: it was done before. */
  doom(task: number): boolean {
    return (
      compareExchange(this.#memory.words, task + TASK.state, TASK_STATE.running, TASK_STATE.doomed) ===
      TASK_STATE.running
    );
  }

  /** The cell of the latest progress that was not taken yet; 0: none. */
  takeProgress(task: number): number {
    return exchange(this.#memory.words, task + TASK.progress, 0);
  }

  /** Frees a block, and what is left of its messages. Workers zero each word when they use up its message. */
  dispose(task: number): void {
    this.disposeInput(task);
    const words = this.#memory.words;
    this.#domain.cells.discardCell(words[task + TASK.result]!);
    this.#domain.cells.discardCell(words[task + TASK.progress]!);
    if (words[task + TASK.cancel] !== 0) this.#domain.packer.discard(words[task + TASK.cancel]!);
    free(this.#memory, task);
  }

  /** Frees what a task was to be given: it will not run. */
  disposeInput(task: number): void {
    const words = this.#memory.words;
    const fn = words[task + TASK.fn]!;
    const args = words[task + TASK.args]!;
    words[task + TASK.fn] = 0;
    words[task + TASK.args] = 0;
    const context = words[task + TASK.context]!;
    words[task + TASK.context] = 0;
    if (fn !== 0 && (words[task + TASK.flags]! & TASK_FLAG.ownFunction) !== 0) this.#domain.packer.discard(fn);
    this.#domain.cells.discardCell(args);
    this.#domain.cells.discardCell(context);
  }
}
