/**
 * A submitted call: it settles its future with what comes of the task, and takes the future's questions to the
 * dispatcher.
 *
 * ```
 *   cancel(), signal, timeout ─┬─ queued:  taken back, the future is settled at once
 *                              └─ running: asked to stop ──► it stops: the future is settled with the reason
 *                                            └─ not within the grace period ──► its worker is replaced, the same
 * ```
 * `cancel()` only asks; a signal and a timeout insist.
 *
 * @module
 */

import { type Deadline, deadlineOf } from "../core/deadline.ts";
import { appendCallerStack } from "../core/wire/error-envelope.ts";
import { CancelledError, RuntimeError, TimeoutError } from "../errors.ts";
import type { Alarms } from "./alarms.ts";
import { type CallOptions, DEFAULT_GRACE } from "./call-options.ts";
import { Future, type FutureSource } from "./future.ts";
import type { Arrived } from "./task-block.ts";

/** What waits for the outcome of a task. */
export interface Job {
  /** `elapsed`: milliseconds that the task ran. */
  succeed(value: unknown, elapsed: number): void;
  fail(error: unknown): void;
  /** It was taken back by the executor itself. */
  cancelled(): void;
  progress?(fraction: number, info: unknown): void;
  /** Takes what came back as it is, instead of {@link succeed} and {@link fail}, which are told what it means. */
  pass?(arrived: Arrived): void;
}

/** What runs tasks, by their numbers. */
export interface Runner {
  /** Why nothing can run any more. */
  readonly broken: Error | undefined;
  readonly alarms: Alarms;
  /** Takes a task back that has not begun. */
  cancel(id: number): boolean;
  /** Asks a task that runs to stop; after the grace period, in milliseconds, it is given up. False: it does not run. */
  stop(id: number, reason: unknown, grace?: number): boolean;
  isRunning(id: number): boolean;
  /** Blocks until the task is settled. False: the deadline passed first. */
  block(id: number, deadline: Deadline, signal: AbortSignal | undefined): boolean;
}

export class Call<R> implements Job, FutureSource {
  readonly future: Future<R>;
  readonly #dispatcher: Runner;
  readonly #origin: { readonly stack?: string } | undefined;
  /** Why it was to stop, once it was. */
  #reason: { readonly error: unknown } | undefined;
  #unlimit: (() => void) | undefined;
  id = 0;

  constructor(dispatcher: Runner, origin: { readonly stack?: string } | undefined) {
    this.#dispatcher = dispatcher;
    this.#origin = origin;
    this.future = new Future<R>(this);
  }

  /** Sends it, unless its signal says no already. */
  launch(options: CallOptions, send: () => number): Future<R> {
    if (options.signal?.aborted === true) {
      this.fail(options.signal.reason);
    } else {
      this.id = send();
      this.limit(options);
    }
    return this.future;
  }

  // ── What the dispatcher tells ──────────────────────────────────────────────────────────────────────────────────────

  succeed(value: unknown): void {
    this.#unlimit?.();
    // Somebody else may have settled it, as somebody else's future.
    if (!this.future.done) this.future.setResult(value as R);
  }

  fail(error: unknown): void {
    this.#unlimit?.();
    const { future } = this;
    if (future.done) return;
    const reason = this.#reason?.error;
    if (this.#reason === undefined) this.#failWith(error);
    else if (!(reason instanceof CancelledError)) future.setException(withCause(reason, error));
    else if (error === reason || error instanceof CancelledError || isAbort(error))
      Future.markCancelled(future, error instanceof CancelledError ? error : undefined);
    else this.#failWith(error);
  }

  #failWith(error: unknown): void {
    // The error of a broken pool is everyone's, and the pool's for good: it must not refer to one caller's frames.
    if (error !== this.#dispatcher.broken) appendCallerStack(error, this.#origin?.stack);
    this.future.setException(error ?? new RuntimeError(`The task threw ${String(error)}`));
  }

  cancelled(): void {
    this.#unlimit?.();
    Future.markCancelled(this.future);
  }

  progress(fraction: number, info: unknown): void {
    Future.report(this.future, fraction, info);
  }

  // ── What the future asks ───────────────────────────────────────────────────────────────────────────────────────────

  cancel(): boolean {
    if (this.#dispatcher.cancel(this.id)) {
      this.#unlimit?.();
      return true;
    }
    const reason = new CancelledError("The task was cancelled");
    if (this.#dispatcher.stop(this.id, reason)) this.#reason ??= { error: reason };
    return false;
  }

  isRunning(): boolean {
    return this.#dispatcher.isRunning(this.id);
  }

  block(deadline: Deadline, signal: AbortSignal | undefined): boolean {
    return this.#dispatcher.block(this.id, deadline, signal);
  }

  // ── Signal and timeout ─────────────────────────────────────────────────────────────────────────────────────────────

  /** From now on, the signal or the timeout ends it. */
  limit({ signal, timeout, grace = DEFAULT_GRACE }: CallOptions): void {
    if (signal === undefined && timeout === undefined) return;
    const insist = (reason: unknown): void => this.#insist(reason, grace);
    const onAbort = (): void => insist(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const stopTimer = this.#dispatcher.alarms.set(deadlineOf(timeout), () => insist(timedOut(timeout!)));
    this.#unlimit = () => {
      signal?.removeEventListener("abort", onAbort);
      stopTimer();
    };
  }

  #insist(reason: unknown, grace: number): void {
    if (this.#dispatcher.cancel(this.id)) {
      this.#unlimit?.();
      if (!this.future.done) this.future.setException(reason);
    } else if (this.#dispatcher.stop(this.id, reason, grace)) {
      this.#reason = { error: reason };
    }
  }
}

export function timedOut(timeout: number): TimeoutError {
  return new TimeoutError(`The call was not done within its timeout of ${timeout} ms, and was stopped`);
}

function isAbort(error: unknown): boolean {
  return (error as { name?: unknown } | null | undefined)?.name === "AbortError";
}

/** What the task made of a timeout may say where it was. */
function withCause(reason: unknown, error: unknown): unknown {
  if (reason instanceof TimeoutError && error !== reason && !(error instanceof TimeoutError)) {
    Object.defineProperty(reason, "cause", { value: error, configurable: true, writable: true, enumerable: false });
  }
  return reason ?? new CancelledError("The call was aborted");
}
