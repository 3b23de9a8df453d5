/**
 * Runs functions as tasks of this event loop, so many at once.
 *
 * ```
 *   send ─► waiting, by priority ─► running, as a task of asyncio ─► its job
 *                 └─ cancel            └─ stop ─► the task is cancelled ─► after the grace period, given up
 * ```
 * @module
 */

import { createTask, currentTask, type Task } from "../asyncio/task.ts";
import type { Context } from "../contextvars/context.ts";
import { type Deadline, now } from "../core/deadline.ts";
import { RuntimeError } from "../errors.ts";
import { Alarms } from "../futures/alarms.ts";
import type { Job, Runner } from "../futures/call.ts";
import { Future } from "../futures/future.ts";
import { setReporter } from "../futures/progress.ts";

/** A call on its way. */
interface Waiting {
  readonly id: number;
  readonly run: () => unknown;
  readonly job: Job;
  readonly priority: number;
  readonly context: Context;
}

interface Running {
  readonly job: Job;
  readonly task: Task<unknown>;
  readonly began: number;
  stopGrace: () => void;
}

/** The jobs of tasks that may report their progress. */
const jobs: WeakMap<Task<unknown>, Job> = new WeakMap();

setReporter((fraction, info) => {
  const task = currentTask();
  const job = task === undefined ? undefined : jobs.get(task);
  job?.progress?.(fraction, info);
  return job !== undefined;
});

export class LoopRunner implements Runner {
  readonly alarms: Alarms = new Alarms();
  readonly broken: undefined = undefined;
  readonly maxWorkers: number;
  /** In the order of their turns. */
  readonly #waiting: Waiting[] = [];
  readonly #running: Map<number, Running> = new Map();
  #nextId = 1;
  #idle: (() => void)[] = [];

  constructor(maxWorkers: number) {
    this.maxWorkers = maxWorkers;
  }

  send(run: () => unknown, context: Context, job: Job, priority = 0): number {
    const call = { id: this.#nextId++, run, job, priority, context };
    // Behind all of the same priority; mostly that is the end.
    let at = this.#waiting.length;
    while (at > 0 && this.#waiting[at - 1]!.priority < priority) at--;
    this.#waiting.splice(at, 0, call);
    this.#fill();
    return call.id;
  }

  #fill(): void {
    while (this.#running.size < this.maxWorkers) {
      const call = this.#waiting.shift();
      if (call === undefined) break;
      this.#begin(call);
    }
    if (this.#running.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #begin({ id, run, job, context }: Waiting): void {
    const task = createTask(run, { context });
    const running: Running = { job, task, began: now(), stopGrace: () => undefined };
    jobs.set(task, job);
    this.#running.set(id, running);
    Future.watch(task, () => this.#finish(id, running));
  }

  #finish(id: number, { job, task, began, stopGrace }: Running): void {
    stopGrace();
    // It may have been given up, and its place be taken.
    const isWanted = this.#running.delete(id);
    let failed = true;
    let outcome: unknown;
    try {
      outcome = task.resultSync();
      failed = false;
    } catch (error) {
      outcome = error;
    }
    if (isWanted && failed) job.fail(outcome);
    else if (isWanted) job.succeed(outcome, now() - began);
    this.#fill();
  }

  cancel(id: number): boolean {
    const at = this.#waiting.findIndex((call) => call.id === id);
    if (at >= 0) this.#waiting.splice(at, 1);
    return at >= 0;
  }

  cancelAll(): void {
    for (const { job } of this.#waiting.splice(0)) job.cancelled();
  }

  stop(id: number, reason: unknown, grace?: number): boolean {
    const running = this.#running.get(id);
    if (running === undefined) return false;
    running.task.cancel(reason instanceof Error ? reason.message : undefined);
    if (grace !== undefined) {
      const off = running.stopGrace;
      off();
      running.stopGrace = this.alarms.set(now() + grace, () => {
        if (!this.#running.delete(id)) return;
        running.job.fail(reason);
        this.#fill();
      });
    }
    return true;
  }

  isRunning(id: number): boolean {
    return this.#running.has(id);
  }

  block(_id: number, _deadline: Deadline, _signal: AbortSignal | undefined): boolean {
    throw new RuntimeError(
      "The call runs on this event loop, which resultSync would block, so that it could never end. Use await.",
    );
  }

  /** Resolves when nothing runs and nothing waits. */
  async settled(): Promise<void> {
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }
}
