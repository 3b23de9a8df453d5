/**
 * What the workers of a pool do: they take tasks from a ring and run them, until they are told to stop.
 *
 * @module
 */

import { host } from "#host";
import { compareExchange, exchange, load, store } from "#atomics";
import { deadlineOf, now } from "../core/deadline.ts";
import type { Domain } from "../core/domain.ts";
import { Gamble } from "../core/gamble.ts";
import { ADDRESS } from "../core/handles.ts";
import { TASK, TASK_FLAG, TASK_STATE, TASK_WORDS } from "../core/layout.ts";
import type { Memory } from "../core/memory.ts";
import { EXPIRED, type Parker } from "../core/parker.ts";
import { platform } from "../core/platform.ts";
import { recordOf } from "../core/raw/threads.ts";
import { ring } from "../core/raw/wait-list.ts";
import { type PackedContext, runInPacked } from "../contextvars/packed.ts";
import { RuntimeError } from "../errors.ts";
import { type Callable, type ChunkResult, isThenable, packChunk, runChunk } from "./chunk.ts";
import { setReporter } from "./progress.ts";
import { LEFT, NUDGE, type PriorityRing, type Ring, RingWait, STOP, TaskQueue } from "./ring.ts";

/** What a worker is given when it starts. */
export interface WorkerTerms {
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

/** How long the event loop waits at most while one task follows the other, in milliseconds. */
const TURN_EVERY = 5;

/** `THREAD.ready` of a worker. */
export const READY = { no: 0, yes: 1, left: 2 } as const;

/** Ends a worker whose initializer failed, and breaks its pool. */
export class InitializerFailed extends RuntimeError {}

/** Runs tasks, in a thread or process that does nothing else. */
export class TaskRunner {
  readonly #domain: Domain;
  readonly #memory: Memory;
  readonly #parker: Parker;
  readonly #terms: WorkerTerms;
  readonly #queue: TaskQueue;
  readonly #tellReadiness: (readiness: number) => void;
  /** Functions that captured nothing, by their message. */
  readonly #functions: Map<number, Callable> = new Map();
  /** The block of the task that runs now; 0: none. */
  #task = 0;
  /** That task's, made when it is asked for. */
  #taskAbort: AbortController | undefined;
  #ran = 0;
  /** Of the chunk that runs: is the rest of it not wanted? A plain read, since it is asked for each item. */
  readonly #isUnwanted = (): boolean => {
    const { words } = this.#memory;
    return ((words[this.#task + TASK.flags]! & TASK_FLAG.skipRest) | words[this.#task + TASK.cancel]!) !== 0;
  };
  /** Whether to look out for tasks before it sleeps. */
  readonly #looking: Gamble = new Gamble();
  readonly #mayTake = (): boolean => !this.#parker.cancelRequested;
  /** When the last task began, and when the event loop was last seen to. */
  #began = 0;
  #lastTurn = 0;
  /** The last task was to stop and did not in time; this worker is about to be killed. */
  #isDoomed = false;

  /** `tellReadiness`: keeps what it is given ({@link READY}) where the owner of the pool sees it. */
  constructor(domain: Domain, terms: WorkerTerms, tellReadiness: (readiness: number) => void) {
    this.#domain = domain;
    this.#memory = domain.memory;
    this.#parker = domain.parker;
    this.#terms = terms;
    this.#queue = new TaskQueue(terms);
    this.#tellReadiness = tellReadiness;
  }

  /** Was the task that runs now asked to end? */
  get cancelRequested(): boolean {
    return this.#task !== 0 && this.#parker.taskCancelRequested;
  }

  /** Aborts when the task that runs now is to stop, or with `own`, the worker's; that itself while none runs. */
  signalOf(own: AbortSignal): AbortSignal {
    if (this.#task === 0) return own;
    this.#taskAbort ??= new AbortController();
    const { signal } = this.#taskAbort;
    if (!signal.aborted) {
      if (this.cancelRequested) this.#taskAbort.abort(this.#reasonToStop());
      else if (own.aborted) this.#taskAbort.abort(own.reason);
    }
    return signal;
  }

  #reasonToStop(): unknown {
    return this.#domain.packer.peek(load(this.#memory.words, this.#task + TASK.cancel));
  }

  /** Resolves when the worker is to end. */
  async run(): Promise<void> {
    setReporter((fraction, info) => this.#report(fraction, info));
    await this.#initialize();
    this.#tellReadiness(READY.yes);
    // A worker that was asked to end takes no other task, which would find itself cancelled.
    for (let cell = 0; !this.#parker.cancelRequested && !this.#isDoomed;) {
      cell = this.#queue.poll(cell === NUDGE) || (await this.#idle());
      if (cell === STOP) return;
      if (cell === LEFT) break;
      if (cell === NUDGE) continue;
      const running = this.#take(cell);
      if (running !== undefined) await running;
      if (this.#began - this.#lastTurn > TURN_EVERY) await this.#turn();
      if (this.#ran === this.#terms.maxTasks) break;
    }
    if (!this.#parker.cancelRequested && !this.#isDoomed) this.#takeLeave();
  }

  async #initialize(): Promise<void> {
    const { initializer, initargs } = this.#terms;
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
    if (this.#looking.worthTrying()) {
      const cell = this.#queue.lookOut(this.#mayTake);
      this.#looking.settle(cell !== 0);
      if (cell !== 0) return cell;
    }
    const { tasks, idleTimeout } = this.#terms;
    const wait = new RingWait("pool worker");
    const deadline = deadlineOf(idleTimeout);
    const result = host.hasPendingWork()
      ? await this.#parker.wait(wait, tasks[ADDRESS], this, deadline)
      : this.#parker.waitSync(wait, tasks[ADDRESS], deadline);
    return result === EXPIRED ? LEFT : wait.cell;
  }

  /** What earlier tasks left on the event loop has its turn, however many tasks there are. */
  async #turn(): Promise<void> {
    this.#lastTurn = this.#began;
    if (host.hasPendingWork()) await new Promise<void>((resolve) => platform.soon(resolve));
  }

  /** Tells the owner that it takes no more tasks. What is pending on its event loop ends with it. */
  #takeLeave(): void {
    this.#tellReadiness(READY.left);
    this.#send(LEFT);
  }

  /** Runs a task, if nobody cancelled it. A promise only if it has to wait for one. */
  #take(task: number): Promise<void> | undefined {
    this.#memory.reach(task + TASK_WORDS);
    store(this.#memory.words, task + TASK.worker, this.#memory.self);
    const state = compareExchange(this.#memory.words, task + TASK.state, TASK_STATE.pending, TASK_STATE.running);
    if (state !== TASK_STATE.pending) {
      this.#send(task);
      return undefined;
    }
    this.#ran++;
    this.#task = task;
    this.#parker.watchTask(task + TASK.cancel);
    const flags = load(this.#memory.words, task + TASK.flags);
    const fn = load(this.#memory.words, task + TASK.fn);
    const args = load(this.#memory.words, task + TASK.args);
    const loading = this.#functions.has(fn)
      ? undefined
      : this.#domain.packer.prepare(fn, (flags & TASK_FLAG.ownFunction) === 0);
    const fetching = this.#domain.cells.prepareCell(args);
    const context = load(this.#memory.words, task + TASK.context);
    const entering = context === 0 ? undefined : this.#domain.cells.prepareCell(context);
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
      if (this.#parker.taskCancelRequested) throw this.#reasonToStop();
      // A message that is used up must not be found in the block, also if this thread ends in the middle.
      if ((flags & TASK_FLAG.ownFunction) !== 0) store(this.#memory.words, task + TASK.fn, 0);
      const callable = this.#function(fn, flags);
      store(this.#memory.words, task + TASK.args, 0);
      const given = (this.#domain.cells.fromCell(args) ?? []) as unknown[];
      const context = load(this.#memory.words, task + TASK.context);
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
    store(this.#memory.words, task + TASK.context, 0);
    return runInPacked(this.#domain.cells.fromCell(context) as PackedContext, () => this.#call(callable, given, flags));
  }

  #function(message: number, flags: number): Callable {
    if ((flags & TASK_FLAG.ownFunction) !== 0) return this.#domain.packer.unpack(message) as Callable;
    if ((flags & TASK_FLAG.interned) === 0) return this.#domain.packer.peek(message) as Callable;
    let fn = this.#functions.get(message);
    if (fn === undefined) this.#functions.set(message, (fn = this.#domain.packer.peek(message) as Callable));
    return fn;
  }

  #succeed(task: number, value: unknown, flags: number, began: number): void {
    let result: number;
    try {
      result =
        (flags & TASK_FLAG.chunk) === 0
          ? this.#domain.cells.toCell(value, "result")
          : packChunk(value as ChunkResult, this.#domain);
    } catch (error) {
      this.#fail(task, error);
      return;
    }
    store(this.#memory.words, task + TASK.elapsed, Math.round((now() - began) * 1000));
    this.#finish(task, result, TASK_STATE.done);
  }

  #fail(task: number, error: unknown): void {
    this.#finish(task, this.#domain.packer.packThrown(error), TASK_STATE.failed);
  }

  #finish(task: number, result: number, state: number): void {
    this.#parker.watchTask(0);
    this.#task = 0;
    this.#taskAbort = undefined;
    store(this.#memory.words, task + TASK.result, result);
    if (compareExchange(this.#memory.words, task + TASK.state, TASK_STATE.running, state) === TASK_STATE.running)
      this.#send(task);
    else this.#isDoomed = true;
  }

  #send(cell: number): void {
    this.#terms.results.put(cell);
    ring(this.#memory, recordOf(this.#memory, this.#terms.owner));
  }

  /** Only the latest progress is kept for the owner, so that one who is busy is not flooded. */
  #report(fraction: number, info: unknown): boolean {
    const task = this.#task;
    if (task === 0) return false;
    if ((load(this.#memory.words, task + TASK.flags) & TASK_FLAG.chunk) !== 0) return true;
    const earlier = exchange(
      this.#memory.words,
      task + TASK.progress,
      this.#domain.cells.toCell([fraction, info], "progress"),
    );
    if (earlier === 0) this.#send(task | 1);
    else this.#domain.cells.discardCell(earlier);
    return true;
  }
}
