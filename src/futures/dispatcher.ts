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
import { ADDRESS } from "../core/handles.ts";
import { TASK, TASK_FLAG, TASK_STATE, TASK_WORDS, THREAD } from "../core/layout.ts";
import { discard, intern, pack } from "../core/messages.ts";
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
  readonly task: number;
  readonly job: Job;
}

export interface DispatcherOptions {
  readonly maxWorkers: number;
  /** The name of the n-th worker. */
  name(n: number): string;
  readonly initializer: ((...args: never[]) => unknown) | undefined;
  readonly initargs: readonly unknown[];
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #tasks: Ring = new Ring();
  readonly #results: Ring = new Ring();
  readonly #pending: Map<number, Pending> = new Map();
  readonly #workers: Set<PoolWorker> = new Set();
  readonly #look: () => void;
  #nextId = 1;
  #named = 0;
  #stopping = false;
  #idle: (() => void)[] = [];
  /** Why no more tasks can run. */
  broken: BrokenThreadPool | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
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
    if (this.#pending.size === 0) this.#wakeUp();
    const id = this.#nextId++;
    const task = alloc(memory, TASK_WORDS);
    const words = memory.words;
    words[task + TASK.id] = id;
    words[task + TASK.fn] = fn;
    words[task + TASK.args] = args;
    words[task + TASK.result] = 0;
    words[task + TASK.flags] = flags;
    words[task + TASK.worker] = 0;
    store(words, task + TASK.state, TASK_STATE.pending);
    this.#pending.set(id, { task, job });
    if (this.#workers.size < this.#options.maxWorkers && this.#pending.size > this.#workers.size) this.#hire();
    this.#tasks.put(task);
    return id;
  }

  /** Takes a task back that no worker has begun. */
  cancel(id: number): boolean {
    const pending = this.#pending.get(id);
    if (pending === undefined) return false;
    const state = pending.task + TASK.state;
    if (compareExchange(memory.words, state, TASK_STATE.pending, TASK_STATE.cancelled) !== TASK_STATE.pending) return false;
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
    return pending !== undefined && load(memory.words, pending.task + TASK.state) === TASK_STATE.running;
  }

  /** Blocks until `done()`, taking results in. False: the deadline passed first. */
  block(done: () => boolean, deadline: Deadline, signal: AbortSignal | undefined): boolean {
    for (;;) {
      this.#takeIn();
      if (done()) return true;
      const wait = new RingWait("future.result");
      if (parker.waitSync(wait, this.#results[ADDRESS], deadline, signal) === EXPIRED) return done();
      this.#takeInCell(wait.cell);
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
  }

  #stop(): void {
    for (const _ of this.#workers) this.#tasks.put(STOP);
  }

  #wakeUp(): void {
    host.hold();
    parker.onRing.add(this.#look);
    parker.arm();
  }

  #forget(id: number): void {
    this.#pending.delete(id);
    if (this.#pending.size > 0) return;
    host.unhold();
    parker.onRing.delete(this.#look);
    if (this.#stopping) this.#stop();
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #hire(): void {
    const terms: PoolTerms = {
      tasks: this.#tasks,
      results: this.#results,
      owner: memory.self,
      initializer: this.#options.initializer as PoolTerms["initializer"],
      initargs: this.#options.initargs,
    };
    const worker = new PoolWorker(this.#options.name(this.#named++), terms);
    this.#workers.add(worker);
    Thread.supervise(worker as Thread, () => this.#lost(worker));
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
    if (state === TASK_STATE.cancelled) this.#discardInput(cell);
    free(memory, cell);
    const pending = this.#pending.get(id);
    if (pending === undefined) {
      if (result !== 0) discardCell(result);
      return;
    }
    const settle = (): void => {
      this.#forget(id);
      try {
        const value = fromCell(result);
        if (state === TASK_STATE.done) pending.job.succeed(value, elapsed);
        else pending.job.fail(value);
      } catch (error) {
        pending.job.fail(error);
      }
    };
    const loading = prepareCell(result);
    if (loading === undefined) settle();
    else loading.then(settle, settle);
  }

  #discardInput(task: number): void {
    if ((memory.words[task + TASK.flags]! & TASK_FLAG.ownFunction) !== 0) discard(memory.words[task + TASK.fn]!);
    discardCell(memory.words[task + TASK.args]!);
  }

  /** A worker is gone. The task it had in hand fails; everything else goes on. */
  #lost(worker: PoolWorker): void {
    this.#workers.delete(worker);
    this.#takeIn();
    const error = Thread.errorOf(worker as Thread);
    // One that never got to its first task would only be followed by others like it, without end.
    if (load(memory.words, worker[ADDRESS] + THREAD.ready) === 0) this.#break(error);
    const inRing = new Set(cellsIn(memory, this.#tasks[ADDRESS]));
    for (const [id, { task, job }] of [...this.#pending]) {
      const state = load(memory.words, task + TASK.state);
      const mine = load(memory.words, task + TASK.worker) === worker.ident;
      if (this.broken !== undefined || (state === TASK_STATE.running && mine)) {
        this.#forget(id);
        if (!inRing.has(task)) free(memory, task);
        job.fail(this.broken ?? lostTask(worker.name, error));
      } else if (state === TASK_STATE.pending && mine) {
        // It died between taking the task and beginning it.
        store(memory.words, task + TASK.worker, 0);
        this.#tasks.put(task);
      } else if (mine && state !== TASK_STATE.cancelled) {
        // Done, but it died before it could send the result.
        this.#takeInCell(task);
      }
    }
    const wanted = Math.min(this.#options.maxWorkers, this.#pending.size);
    if (this.broken === undefined && this.#workers.size < wanted) this.#hire();
    this.#results.put(NUDGE);
  }

  #break(error: unknown): void {
    const failed = error instanceof InitializerFailed;
    this.broken ??= new BrokenThreadPool(
      failed
        ? "A worker's initializer failed, so the pool cannot run anything: see the cause. Mend it, and make a new pool."
        : "A worker could not start, so the pool cannot run anything: see the cause.",
      { cause: failed ? error.cause : error },
    );
    this.#stop();
  }
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

/** A function ready to be sent with tasks. */
export interface Shipment {
  readonly message: number;
  readonly flags: number;
}

/** For one task: a closure's message travels with it. Errors: `NotSendableError`. */
export function ship(fn: Function): Shipment {
  const message = intern(fn, "fn");
  if (message !== undefined) return { message, flags: TASK_FLAG.interned };
  return { message: pack(fn, "fn"), flags: TASK_FLAG.ownFunction };
}

/** For many tasks: the message stays with the sender, who discards it. */
export function shipForMany(fn: Function): Shipment & { discard(): void } {
  const message = intern(fn, "fn");
  if (message !== undefined) return { message, flags: TASK_FLAG.interned, discard: () => undefined };
  const own = pack(fn, "fn");
  return { message: own, flags: 0, discard: () => discard(own) };
}
