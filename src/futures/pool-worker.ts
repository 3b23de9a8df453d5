/**
 * A worker of a thread pool: a thread that takes tasks from a ring until it is told to stop.
 *
 * @module
 */

import { host } from "#host";
import { compareExchange, load, store } from "#atomics";
import { fromCell, prepareCell, toCell } from "../core/cells.ts";
import { now } from "../core/deadline.ts";
import { ADDRESS } from "../core/handles.ts";
import type { ResourceLimits } from "../core/host.ts";
import { TASK, TASK_FLAG, TASK_STATE, THREAD } from "../core/layout.ts";
import { packThrown, peek, prepare, unpack } from "../core/messages.ts";
import { memory, parker } from "../core/program.ts";
import { recordOf } from "../core/raw/threads.ts";
import { ring } from "../core/raw/wait-list.ts";
import { RuntimeError } from "../errors.ts";
import { registerKind } from "../threading/kinds.ts";
import { Thread } from "../threading/thread.ts";
import { type Callable, type ChunkResult, isThenable, packChunk, runChunk } from "./chunk.ts";
import { type Ring, RingWait } from "./ring.ts";

/** Cells that are no tasks; tasks are addresses, which are even. */
export const STOP = 1;
/** In the results ring: look again, something changed. */
export const NUDGE = 3;

/** What a worker is given when it starts. */
export interface PoolTerms {
  readonly tasks: Ring;
  readonly results: Ring;
  /** Identity of the thread whose pool it is. */
  readonly owner: number;
  readonly initializer: Callable | undefined;
  readonly initargs: readonly unknown[];
}

/** Ends a worker whose initializer failed, and breaks its pool. */
export class InitializerFailed extends RuntimeError {}

export class PoolWorker extends Thread {
  #terms: PoolTerms | undefined;
  /** Functions that captured nothing, by their message. */
  readonly #functions: Map<number, Callable> = new Map();

  constructor(name: string, terms?: PoolTerms, resourceLimits?: ResourceLimits) {
    super({ name, daemon: true, ...(resourceLimits && { resourceLimits }) });
    this.#terms = terms;
  }

  override async run(): Promise<void> {
    await this.#initialize();
    store(memory.words, this[ADDRESS] + THREAD.ready, 1);
    // A worker that was asked to end takes no other task, which would find itself cancelled.
    while (!parker.cancelRequested) {
      const cell = this.#terms!.tasks.poll() || (await this.#idle());
      if (cell === STOP) return;
      const running = this.#take(cell);
      if (running !== undefined) await running;
    }
  }

  async #initialize(): Promise<void> {
    const { initializer, initargs } = this.#terms!;
    try {
      await initializer?.(...initargs);
    } catch (error) {
      throw new InitializerFailed("The initializer of a pool's worker failed", { cause: error });
    }
  }

  /** Waits for a cell: blocked, which wakes fastest; on the event loop, if something is pending there. */
  async #idle(): Promise<number> {
    // What the last task left on the microtask queue runs first.
    await Promise.resolve();
    const wait = new RingWait("pool worker");
    const ring = this.#terms!.tasks[ADDRESS];
    if (host.hasPendingWork()) await parker.wait(wait, ring, this, Infinity);
    else parker.waitSync(wait, ring, Infinity);
    return wait.cell;
  }

  /** Runs a task, if nobody cancelled it. A promise only if it has to wait for one. */
  #take(task: number): Promise<void> | undefined {
    memory.reach(task);
    store(memory.words, task + TASK.worker, memory.self);
    const state = compareExchange(memory.words, task + TASK.state, TASK_STATE.pending, TASK_STATE.running);
    if (state !== TASK_STATE.pending) {
      this.#return(task);
      return undefined;
    }
    const flags = load(memory.words, task + TASK.flags);
    const fn = load(memory.words, task + TASK.fn);
    const args = load(memory.words, task + TASK.args);
    const loading = this.#functions.has(fn) ? undefined : prepare(fn, (flags & TASK_FLAG.ownFunction) === 0);
    const fetching = prepareCell(args);
    if (loading !== undefined || fetching !== undefined) {
      return Promise.all([loading, fetching]).then(
        () => this.#run(task, flags, fn, args),
        (error: unknown) => this.#fail(task, error),
      );
    }
    return this.#run(task, flags, fn, args);
  }

  #run(task: number, flags: number, fn: number, args: number): Promise<void> | undefined {
    const began = now();
    try {
      // A message that is used up must not be found in the block, also if this thread ends in the middle.
      if ((flags & TASK_FLAG.ownFunction) !== 0) store(memory.words, task + TASK.fn, 0);
      const callable = this.#function(fn, flags);
      store(memory.words, task + TASK.args, 0);
      const given = (fromCell(args) ?? []) as unknown[];
      const result =
        (flags & TASK_FLAG.chunk) === 0
          ? callable(...given)
          : runChunk(callable, given, (flags & TASK_FLAG.star) !== 0);
      if (isThenable(result)) {
        return Promise.resolve(result).then(
          (value) => this.#succeed(task, value, flags, began),
          (error: unknown) => this.#fail(task, error),
        );
      }
      this.#succeed(task, result, flags, began);
    } catch (error) {
      this.#fail(task, error);
    }
    return undefined;
  }

  #function(message: number, flags: number): Callable {
    if ((flags & TASK_FLAG.ownFunction) !== 0) return unpack(message) as Callable;
    if ((flags & TASK_FLAG.interned) === 0) return peek(message) as Callable;
    let fn = this.#functions.get(message);
    if (fn === undefined) this.#functions.set(message, (fn = peek(message) as Callable));
    return fn;
  }

  #succeed(task: number, value: unknown, flags: number, began: number): void {
    let result: number;
    try {
      result = (flags & TASK_FLAG.chunk) === 0 ? toCell(value, "result") : packChunk(value as ChunkResult);
    } catch (error) {
      this.#fail(task, error);
      return;
    }
    store(memory.words, task + TASK.elapsed, Math.round((now() - began) * 1000));
    store(memory.words, task + TASK.result, result);
    store(memory.words, task + TASK.state, TASK_STATE.done);
    this.#return(task);
  }

  #fail(task: number, error: unknown): void {
    store(memory.words, task + TASK.result, packThrown(error));
    store(memory.words, task + TASK.state, TASK_STATE.failed);
    this.#return(task);
  }

  #return(task: number): void {
    this.#terms!.results.put(task);
    ring(memory, recordOf(memory, this.#terms!.owner));
  }

  static {
    registerKind({
      name: "PoolWorker",
      constructor: PoolWorker,
      background: true,
      make: () => new PoolWorker("") as Thread,
      save(worker) {
        // Not kept on this side: the initializer may refer to the executor, which could then never be found abandoned.
        const terms = (worker as PoolWorker).#terms;
        (worker as PoolWorker).#terms = undefined;
        return terms;
      },
      restore(worker, saved) {
        (worker as PoolWorker).#terms = saved as PoolTerms;
      },
    });
  }
}
