/**
 * A worker of a thread pool: a thread that takes tasks from a ring until it is told to stop.
 *
 * @module
 */

import { host } from "#host";
import { compareExchange, exchange, load, store } from "#atomics";
import { discardCell, fromCell, prepareCell, toCell } from "../core/cells.ts";
import { deadlineOf, now } from "../core/deadline.ts";
import { ADDRESS } from "../core/handles.ts";
import type { ResourceLimits } from "../core/host.ts";
import { TASK, TASK_FLAG, TASK_STATE, TASK_WORDS, THREAD } from "../core/layout.ts";
import { packThrown, peek, prepare, unpack } from "../core/messages.ts";
import { EXPIRED } from "../core/parker.ts";
import { platform } from "../core/platform.ts";
import { memory, parker } from "../core/program.ts";
import { recordOf } from "../core/raw/threads.ts";
import { ring } from "../core/raw/wait-list.ts";
import { type PackedContext, runInPacked } from "../contextvars/packed.ts";
import { RuntimeError } from "../errors.ts";
import { registerKind } from "../threading/kinds.ts";
import { Thread } from "../threading/thread.ts";
import { type Callable, type ChunkResult, isThenable, packChunk, runChunk } from "./chunk.ts";
import { setReporter } from "./progress.ts";
import { LEFT, NUDGE, type PriorityRing, type Ring, RingWait, STOP, TaskQueue } from "./ring.ts";

/** What a worker is given when it starts. */
export interface PoolTerms {
  readonly urgent: PriorityRing;
  readonly tasks: Ring;
  readonly later: PriorityRing;
  readonly results: Ring;
  /** Identity of the thread whose pool it is. */
  readonly owner: number;
  readonly initializer: Callable | undefined;
  readonly initargs: readonly unknown[];
  /** Milliseconds without work after which it ends. */
  readonly idleTimeout: number | undefined;
  /** How many tasks it runs before it ends. */
  readonly maxTasks: number | undefined;
}

/** How a worker's thread is made. */
export interface WorkerForm {
  readonly resourceLimits: ResourceLimits | undefined;
  readonly worker: (() => unknown) | undefined;
}

/** How long the event loop waits at most while one task follows the other, in milliseconds. */
const TURN_EVERY = 5;

/** `THREAD.ready` of a worker. */
export const READY = { no: 0, yes: 1, left: 2 } as const;

/** Ends a worker whose initializer failed, and breaks its pool. */
export class InitializerFailed extends RuntimeError {}

export class PoolWorker extends Thread {
  #terms: PoolTerms | undefined;
  #queue: TaskQueue | undefined;
  /** Functions that captured nothing, by their message. */
  readonly #functions: Map<number, Callable> = new Map();
  /** The block of the task that runs now; 0: none. */
  #task = 0;
  /** That task's, made when it is asked for. */
  #taskAbort: AbortController | undefined;
  #ran = 0;
  /** Of the chunk that runs: is the rest of it not wanted? A plain read, since it is asked for each item. */
  readonly #isUnwanted = (): boolean => {
    const { words } = memory;
    return ((words[this.#task + TASK.flags]! & TASK_FLAG.skipRest) | words[this.#task + TASK.cancel]!) !== 0;
  };
  /** When the last task began, and when the event loop was last seen to. */
  #began = 0;
  #lastTurn = 0;
  /** The last task was to stop and did not in time; this thread is about to be killed. */
  #isDoomed = false;

  constructor(name: string, terms?: PoolTerms, form?: WorkerForm) {
    super({
      name,
      daemon: true,
      ...(form?.resourceLimits && { resourceLimits: form.resourceLimits }),
      ...(form?.worker && { worker: form.worker }),
    });
    this.#terms = terms;
  }

  /** Was this thread, or the task it runs, asked to end? */
  override get cancelRequested(): boolean {
    return super.cancelRequested || (this.#task !== 0 && parker.taskCancelRequested);
  }

  /** Aborts when the task that runs now is to stop, or the whole thread. */
  override get signal(): AbortSignal {
    if (this.#task === 0) return super.signal;
    this.#taskAbort ??= new AbortController();
    const { signal } = this.#taskAbort;
    if (!signal.aborted && this.cancelRequested) this.#taskAbort.abort(this.#reasonToStop());
    return signal;
  }

  #reasonToStop(): unknown {
    return parker.taskCancelRequested ? peek(load(memory.words, this.#task + TASK.cancel)) : super.signal.reason;
  }

  override async run(): Promise<void> {
    this.#queue = new TaskQueue(this.#terms!);
    setReporter((fraction, info) => this.#report(fraction, info));
    await this.#initialize();
    store(memory.words, this[ADDRESS] + THREAD.ready, READY.yes);
    // A worker that was asked to end takes no other task, which would find itself cancelled.
    for (let cell = 0; !parker.cancelRequested && !this.#isDoomed;) {
      cell = this.#queue.poll(cell === NUDGE) || (await this.#idle());
      if (cell === STOP) return;
      if (cell === LEFT) break;
      if (cell === NUDGE) continue;
      const running = this.#take(cell);
      if (running !== undefined) await running;
      if (this.#began - this.#lastTurn > TURN_EVERY) await this.#turn();
      if (this.#ran === this.#terms!.maxTasks) break;
    }
    if (!parker.cancelRequested && !this.#isDoomed) this.#takeLeave();
  }

  async #initialize(): Promise<void> {
    const { initializer, initargs } = this.#terms!;
    try {
      await initializer?.(...initargs);
    } catch (error) {
      throw new InitializerFailed("The initializer of a pool's worker failed", { cause: error });
    }
  }

  /**
   * Waits for a cell: blocked, which wakes fastest; on the event loop, if something is pending there. {@link LEFT}: none
   * came for so long that it ends.
   */
  async #idle(): Promise<number> {
    // What the last task left on the microtask queue runs first.
    await Promise.resolve();
    const { tasks, idleTimeout } = this.#terms!;
    const wait = new RingWait("pool worker");
    const deadline = deadlineOf(idleTimeout);
    const result = host.hasPendingWork()
      ? await parker.wait(wait, tasks[ADDRESS], this, deadline)
      : parker.waitSync(wait, tasks[ADDRESS], deadline);
    return result === EXPIRED ? LEFT : wait.cell;
  }

  /** What earlier tasks left on the event loop has its turn, however many tasks there are. */
  async #turn(): Promise<void> {
    this.#lastTurn = this.#began;
    if (host.hasPendingWork()) await new Promise<void>((resolve) => platform.soon(resolve));
  }

  /** Tells the owner that it takes no more tasks. What is pending on its event loop ends with it. */
  #takeLeave(): void {
    store(memory.words, this[ADDRESS] + THREAD.ready, READY.left);
    this.#send(LEFT);
  }

  /** Runs a task, if nobody cancelled it. A promise only if it has to wait for one. */
  #take(task: number): Promise<void> | undefined {
    memory.reach(task + TASK_WORDS);
    store(memory.words, task + TASK.worker, memory.self);
    const state = compareExchange(memory.words, task + TASK.state, TASK_STATE.pending, TASK_STATE.running);
    if (state !== TASK_STATE.pending) {
      this.#send(task);
      return undefined;
    }
    this.#ran++;
    this.#task = task;
    parker.watchTask(task + TASK.cancel);
    const flags = load(memory.words, task + TASK.flags);
    const fn = load(memory.words, task + TASK.fn);
    const args = load(memory.words, task + TASK.args);
    const loading = this.#functions.has(fn) ? undefined : prepare(fn, (flags & TASK_FLAG.ownFunction) === 0);
    const fetching = prepareCell(args);
    const context = load(memory.words, task + TASK.context);
    const entering = context === 0 ? undefined : prepareCell(context);
    if (loading !== undefined || fetching !== undefined || entering !== undefined) {
      return Promise.all([loading, fetching, entering]).then(
        () => this.#run(task, flags, fn, args),
        (error: unknown) => this.#fail(task, error),
      );
    }
    return this.#run(task, flags, fn, args);
  }

  #run(task: number, flags: number, fn: number, args: number): Promise<void> | undefined {
    const began = (this.#began = now());
    try {
      if (parker.taskCancelRequested) throw this.#reasonToStop();
      // A message that is used up must not be found in the block, also if this thread ends in the middle.
      if ((flags & TASK_FLAG.ownFunction) !== 0) store(memory.words, task + TASK.fn, 0);
      const callable = this.#function(fn, flags);
      store(memory.words, task + TASK.args, 0);
      const given = (fromCell(args) ?? []) as unknown[];
      const context = load(memory.words, task + TASK.context);
      const result =
        context === 0 ? this.#call(callable, given, flags) : this.#callIn(context, task, callable, given, flags);
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

  #call(callable: Callable, given: unknown[], flags: number): unknown {
    return (flags & TASK_FLAG.chunk) === 0
      ? callable(...given)
      : runChunk(callable, given, (flags & TASK_FLAG.star) !== 0, this.#isUnwanted);
  }

  #callIn(context: number, task: number, callable: Callable, given: unknown[], flags: number): unknown {
    store(memory.words, task + TASK.context, 0);
    return runInPacked(fromCell(context) as PackedContext, () => this.#call(callable, given, flags));
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
    this.#finish(task, result, TASK_STATE.done);
  }

  #fail(task: number, error: unknown): void {
    this.#finish(task, packThrown(error), TASK_STATE.failed);
  }

  #finish(task: number, result: number, state: number): void {
    parker.watchTask(0);
    this.#task = 0;
    this.#taskAbort = undefined;
    store(memory.words, task + TASK.result, result);
    if (compareExchange(memory.words, task + TASK.state, TASK_STATE.running, state) === TASK_STATE.running)
      this.#send(task);
    else this.#isDoomed = true;
  }

  #send(cell: number): void {
    this.#terms!.results.put(cell);
    ring(memory, recordOf(memory, this.#terms!.owner));
  }

  /** Only the latest progress is kept for the owner, so that one who is busy is not flooded. */
  #report(fraction: number, info: unknown): boolean {
    const task = this.#task;
    if (task === 0) return false;
    if ((load(memory.words, task + TASK.flags) & TASK_FLAG.chunk) !== 0) return true;
    const earlier = exchange(memory.words, task + TASK.progress, toCell([fraction, info], "progress"));
    if (earlier === 0) this.#send(task | 1);
    else discardCell(earlier);
    return true;
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
