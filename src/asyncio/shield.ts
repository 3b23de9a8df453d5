/** @module */

import { Future } from "../futures/future.ts";
import { type Awaitable, futureOf, settleAs } from "./awaitable.ts";

/**
 * Stands for what it is given, but can be given up without it: cancelling the shield, or a task that awaits it, leaves what
 * is inside running. If what is inside is cancelled, so is the shield.
 *
 * ```ts
 * const saved = createTask(() => save(document));
 * await shield(saved); // goes on, also if this task is cancelled
 * ```
 */
export function shield<T>(awaitable: Awaitable<T>): Future<T> {
  const inner = futureOf(awaitable, "shield");
  const outer = new Future<T>();
  inner.addDoneCallback(() => settleAs(outer, inner));
  return outer;
}
