/**
 * The options of single calls: `executor.with({ … })`.
 *
 * @module
 */

import { deadlineIn, describe } from "../core/deadline.ts";
import type { Cells } from "../core/cell-coder.ts";
import { Context } from "../contextvars/context.ts";
import { packContext } from "../contextvars/packed.ts";
import { ValueError } from "../errors.ts";

/** How long a task that runs may take to stop, once a signal or a timeout told it to. Milliseconds. */
export const DEFAULT_GRACE = 1000;

/** Options of each call made through `executor.with(options)`. */
export interface CallOptions {
  /** Ends the call: queued, it is removed at once; running, its worker is told, and replaced if it does not react. */
  signal?: AbortSignal | undefined;
  /** Milliseconds from the call until the result must be there. Of a `map`: until all results must be. */
  timeout?: number | undefined;
  /** Milliseconds that a running task has to stop, once its signal or timeout told it to. Default: 1000. */
  grace?: number | undefined;
  /** Higher ones begin first; those of the same priority in the order of submission. Default: 0. */
  priority?: number | undefined;
  /**
   * The context to run in: its variables travel as they are at the time of the call, what the call sets stays with the
   * call. Default: the worker's own, which begins empty.
   */
  context?: Context | undefined;
  /** What moves to the worker instead of being copied: the `ArrayBuffer`s and ports among the arguments. */
  transfer?: Iterable<object> | undefined;
}

export function checkCallOptions(options: CallOptions): CallOptions {
  deadlineIn(options);
  if (options === undefined) throw new TypeError("with takes an object such as { timeout: 1000 }");
  const { priority, transfer, grace, context } = options;
  deadlineIn({ timeout: grace });
  if (priority !== undefined) {
    if (typeof priority !== "number") throw new TypeError(`priority must be a number, not ${describe(priority)}`);
    if (Number.isNaN(priority)) throw new ValueError("priority must be a number that can be compared, not NaN");
  }
  if (transfer !== undefined && typeof transfer?.[Symbol.iterator] !== "function") {
    throw new TypeError(`transfer must be a list of objects such as [bytes.buffer], not ${describe(transfer)}`);
  }
  if (context !== undefined && !(context instanceof Context)) {
    throw new TypeError(`context must be a Context, such as copyContext(), not ${describe(context)}`);
  }
  return { ...options, ...(transfer && { transfer: [...transfer] }) };
}

/** The context as a cell; 0: none was given. Errors: `NotSendableError` naming the variable. */
export function contextCell(context: Context | undefined, cells: Cells): number {
  return context === undefined ? 0 : cells.toCell(packContext(context), "context");
}
