/** What the tests of tasks need. @module */

import assert from "node:assert/strict";

/** Lets everything run that is ready: all microtasks, and what they make ready. Nothing that needs a wake-up. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A promise, and what settles it. */
export interface Door<T> {
  readonly promise: Promise<T>;
  open(value: T): void;
  fail(error: unknown): void;
}

export function door<T = void>(): Door<T> {
  let open!: (value: T) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

/** Far longer than a test takes. */
export const LONG = 600_000;

/** As `assert.rejects`, for tasks and futures too. */
export async function rejects(
  from: PromiseLike<unknown> | (() => PromiseLike<unknown>),
  expected: assert.AssertPredicate,
): Promise<void> {
  await assert.rejects(async () => await (typeof from === "function" ? from() : from), expected);
}
