/**
 * Future: the result of something that runs elsewhere.
 *
 * @module
 */

import { host } from "#host";
import { atDeadline, deadlineIn, describe, type Deadline, type WaitOptions } from "../core/deadline.ts";
import { keepHere } from "../core/messages.ts";
import { identity, type RunningTask } from "../core/identity.ts";
import { CancelledError, InvalidStateError, RuntimeError, TimeoutError } from "../errors.ts";

/** What an executor does for the futures it gave out. */
export interface FutureSource {
  /** Takes the work back, if nobody has begun it; else asks it to stop, and says false. */
  cancel(): boolean;
  isRunning(): boolean;
  /** Blocks until the future is settled. False: the deadline passed first. */
  block(deadline: Deadline, signal: AbortSignal | undefined): boolean;
}

const NOBODY: readonly [] = [];

type State = "pending" | "running" | "cancelled" | "cancelled and notified" | "finished";

/**
 * The result of a call that runs elsewhere, now or later.
 *
 * Executors give futures out; `await` one, or ask it. A future is settled once: with a value, an error, or by
 * cancellation before it began.
 *
 * ```ts
 * const future = pool.submit(resize, "a.png");
 * future.addDoneCallback((f) => console.log(f.cancelled ? "cancelled" : "done"));
 * const image = await future;
 * ```
 *
 * **Blocking.** `result` and `exception` wait without blocking, `resultSync` and `exceptionSync` block the thread.
 *
 * **Cancellation.** `cancel` takes back what has not begun, and asks what has to stop. A wait that ends by a timeout leaves the future as it was.
 *
 * **Differs from Python.** A cancelled future counts as done at once for `wait` and `asCompleted`. An error that a
 * callback throws is reported and never skips the other callbacks.
 */
export class Future<T = unknown> implements PromiseLike<T> {
  #state: State = "pending";
  #value: T | undefined;
  #error: unknown;
  #failed = false;
  /** Called with this future; not typed so, or a `Future<number>` would not be a `Future<unknown>`. */
  #callbacks: ((future: never) => void)[] | undefined;
  #progress: number | undefined;
  #listeners: readonly ((fraction: number, info: unknown) => void)[] = NOBODY;
  #promise: Promise<T> | undefined;
  /** Of that promise; typed as the callbacks are, for the same reason. */
  #resolve: ((value: never) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  readonly #source: FutureSource | undefined;

  /** Executors make futures; make one yourself only for an executor of your own. */
  constructor(source?: FutureSource) {
    this.#source = source;
  }

  static {
    keepHere(this.prototype, "a Future belongs to the thread that submitted the work; send its result instead");
  }

  /**
   * Takes the work back. False if it has begun or is done; what has begun is asked to stop: its `currentThread().signal`
   * aborts, its waits throw `CancelledError`. If it does, the future counts as cancelled; if not, it goes on.
   */
  cancel(): boolean {
    if (this.cancelled) return true;
    if (this.done || (this.#source === undefined ? this.#state !== "pending" : !this.#source.cancel())) return false;
    Future.markCancelled(this);
    return true;
  }

  /** For an executor that has taken the work back already. `error`: what those who wait get. */
  static markCancelled<T>(future: Future<T>, error?: CancelledError): void {
    future.#state = "cancelled";
    future.#error = error;
    future.#done();
  }

  /** Whoever waits for it gives up. True: the future will be done soon, and they are to wait for that. */
  static giveUp<T>(future: Future<T>, error: unknown): boolean {
    return future.interrupted(error);
  }

  /** As {@link addDoneCallback}. Call what it returns to be told no more. For whoever may give up. */
  static watch<T>(future: Future<T>, fn: (future: Future<T>) => void): () => void {
    future.addDoneCallback(fn);
    return () => {
      const i = future.#callbacks?.lastIndexOf(fn) ?? -1;
      if (i >= 0) future.#callbacks!.splice(i, 1);
    };
  }

  /** For executors: the work has come that far. */
  static report<T>(future: Future<T>, fraction: number, info: unknown): void {
    if (future.done) return;
    future.#progress = fraction;
    for (const fn of [...future.#listeners]) future.#guard(() => fn(fraction, info));
  }

  /** How much of the work is done, from 0 to 1, as the work itself tells by `reportProgress`. */
  get progress(): number | undefined {
    return this.#progress;
  }

  /**
   * Calls `fn` whenever the work tells how far it has come, and with what it has to say. Call what it returns to be told
   * no more.
   */
  onProgress(fn: (fraction: number, info: unknown) => void): () => void {
    if (typeof fn !== "function") throw new TypeError(`onProgress takes a function, not ${describe(fn)}`);
    this.#listeners = [...this.#listeners, fn];
    return () => {
      this.#listeners = this.#listeners.filter((listener) => listener !== fn);
    };
  }

  get cancelled(): boolean {
    return this.#state === "cancelled" || this.#state === "cancelled and notified";
  }

  /** Has somebody begun with it, and not finished? */
  get running(): boolean {
    return this.#state === "running" || (this.#state === "pending" && this.#source?.isRunning() === true);
  }

  /** Finished or cancelled. */
  get done(): boolean {
    return this.#state === "finished" || this.cancelled;
  }

  /** The value, as soon as there is one; throws the error, `CancelledError`, or `TimeoutError` when the timeout passes. */
  async result(options?: WaitOptions): Promise<T> {
    await this.#wait(options);
    return this.#outcome();
  }

  /** As {@link result}, blocking. */
  resultSync(options?: WaitOptions): T {
    this.#block(options);
    return this.#outcome();
  }

  /** The error the call ended with, or `undefined`; throws `CancelledError`, or `TimeoutError` when the timeout passes. */
  async exception(options?: WaitOptions): Promise<unknown> {
    await this.#wait(options);
    return this.#exception();
  }

  /** As {@link exception}, blocking. */
  exceptionSync(options?: WaitOptions): unknown {
    this.#block(options);
    return this.#exception();
  }

  /** Calls `fn` with this future once it is done: at once if it is; else in the order of registration. */
  addDoneCallback(fn: (future: Future<T>) => void): void {
    if (typeof fn !== "function") throw new TypeError(`addDoneCallback takes a function, not ${describe(fn)}`);
    if (this.done) this.#call(fn);
    else if (this.#callbacks === undefined) this.#callbacks = [fn];
    else this.#callbacks.push(fn);
  }

  // oxlint-disable-next-line unicorn/no-thenable -- a future can be awaited
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const task = this.done ? undefined : identity.running();
    const promise = task === undefined ? this.#asPromise() : this.#awaitedIn(task);
    return promise.then(onFulfilled, onRejected);
  }

  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<T> {
    return this.then((value) => value).finally(onFinally);
  }

  /** For executors: work begins now. False: it was cancelled, and must not. */
  setRunningOrNotifyCancel(): boolean {
    if (this.#state === "cancelled") {
      this.#state = "cancelled and notified";
      return false;
    }
    if (this.#state !== "pending") throw new RuntimeError(`Future in unexpected state: ${this.#state}`);
    this.#state = "running";
    return true;
  }

  /** For executors: the value. */
  setResult(value: T): void {
    this.#mayFinish();
    this.#value = value;
    this.#finish();
  }

  /** For executors: the error. */
  setException(error: unknown): void {
    this.#mayFinish();
    this.#error = error;
    this.#failed = error !== undefined && error !== null;
    this.#finish();
  }

  toString(): string {
    const outcome =
      this.#state !== "finished"
        ? ""
        : this.#failed
          ? ` raised ${nameOf(this.#error)}`
          : ` returned ${nameOf(this.#value)}`;
    const state = this.cancelled ? "cancelled" : this.running ? "running" : this.#state;
    return `<Future state=${state}${outcome}>`;
  }

  #mayFinish(): void {
    if (this.done) throw new InvalidStateError(`The future is settled already: ${this.toString()}`);
  }

  #finish(): void {
    this.#state = "finished";
    this.#done();
  }

  /** Waiters first, then callbacks: a slow callback delays nobody. */
  #done(): void {
    this.#settle();
    const callbacks = this.#callbacks;
    this.#listeners = NOBODY;
    if (callbacks === undefined) return;
    this.#callbacks = undefined;
    for (const fn of callbacks) this.#call(fn as (future: Future<T>) => void);
  }

  #call(fn: (future: Future<T>) => void): void {
    this.#guard(() => fn(this));
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      const text = error instanceof Error ? error.stack : String(error);
      host.writeError(`exception calling callback for ${this.toString()}:\n${text}\n`);
    }
  }

  #cancelled(): CancelledError {
    return (this.#error as CancelledError | undefined) ?? new CancelledError("The future was cancelled");
  }

  #outcome(): T {
    if (this.cancelled) throw this.#cancelled();
    if (this.#failed) throw this.#error;
    return this.#value as T;
  }

  #exception(): unknown {
    if (this.cancelled) throw this.#cancelled();
    return this.#failed ? this.#error : undefined;
  }

  /** Made only when somebody awaits: a promise for each of many thousand futures would cost more than the rest. */
  #asPromise(): Promise<T> {
    if (this.#promise === undefined) {
      this.#promise = new Promise((resolve, reject) => {
        this.#resolve = resolve as (value: never) => void;
        this.#reject = reject;
      });
      if (this.done) this.#settle();
    }
    return this.#promise;
  }

  #settle(): void {
    if (this.#promise === undefined) return;
    if (this.cancelled) this.#reject!(this.#cancelled());
    else if (this.#failed) this.#reject!(this.#error);
    else this.#resolve!(this.#value as never);
  }

  /** As awaiting it in a task: when the task is cancelled, so is this. */
  #awaitedIn(task: RunningTask): Promise<T> {
    return new Promise((resolve, reject) => {
      let interrupted: { readonly error: unknown } | undefined;
      const settle = (): void => {
        leave();
        const outcome = this.cancelled ? this.#cancelled() : this.#failed ? this.#error : undefined;
        if (interrupted !== undefined && outcome instanceof CancelledError) reject(interrupted.error);
        else if (this.cancelled || this.#failed) reject(outcome);
        else resolve(this.#value as T);
      };
      const unwatch = Future.watch(this, settle);
      let leave = (): void => undefined;
      leave = task.enter((error) => {
        if (this.done) return false;
        interrupted = { error };
        if (this.interrupted(error)) return true;
        unwatch();
        reject(error);
        return true;
      });
    });
  }

  /** A task that awaits it was cancelled. True: it will be done soon, and is to be waited for. */
  protected interrupted(_error: unknown): boolean {
    this.cancel();
    return false;
  }

  #wait(options: WaitOptions | undefined): Promise<void> {
    const deadline = deadlineIn(options);
    const signal = options?.signal;
    if (this.done) return Promise.resolve();
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      let leave = (): void => undefined;
      const end = (settle: () => void): void => {
        leave();
        stop();
        unwatch();
        signal?.removeEventListener("abort", onAbort);
        settle();
      };
      const onAbort = (): void => end(() => reject(signal!.reason));
      const stop = atDeadline(deadline, () => end(() => reject(timedOut())));
      signal?.addEventListener("abort", onAbort, { once: true });
      const unwatch = Future.watch(this, () => end(resolve));
      leave =
        identity.running()?.enter((error) => {
          end(() => reject(error));
          return true;
        }) ?? leave;
    });
  }

  #block(options: WaitOptions | undefined): void {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    if (this.done) return;
    if (deadline === 0) throw timedOut();
    if (this.#source === undefined) {
      throw new RuntimeError(
        "This future belongs to no executor that could settle it while its thread is blocked. Use await future.result().",
      );
    }
    if (!this.#source.block(deadline, options?.signal)) throw timedOut();
  }
}

function timedOut(): TimeoutError {
  return new TimeoutError("The future was not done before the timeout passed; it goes on.");
}

function nameOf(value: unknown): string {
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return (value as { constructor?: { name?: string } }).constructor?.name ?? "object";
}
