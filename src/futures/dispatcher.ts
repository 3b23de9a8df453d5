/**
 * The dispatcher of a pool: tasks out, results in, and workers kept alive. It belongs to the thread that made the pool.
 *
 * Its tasks keep the process alive while any is unfinished; idle workers do not. The doorbell of the thread rings when a
 * result is there; all that have come by then are taken in at once.
 *
 * @module
 */

import { host } from "#host";
import { compareExchange, load, store } from "#atomics";
import { discardCell, fromCell, prepareCell } from "../core/cells.ts";
import type { Deadline } from "../core/deadline.ts";
import { alloc, free } from "../core/heap.ts";
import type { ResourceLimits } from "../core/host.ts";
import { ADDRESS } from "../core/handles.ts";
import { TASK, TASK_FLAG, TASK_STATE, TASK_WORDS, THREAD } from "../core/layout.ts";
import { discard } from "../core/messages.ts";
import { EXPIRED } from "../core/parker.ts";
import { memory, parker } from "../core/program.ts";
import { cellsIn } from "../core/raw/queue.ts";
import { BrokenThreadPool, ThreadDiedError } from "../errors.ts";
import { Thread } from "../threading/thread.ts";
import { InitializerFailed, NUDGE, PoolWorker, STOP, type PoolTerms } from "./pool-worker.ts";
import { Ring, RingWait } from "./ring.ts";

/** What waits for the outcome of a task. */
export interface Job {
  /** `elapsed`: milliseconds that the task ran. */
  succeed(value: unknown, elapsed: number): void;
  fail(error: unknown): void;
  /** It was taken back by {@link Dispatcher.cancelAll}. */
  cancelled(): void;
}

interface Pending {
  /** Its block; 0 once that has come back. */
  task: number;
  readonly job: Job;
  /** Its result, until what it needs is loaded. */
  arrived: Arrived | undefined;
}

interface Arrived {
  readonly failed: boolean;
  readonly cell: number;
  readonly elapsed: number;
}

/** What each worker does first. */
export interface Setup {
  readonly initializer: ((...args: never[]) => unknown) | undefined;
  readonly initargs: readonly unknown[];
}

export interface DispatcherOptions {
  readonly maxWorkers: number;
  /** The name of the n-th worker. */
  name(n: number): string;
  readonly setup: Setup;
  readonly resourceLimits: ResourceLimits | undefined;
}

export class Dispatcher {
  readonly #options: Omit<DispatcherOptions, "setup">;
  /**
   * The user's functions may refer to the executor, which could then never be found abandoned: so they belong to it and
   * its maps, and to the dispatcher only while tasks are pending.
   */
  readonly #setup: WeakRef<Setup>;
  #setupInUse: Setup | undefined;
  readonly #tasks: Ring = new Ring();
  readonly #results: Ring = new Ring();
  readonly #pending: Map<number, Pending> = new Map();
  readonly #workers: Set<PoolWorker> = new Set();
  readonly #look: () => void;
  /** Cancelled blocks in the hand of some worker, perhaps of a dead one: freed when they come back, or at the end. */
  readonly #astray: Set<number> = new Set();
  /** Workers that ended while this thread waits for a result, which may be the last thing they sent. */
  readonly #gone: PoolWorker[] = [];
  #waiting = false;
  #nextId = 1;
  #named = 0;
  #stopping = false;
  #idle: (() => void)[] = [];
  /** Why no more tasks can run. */
  broken: BrokenThreadPool | undefined;

  constructor(options: DispatcherOptions) {
    const { setup, ...others } = options;
    this.#options = others;
    this.#setup = new WeakRef(setup);
    this.#look = () => this.#takeIn();
  }

  /** Tasks that are not settled. */
  get pending(): number {
    return this.#pending.size;
  }

  get maxWorkers(): number {
    return this.#options.maxWorkers;
  }

  /** Sends a task out, and returns its number. Owns the function's message, if it is flagged so, and the arguments. */
  send(fn: number, flags: number, args: number, job: Job): number {
    if (this.broken !== undefined) throw this.broken;
    // First what can fail: the initializer may be one that cannot be sent.
    if (this.#workers.size < this.#options.maxWorkers && this.#pending.size >= this.#workers.size) this.#hire();
    const id = this.#nextId++;
    const task = newTask(id, fn, flags, args);
    if (this.#pending.size === 0) this.#wakeUp();
    this.#pending.set(id, { task, job, arrived: undefined });
    this.#tasks.put(task);
    return id;
  }

  /** Takes a task back that no worker has begun. */
  cancel(id: number): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined || pending.task === 0 || !revoke(pending.task)) return false;
    // The block stays in the ring until a worker comes to it and sends it back.
    this.#forget(id);
    return true;
  }

  /** Takes back everything that no worker has begun, telling the jobs. */
  cancelAll(): void {
    for (const [id, { job }] of [...this.#pending]) if (this.cancel(id)) job.cancelled();
  }

  isRunning(id: number): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    return pending.task === 0 || load(memory.words, pending.task + TASK.state) !== TASK_STATE.pending;
  }

  /** Blocks until the task is settled, taking results in. False: the deadline passed first. */
  block(id: number, deadline: Deadline, signal: AbortSignal | undefined): boolean {
    for (;;) {
      this.#takeIn();
      const pending = this.#pending.get(id);
      if (pending === undefined) return true;
      if (pending.arrived !== undefined) {
        // What it needs is not loaded yet, and cannot be by an event loop that is blocked.
        this.#settle(id, pending);
        return true;
      }
      const wait = new RingWait("future.result");
      this.#waiting = true;
      try {
        if (parker.waitSync(wait, this.#results[ADDRESS], deadline, signal) === EXPIRED) return !this.#pending.has(id);
        this.#takeInCell(wait.cell);
      } finally {
        this.#waiting = false;
        for (const worker of this.#gone.splice(0)) this.#lost(worker);
      }
    }
  }

  /** Resolves when no task is pending. */
  async settled(): Promise<void> {
    if (this.#pending.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Lets the workers go once nothing is pending. */
  stopWhenIdle(): void {
    this.#stopping = true;
    if (this.#pending.size === 0) this.#stop();
  }

  /** Resolves when all workers have ended, after {@link stopWhenIdle}. */
  async ended(): Promise<void> {
    await this.settled();
    for (const worker of [...this.#workers]) await worker.join().catch(() => undefined);
    if (this.#workers.size > 0 && [...this.#workers].some((worker) => worker.isAlive)) return;
    // What was cancelled, and no worker came to.
    this.#takeIn();
    this.#drain();
    for (const task of this.#astray) this.#dispose(task);
  }

  #stop(): void {
    for (const _ of this.#workers) this.#tasks.put(STOP);
  }

  #wakeUp(): void {
    this.#setupInUse = this.#setup.deref();
    host.hold();
    parker.onRing.add(this.#look);
    parker.arm();
  }

  #forget(id: number): void {
    this.#pending.delete(id);
    if (this.#pending.size > 0) return;
    this.#setupInUse = undefined;
    host.unhold();
    parker.onRing.delete(this.#look);
    if (this.#stopping) this.#stop();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #hire(): void {
    const setup = this.#setupInUse ?? this.#setup.deref();
    const terms: PoolTerms = {
      tasks: this.#tasks,
      results: this.#results,
      owner: memory.self,
      initializer: setup?.initializer as PoolTerms["initializer"],
      initargs: setup?.initargs ?? [],
    };
    const worker = new PoolWorker(this.#options.name(this.#named), terms, this.#options.resourceLimits);
    Thread.supervise(worker as Thread, () => this.#lost(worker));
    this.#workers.add(worker);
    this.#named++;
  }

  #takeIn(): void {
    for (let cell = this.#results.poll(); cell !== 0; cell = this.#results.poll()) this.#takeInCell(cell);
  }

  #takeInCell(cell: number): void {
    if (cell === NUDGE) return;
    memory.reach(cell);
    const id = memory.words[cell + TASK.id]!;
    const state = load(memory.words, cell + TASK.state);
    const result = memory.words[cell + TASK.result]!;
    const elapsed = memory.words[cell + TASK.elapsed]! / 1000;
    memory.words[cell + TASK.result] = 0;
    this.#dispose(cell);
    const pending = this.#pending.get(id);
    if (pending?.task !== cell) return;
    pending.task = 0;
    pending.arrived = { failed: state !== TASK_STATE.done, cell: result, elapsed };
    const settle = (): void => this.#settle(id, pending);
    const loading = prepareCell(result);
    if (loading === undefined) settle();
    else loading.then(settle, settle);
  }

  #settle(id: number, pending: Pending): void {
    const { job, arrived } = pending;
    if (arrived === undefined) return;
    pending.arrived = undefined;
    this.#forget(id);
    let value: unknown;
    try {
      value = fromCell(arrived.cell);
    } catch (error) {
      job.fail(error);
      return;
    }
    if (arrived.failed) job.fail(value);
    else job.succeed(value, arrived.elapsed);
  }

  /** Frees a block, and what is left of its messages. Workers zero each word when they use up its message. */
  #dispose(task: number): void {
    const words = memory.words;
    const fn = words[task + TASK.fn]!;
    if (fn !== 0 && (words[task + TASK.flags]! & TASK_FLAG.ownFunction) !== 0) discard(fn);
    discardCell(words[task + TASK.args]!);
    discardCell(words[task + TASK.result]!);
    this.#astray.delete(task);
    free(memory, task);
  }

  /** Takes all tasks out of the ring: no worker will come to them any more. */
  #drain(): void {
    for (let cell = this.#tasks.poll(); cell !== 0; cell = this.#tasks.poll()) {
      if (cell === STOP) continue;
      const id = memory.words[cell + TASK.id]!;
      const pending = this.#pending.get(id);
      this.#dispose(cell);
      if (pending?.task !== cell) continue;
      this.#forget(id);
      pending.job.fail(this.broken);
    }
  }

  /** A worker is gone. The task it had in hand fails; everything else goes on. */
  #lost(worker: PoolWorker): void {
    if (this.#waiting) {
      this.#gone.push(worker);
      this.#results.put(NUDGE);
      return;
    }
    this.#workers.delete(worker);
    this.#takeIn();
    const error = Thread.errorOf(worker as Thread);
    // One that never got to its first task would only be followed by others like it, without end; unless it was told to.
    if (load(memory.words, worker[ADDRESS] + THREAD.ready) === 0 && !worker.cancelRequested) this.#break(error);
    this.#recover(worker, error);
    if (this.broken !== undefined || this.#workers.size >= Math.min(this.#options.maxWorkers, this.#pending.size))
      return;
    try {
      this.#hire();
    } catch (failure) {
      this.#break(failure);
    }
  }

  /** Looks through all tasks for what a dead worker had in hand. */
  #recover(worker: PoolWorker, error: unknown): void {
    const inRing = new Set(cellsIn(memory, this.#tasks[ADDRESS]));
    for (const [id, pending] of [...this.#pending]) {
      const { task, job } = pending;
      if (task === 0 || inRing.has(task)) continue;
      const state = load(memory.words, task + TASK.state);
      const holder = load(memory.words, task + TASK.worker);
      if (holder === worker.ident) {
        if (state === TASK_STATE.pending) {
          store(memory.words, task + TASK.worker, 0);
          this.#tasks.put(task);
        } else if (state === TASK_STATE.running) {
          this.#forget(id);
          this.#dispose(task);
          job.fail(lostTask(worker.name, error));
        } else {
          // Done, but it died before it could send the result.
          this.#takeInCell(task);
        }
      } else if (holder === 0) {
        this.#sendAgain(id, pending);
      }
    }
  }

  /**
   * The task is in some worker's hand that has not put its name to it: of a living one, or of one that died right then.
   * So that it runs exactly once, this block is cancelled, if it can be, and another sent in its place.
   */
  #sendAgain(id: number, pending: Pending): void {
    const { task } = pending;
    if (!revoke(task)) return;
    const words = memory.words;
    const again = newTask(id, words[task + TASK.fn]!, words[task + TASK.flags]!, words[task + TASK.args]!);
    words[task + TASK.fn] = 0;
    words[task + TASK.args] = 0;
    this.#astray.add(task);
    pending.task = again;
    this.#tasks.put(again);
  }

  /** Nothing more will run. What workers are at is still finished. */
  #break(error: unknown): void {
    const failed = error instanceof InitializerFailed;
    this.broken ??= new BrokenThreadPool(
      failed
        ? "A worker's initializer failed, so the pool cannot run anything: see the cause. Mend it, and make a new pool."
        : "A worker could not start, so the pool cannot run anything: see the cause.",
      { cause: failed ? error.cause : error },
    );
    // Its text is made now, and lets go of the frames and all that they refer to.
    void this.broken.stack;
    this.#drain();
    for (const [id, { task, job }] of [...this.#pending]) {
      if (task === 0 || !revoke(task)) continue;
      this.#astray.add(task);
      this.#forget(id);
      job.fail(this.broken);
    }
    this.#stop();
  }
}

function newTask(id: number, fn: number, flags: number, args: number): number {
  const task = alloc(memory, TASK_WORDS);
  const words = memory.words;
  words[task + TASK.id] = id;
  words[task + TASK.fn] = fn;
  words[task + TASK.args] = args;
  words[task + TASK.result] = 0;
  words[task + TASK.flags] = flags;
  words[task + TASK.worker] = 0;
  store(words, task + TASK.state, TASK_STATE.pending);
  return task;
}

/** Takes a block away from the workers, if none has begun with it. */
function revoke(task: number): boolean {
  return (
    compareExchange(memory.words, task + TASK.state, TASK_STATE.pending, TASK_STATE.cancelled) === TASK_STATE.pending
  );
}

function lostTask(name: string, error: unknown): unknown {
  // An error that a task let loose outside of its own call stack is still that task's error.
  if (!(error instanceof ThreadDiedError)) return error;
  const how = error.exitCode === undefined ? "" : ` (exit code ${error.exitCode})`;
  return new BrokenThreadPool(
    `The worker ${name} that ran this task ended before the task was done${how}: ${error.message}. The pool goes on ` +
      "with another worker.",
    { cause: error },
  );
}
