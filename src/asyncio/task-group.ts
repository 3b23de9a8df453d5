/**
 * TaskGroup: tasks that end together.
 *
 * @module
 */

import { Context } from "../contextvars/context.ts";
import { currentValues } from "../contextvars/values.ts";
import { describe } from "../core/deadline.ts";
import { CancelledError, RuntimeError } from "../errors.ts";
import type { Interruptions } from "./interruptions.ts";
import { createTask, currentInterruptions, type Task, type TaskOptions } from "./task.ts";

/**
 * A group of tasks: leaving its block waits for all of them, and if one fails, the others are cancelled.
 *
 * ```ts
 * {
 *   await using group = new TaskGroup();
 *   group.createTask(() => download(a));
 *   group.createTask(() => download(b));
 * } // both are done; or AggregateError, and none goes on
 *
 * const sum = await TaskGroup.run(async (group) => {
 *   const [a, b] = [group.createTask(loadA), group.createTask(loadB)];
 *   return (await a) + (await b);
 * });
 * ```
 *
 * **Errors.** `AggregateError` with the errors of all tasks that failed. If the block itself is at a wait in a task when one
 * fails, that wait throws it already.
 *
 * **Cancellation.** If the task that the block is in is cancelled, so are those of the group. A task of the group that is
 * cancelled alone is just gone.
 *
 * **Differs from Python.** `await using` cannot see that its block threw: then the tasks are waited for, not cancelled.
 * `TaskGroup.run` can; what its function throws is in the `AggregateError` too.
 */
export class TaskGroup implements AsyncDisposable {
  readonly #tasks: Set<Task<unknown>> = new Set();
  readonly #parent: Interruptions | undefined = currentInterruptions();
  readonly #endScope: () => void;
  #number = 0;
  #errors: unknown[] = [];
  /** What the block was told of the first error; later ones come into it. */
  #told: AggregateError | undefined;
  #isAborting = false;
  #isLeaving = false;
  #isOver = false;
  #onChange: () => void = () => undefined;

  constructor() {
    this.#endScope =
      this.#parent?.begin((number) => {
        this.#number = number;
        return { number, interrupted: () => this.#abort() };
      }) ?? ((): void => undefined);
  }

  /**
   * Runs `fn` with a group, waits for the group's tasks, and gives what `fn` returned. If `fn` throws, the tasks are
   * cancelled. Outside of any task, it runs as one.
   */
  static async run<T>(fn: (group: TaskGroup) => T | PromiseLike<T>): Promise<T> {
    if (typeof fn !== "function") throw new TypeError(`TaskGroup.run takes a function, not ${describe(fn)}`);
    if (currentInterruptions() === undefined) {
      return await createTask(() => TaskGroup.run(fn), { context: Context.of(currentValues()) });
    }
    const group = new TaskGroup();
    let cancelled: { readonly error: unknown } | undefined;
    let value: T | undefined;
    try {
      value = await fn(group);
    } catch (error) {
      if (error instanceof CancelledError) cancelled = { error };
      else if (error !== group.#told) group.#errors.push(error);
      group.#abort();
    }
    const error = await group.#leave();
    if (error !== undefined) throw error;
    if (cancelled !== undefined) throw cancelled.error;
    return value as T;
  }

  /** Runs `fn` as a task of the group. Errors: `RuntimeError` once the group is being cancelled, or its block was left. */
  createTask<T>(fn: () => T | PromiseLike<T>, options?: TaskOptions): Task<T> {
    if (this.#isOver) throw new RuntimeError("This TaskGroup is finished: make tasks inside its block");
    if (this.#isAborting)
      throw new RuntimeError("This TaskGroup is shutting down, since a task failed or it was cancelled");
    if (this.#isLeaving && this.#tasks.size === 0) throw new RuntimeError("This TaskGroup is finished");
    const task = createTask(fn, options);
    this.#tasks.add(task as Task<unknown>);
    task.addDoneCallback(() => this.#taskDone(task as Task<unknown>));
    return task;
  }

  /** Waits for all tasks, at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isLeaving) throw new RuntimeError("This TaskGroup was left already");
    const told = this.#told;
    const hasTold = told !== undefined && !this.#parent!.withdraw(told) && this.#parent!.wasDelivered(told);
    const error = await this.#leave();
    // What the block was told already, it throws itself.
    if (error !== undefined && !(hasTold && error === told)) throw error;
  }

  /** The error that it ended with. */
  async #leave(): Promise<unknown> {
    this.#isLeaving = true;
    if (this.#told !== undefined) this.#parent?.withdraw(this.#told);
    let interrupted: { readonly error: unknown } | undefined;
    while (this.#tasks.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
        const leave = this.#parent?.enter((error) => {
          interrupted ??= { error };
          this.#abort();
          resolve();
          return true;
        });
        if (leave !== undefined) this.#onChange = () => (leave(), resolve());
        if (this.#tasks.size === 0) this.#onChange();
      });
    }
    this.#isOver = true;
    this.#endScope();
    if (this.#errors.length === 0) return interrupted?.error;
    // Not lost: the next wait of the task is told.
    if (interrupted !== undefined) this.#parent!.interrupt(interrupted.error);
    return this.#told ?? groupError(this.#errors);
  }

  #taskDone(task: Task<unknown>): void {
    this.#tasks.delete(task);
    const error = task.cancelled ? undefined : task.exceptionSync();
    if (error !== undefined) this.#failed(error);
    if (this.#tasks.size === 0) this.#onChange();
  }

  #failed(error: unknown): void {
    this.#errors.push(error);
    if (this.#told !== undefined) {
      this.#told.errors.push(error);
      this.#told.message = messageOf(this.#errors.length);
    }
    if (this.#isAborting) return;
    this.#abort();
    if (this.#isLeaving || this.#parent === undefined) return;
    this.#told = groupError(this.#errors);
    this.#parent.interrupt(this.#told, this.#number);
  }

  #abort(): void {
    if (this.#isAborting) return;
    this.#isAborting = true;
    for (const task of this.#tasks) task.cancel();
  }
}

function groupError(errors: readonly unknown[]): AggregateError {
  return new AggregateError(errors, messageOf(errors.length));
}

function messageOf(n: number): string {
  return `unhandled errors in a TaskGroup (${n} ${n === 1 ? "error" : "errors"})`;
}
