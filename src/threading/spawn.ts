/** @module */

import { describe } from "../core/deadline.ts";
import { Thread } from "./thread.ts";

/**
 * Starts a thread that calls `fn` with `args`.
 *
 * ```ts
 * import { spawn } from "heddle/threading";
 *
 * const sum = await spawn((a: number, b: number) => a + b, 1, 2).join(); // 3
 * ```
 */
export function spawn<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, ...args: A): Thread<A, R> {
  if (typeof fn !== "function") throw new TypeError(`spawn takes a function and its arguments, not ${describe(fn)}`);
  return new Thread({ target: fn, args }).start();
}
