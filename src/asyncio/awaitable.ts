/**
 * What the functions of asyncio take: something to await, or a function to run as a task.
 *
 * @module
 */

import { describe } from "../core/deadline.ts";
import { Future } from "../futures/future.ts";
import { createTask } from "./task.ts";

/** A task, a future, a promise; or a function, which becomes a task: what a coroutine is in Python. */
export type Awaitable<T> = PromiseLike<T> | (() => T | PromiseLike<T>);

/** What awaiting it gives. */
export type Result<A> = A extends Awaitable<infer T> ? Awaited<T> : never;

/** The future of it; a promise cannot be cancelled, but its future can. */
export function futureOf<T>(awaitable: Awaitable<T>, where: string): Future<T> {
  if (awaitable instanceof Future) return awaitable as Future<T>;
  if (typeof awaitable === "function" && typeof (awaitable as { then?: unknown }).then !== "function") {
    return createTask(awaitable as () => T | PromiseLike<T>);
  }
  if (typeof (awaitable as PromiseLike<T> | null | undefined)?.then !== "function") {
    throw new TypeError(`${where} takes tasks, futures, promises and functions, not ${describe(awaitable)}`);
  }
  const future = new Future<T>();
  (awaitable as PromiseLike<T>).then(
    (value) => {
      if (!future.done) future.setResult(value);
    },
    (error: unknown) => {
      if (!future.done) future.setException(error);
    },
  );
  return future;
}

/** Ends `outer` as `inner` ended. */
export function settleAs<T>(outer: Future<T>, inner: Future<T>): void {
  if (outer.done) return;
  if (inner.cancelled) Future.markCancelled(outer, errorOf(inner) as never);
  else {
    const error = inner.exceptionSync();
    if (error === undefined) outer.setResult(inner.resultSync());
    else outer.setException(error);
  }
}

/** The error of a future that is done, its cancellation included; `undefined`: it has a value. */
export function errorOf(future: Future<never> | Future): unknown {
  try {
    return future.exceptionSync();
  } catch (error) {
    return error;
  }
}
