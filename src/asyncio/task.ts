/**
 * Task: a function that runs on this event loop, at the same time as others, and can be cancelled.
 *
 * @module
 */

import { currentScope, runInScope } from "#context";
import { host } from "#host";
import { Context, copyContext } from "../contextvars/context.ts";
import type { WaitOptions } from "../core/deadline.ts";
import { describe } from "../core/deadline.ts";
import { identity } from "../core/identity.ts";
import { CancelledError, InvalidStateError, RuntimeError } from "../errors.ts";
import { Future } from "../futures/future.ts";
import { Interruptions } from "./interruptions.ts";

export interface TaskOptions {
  /** Default: `Task-N`. */
  name?: string;
  /** The context to run in, as it is. Default: a copy of the current one. */
  context?: Context;
}

/** A task, as the scope of what runs in it knows it. */
class Running extends Interruptions {
  readonly task: Task<unknown>;

  constructor(task: Task<unknown>) {
    super();
    this.task = task;
  }
}

/** Those that have not ended: a task that waits must not be collected. */
const alive: Set<Task<unknown>> = new Set();

let lastName = 0;

/**
 * A function that runs on this event loop: a future that can be cancelled while it runs.
 *
 * {@link createTask} makes them. Use tasks for flows that go on at the same time, that must be stopped, or that need
 * context variables of their own.
 *
 * ```ts
 * import { createTask, sleep } from "heddle/asyncio";
 *
 * const task = createTask(async () => {
 *   for (;;) {
 *     await poll();
 *     await sleep(1000);
 *   }
 * });
 * // later
 * task.cancel();
 * ```
 *
 * **Cancellation.** `cancel` ends the wait that the task is in, or else the next one, with `CancelledError`: any wait of
 * heddle's, such as `sleep`, `lock.acquire`, `queue.get`, `await future`, of this event loop or of other threads. The task
 * may catch it, clean up, and wait again; if it lets it through, it is cancelled. Awaiting a task or future in a task that
 * is cancelled cancels that one too, see {@link shield}. What else a task awaits goes on; pass it {@link signal}.
 *
 * An error that nobody ever asked for is told on the standard error stream.
 *
 * **Differs from Python.** `result()` waits. Done callbacks are called at once, not on a later turn of the loop.
 */
export class Task<T = unknown> extends Future<T> {
  readonly #running: Running;
  readonly #failure: Failure;
  #name: string;
  #cancelling = 0;
  #hasBegun = false;
  #abort: AbortController | undefined;

  /** {@link createTask} makes them. */
  constructor(fn: () => T | PromiseLike<T>, options?: TaskOptions) {
    if (typeof fn !== "function") {
      throw new TypeError(`createTask takes a function, such as () => work(x), not ${describe(fn)}`);
    }
    const context = options?.context;
    if (context !== undefined && !(context instanceof Context)) {
      throw new TypeError(`A task's context must be a Context, such as copyContext(), not ${describe(context)}`);
    }
    super({
      cancel: () => false,
      isRunning: () => this.#hasBegun,
      block() {
        throw new InvalidStateError("Result is not set: a task cannot go on while its thread is blocked. await it.");
      },
    });
    this.#name = options?.name ?? `Task-${++lastName}`;
    this.#running = new Running(this as Task<unknown>);
    if (alive.size === 0) watchTasks();
    alive.add(this as Task<unknown>);
    this.#failure = { error: undefined, name: this.#name };
    const { importing } = currentScope();
    const scope = { importing, context: Context.valuesOf(context ?? copyContext()), task: this.#running };
    queueMicrotask(() => runInScope(scope, () => this.#begin(fn)));
  }

  #begin(fn: () => T | PromiseLike<T>): void {
    const cancelled = this.#running.undelivered;
    if (cancelled !== undefined) {
      this.#end(cancelled.error);
      return;
    }
    this.#hasBegun = true;
    try {
      const result = fn();
      if (!isThenable(result)) this.#succeed(result as T);
      else if (result === (this as unknown)) throw new RuntimeError(`Task cannot await on itself: ${this.#name}`);
      else {
        Promise.resolve(result).then(
          (value) => this.#succeed(value),
          (error: unknown) => this.#end(error),
        );
      }
    } catch (error) {
      this.#end(error);
    }
  }

  #succeed(value: T): void {
    const { undelivered, isTooLate } = this.#running;
    if (undelivered?.error instanceof CancelledError && !isTooLate) this.#end(undelivered.error);
    else {
      alive.delete(this as Task<unknown>);
      super.setResult(value);
    }
  }

  #end(error: unknown): void {
    alive.delete(this as Task<unknown>);
    if (error instanceof CancelledError) {
      Future.markCancelled(this, error);
      return;
    }
    this.#failure.error = { error: error ?? new RuntimeError(`The task threw ${String(error)}`) };
    this.#failure.name = this.#name;
    unretrieved.add(this.#failure);
    abandoned.register(this, this.#failure, this);
    super.setException(this.#failure.error.error);
  }

  /** Somebody looks at the outcome. */
  #retrieve(): void {
    unretrieved.delete(this.#failure);
    abandoned.unregister(this);
    this.#failure.isRetrieved = true;
  }

  /** What the task is called. Need not be unique. */
  get name(): string {
    return this.#name;
  }

  set name(name: string) {
    this.#name = String(name);
  }

  /**
   * Asks the task to end: its wait, or else its next one, throws `CancelledError` with this message. False if it is done.
   *
   * A task that has not begun never will. Asking twice before the task could go on counts twice and is told once.
   */
  override cancel(message?: string): boolean {
    if (this.done) return false;
    this.#cancelling++;
    const error = new CancelledError(message ?? `${this.#name} was cancelled`);
    this.#running.interrupt(error);
    this.#abort?.abort(error);
    return true;
  }

  /** How often it was asked to end, less what was taken back. */
  get cancelling(): number {
    return this.#cancelling;
  }

  /**
   * Takes back one request to end, for code that has caught the `CancelledError` and goes on. Gives the number left; with
   * none left, what was not yet told will not be, and {@link signal} is a new one.
   */
  uncancel(): number {
    if (this.#cancelling > 0) this.#cancelling--;
    if (this.#cancelling === 0) {
      const undelivered = this.#running.undelivered?.error;
      if (undelivered instanceof CancelledError) this.#running.withdraw(undelivered);
      if (this.#abort?.signal.aborted === true) this.#abort = undefined;
    }
    return this.#cancelling;
  }

  /** Aborts when the task is cancelled, with the `CancelledError` as reason: pass it to `fetch` and the like. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- a task can be awaited
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#retrieve();
    if (currentRunning() === this.#running) {
      const error = new RuntimeError(`Task cannot await on itself: ${this.#name}`);
      return Promise.reject(error).then(onFulfilled, onRejected);
    }
    return super.then(onFulfilled, onRejected);
  }

  override result(options?: WaitOptions): Promise<T> {
    this.#retrieve();
    return super.result(options);
  }

  override resultSync(options?: WaitOptions): T {
    this.#retrieve();
    return super.resultSync(options);
  }

  override exception(options?: WaitOptions): Promise<unknown> {
    this.#retrieve();
    return super.exception(options);
  }

  override exceptionSync(options?: WaitOptions): unknown {
    this.#retrieve();
    return super.exceptionSync(options);
  }

  /** The function's return value is the result. */
  override setResult(_value: T): never {
    throw new RuntimeError("Task does not support set_result: what its function returns is its result");
  }

  override setException(_error: unknown): never {
    throw new RuntimeError("Task does not support set_exception: what its function throws is its error");
  }

  override toString(): string {
    const state = this.cancelled
      ? "cancelled"
      : this.done
        ? "finished"
        : this.#cancelling > 0
          ? "cancelling"
          : "pending";
    return `<Task ${state} name=${this.#name}>`;
  }

  /** What awaits the task waits until it has ended, as it may have to clean up. */
  protected override interrupted(error: unknown): boolean {
    return this.cancel(error instanceof CancelledError ? error.message : undefined);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  const kind = typeof value;
  return (
    ((kind === "object" && value !== null) || kind === "function") &&
    typeof (value as { then?: unknown }).then === "function"
  );
}

/** What became of a task, for when nobody asks. */
interface Failure {
  error: { readonly error: unknown } | undefined;
  name: string;
  isRetrieved?: boolean;
}

const unretrieved: Set<Failure> = new Set();
const abandoned: FinalizationRegistry<Failure> = new FinalizationRegistry(report);

function report(failure: Failure): void {
  if (!unretrieved.delete(failure) || failure.isRetrieved === true) return;
  const error = failure.error!.error;
  const text = error instanceof Error ? error.stack : String(error);
  host.writeError(`${failure.name} failed, and nobody awaited it:\n${text}\n`);
}

host.onExit(() => {
  for (const failure of [...unretrieved]) report(failure);
});

/** Not before there are tasks: until then, no lock and no wait has to ask. */
function watchTasks(): void {
  identity.task = () => currentScope().task?.id ?? 0;
  identity.running = currentRunning;
}

function currentRunning(): Running | undefined {
  const running = currentScope().task as Running | undefined;
  return running === undefined || running.task.done ? undefined : running;
}

/**
 * Runs `fn` as a task: it begins once the calling code has come to its next `await` or its end, in a copy of the current
 * context.
 *
 * ```ts
 * const task = createTask(() => download(url), { name: "download" });
 * const bytes = await task;
 * ```
 */
export function createTask<T>(fn: () => T | PromiseLike<T>, options?: TaskOptions): Task<T> {
  return new Task(fn, options);
}

/** The tasks of this thread that have not ended. */
export function allTasks(): Set<Task<unknown>> {
  return new Set(alive);
}

/** The task that runs this code; `undefined` outside of any. */
export function currentTask(): Task<unknown> | undefined {
  return (currentScope().task as Running | undefined)?.task;
}

/** For the rest of asyncio: how the running task is interrupted. */
export function currentInterruptions(): Interruptions | undefined {
  return currentRunning();
}
