/**
 * timeout: a block of code in a task that has only so much time.
 *
 * @module
 */

import { atDeadline, type Deadline, deadlineOf, describe, now } from "../core/deadline.ts";
import { Context } from "../contextvars/context.ts";
import { currentValues } from "../contextvars/values.ts";
import { CancelledError, RuntimeError, TimeoutError } from "../errors.ts";
import type { Interruptions } from "./interruptions.ts";
import { createTask, currentInterruptions } from "./task.ts";

/**
 * A block with a time limit, as {@link timeout} makes it. `expired` tells afterwards whether it was this one.
 */
export class Timeout implements Disposable {
  readonly #task: Interruptions;
  readonly #end: () => void;
  readonly #error: Error;
  #number = 0;
  #deadline: Deadline = Infinity;
  #stop: () => void = () => undefined;
  #expired = false;
  #isOver = false;
  /** The time passed while the block was at an `await`. */
  #isLate = false;
  #abort: AbortController | undefined;

  /** {@link timeout} makes them. `error`: what the waits in the block throw. */
  constructor(deadline: Deadline, error?: Error) {
    const task = currentInterruptions();
    if (task === undefined) {
      throw new RuntimeError(
        "Timeout should be used inside a task: createTask(async () => { using _ = timeout(100); … })",
      );
    }
    this.#task = task;
    this.#error = error ?? timedOut();
    this.#end = task.begin((number) => {
      this.#number = number;
      return { number, interrupted: () => undefined };
    });
    this.#arm(deadline);
  }

  /** When it ends, on the clock of `performance.now()`; `undefined`: never. */
  get when(): number | undefined {
    return this.#deadline === Infinity ? undefined : this.#deadline;
  }

  /** Did the time pass before the end of the block? */
  get expired(): boolean {
    return this.#expired;
  }

  /** Gives the block so many milliseconds from now; `undefined`: as long as it takes. */
  reschedule(ms: number | undefined): void {
    const deadline = deadlineOf(ms);
    if (this.#isOver || this.#expired) {
      throw new RuntimeError(`Cannot change state of ${this.#expired ? "expired" : "finished"} Timeout`);
    }
    this.#stop();
    this.#arm(deadline);
  }

  /** Aborts when the time has passed: pass it to `fetch` and the like, which a timeout cannot end otherwise. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#expired && !this.#abort.signal.aborted) this.#abort.abort(this.#error);
    return this.#abort.signal;
  }

  /**
   * Ends the block. Throws what the block's waits would have thrown if it was waiting for something else when the time
   * passed, and so was not told.
   */
  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stop();
    this.#end();
    const isUntold = this.#task.withdraw(this.#error);
    if (isUntold && this.#isLate && this.#abort === undefined) throw this.#error;
  }

  /** Ends the block, which has its own error already. */
  static end(scope: Timeout): void {
    scope.#isLate = false;
    scope[Symbol.dispose]();
  }

  #expire(): void {
    this.#expired = true;
    this.#task.interrupt(this.#error, this.#number);
    this.#abort?.abort(this.#error);
  }

  #arm(deadline: Deadline): void {
    // 0 is what is left of no time, and any number the clock may show.
    this.#deadline = deadline === 0 ? now() : deadline;
    const late = (): void => {
      this.#isLate = true;
      if (!this.#expired) this.#expire();
    };
    if (this.#deadline <= now()) this.#expire();
    this.#stop = atDeadline(this.#deadline, late);
  }
}

/**
 * Gives a block of code in a task so many milliseconds. When they have passed, the wait that the block is in, or else its
 * next one, ends; `undefined`: no limit.
 *
 * ```ts
 * {
 *   using _ = timeout(500);
 *   await connect();
 *   await login();
 * } // TimeoutError, if that takes longer
 *
 * const page = await timeout(500, async () => load(url)); // the same
 * ```
 *
 * With `using`, the wait throws `TimeoutError` at once. With a function, its waits throw `CancelledError`, which becomes
 * `TimeoutError` at its end, as in Python; so an inner `catch` of `TimeoutError` never takes it for its own. Outside of any
 * task, the function runs as one.
 *
 * Errors: `RuntimeError` with `using` outside of a task.
 */
export function timeout(ms: number | undefined): Timeout;
export function timeout<T>(ms: number | undefined, fn: (scope: Timeout) => T | PromiseLike<T>): Promise<T>;
export function timeout(ms: number | undefined, fn?: (scope: Timeout) => unknown): unknown {
  const deadline = deadlineOf(ms);
  return fn === undefined ? new Timeout(deadline) : within(deadline, fn);
}

/** As {@link timeout}, until a moment on the clock of `performance.now()`. */
export function timeoutAt(when: number | undefined): Timeout;
export function timeoutAt<T>(when: number | undefined, fn: (scope: Timeout) => T | PromiseLike<T>): Promise<T>;
export function timeoutAt(when: number | undefined, fn?: (scope: Timeout) => unknown): unknown {
  if (when !== undefined && (typeof when !== "number" || Number.isNaN(when))) {
    throw new TypeError(`timeoutAt takes a moment as performance.now() tells it, not ${describe(when)}`);
  }
  const deadline = when ?? Infinity;
  return fn === undefined ? new Timeout(deadline) : within(deadline, fn);
}

async function within(deadline: Deadline, fn: (scope: Timeout) => unknown): Promise<unknown> {
  if (typeof fn !== "function") throw new TypeError(`timeout takes the function to run, not ${describe(fn)}`);
  if (currentInterruptions() === undefined) {
    return await createTask(() => within(deadline, fn), { context: Context.of(currentValues()) });
  }
  const error = new CancelledError("The time of the timeout passed");
  const scope = new Timeout(deadline, error);
  try {
    const value = await fn(scope);
    scope[Symbol.dispose]();
    return value;
  } catch (thrown) {
    throw thrown === error ? timedOut() : thrown;
  } finally {
    Timeout.end(scope);
  }
}

function timedOut(): TimeoutError {
  return new TimeoutError("The block did not end before the timeout passed.");
}
