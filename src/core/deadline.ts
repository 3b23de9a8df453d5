/**
 * A timeout becomes a moment on the monotonic clock once, at the start of a call; everything after measures against
 * that moment, so that wake-ups in between neither extend nor shorten the wait.
 *
 * @module
 */

import { ValueError } from "../errors.ts";

/** Options of every wait. */
export interface WaitOptions {
  /** Milliseconds. Absent: as long as it takes; 0: one try. */
  timeout?: number | undefined;
  /** Ends the wait, which then throws `signal.reason` and leaves nothing behind. */
  signal?: AbortSignal | undefined;
}

/** A moment in milliseconds, as {@link now} counts them; Infinity: never. */
export type Deadline = number;

export function now(): number {
  return performance.now();
}

/** Checks a timeout and fixes the moment it ends. */
export function deadlineOf(timeout: number | undefined): Deadline {
  if (timeout === undefined || timeout === Infinity) return Infinity;
  if (typeof timeout !== "number") {
    throw new TypeError(`timeout must be a number of milliseconds, not ${describe(timeout)}`);
  }
  if (Number.isNaN(timeout) || timeout < 0) {
    throw new ValueError(`timeout must be 0 or more milliseconds, not ${timeout}; leave it out to wait without limit`);
  }
  return timeout === 0 ? 0 : now() + timeout;
}

/** The deadline that a wait's options ask for. Checks their types: `acquire(5)` is a mistake that people make. */
export function deadlineIn(options: WaitOptions | undefined): Deadline {
  if (options === undefined) return Infinity;
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`options must be an object such as { timeout: 100 }, not ${describe(options)}`);
  }
  const { signal } = options;
  if (signal !== undefined && !(typeof signal === "object" && typeof signal?.addEventListener === "function")) {
    throw new TypeError(`signal must be an AbortSignal, not ${describe(signal)}`);
  }
  return deadlineOf(options.timeout);
}

export function describe(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

/** The longest delay a timer takes; beyond it, timers fire at once. */
const LONGEST = 2 ** 31 - 1;

/** Calls `then` when the deadline has passed, never early. Returns what cancels it. */
export function atDeadline(deadline: Deadline, then: () => void): () => void {
  if (deadline === Infinity) return () => undefined;
  let timer: ReturnType<typeof setTimeout>;
  const arm = (): void => {
    const left = deadline - now();
    // Timers count whole milliseconds and may fire up to one early.
    if (left <= 0) then();
    else timer = setTimeout(arm, Math.min(LONGEST, Math.ceil(left)));
  };
  timer = setTimeout(arm, Math.min(LONGEST, Math.max(0, Math.ceil(deadline - now()))));
  return () => clearTimeout(timer);
}
