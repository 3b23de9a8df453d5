/**
 * A call on its way to the workers of a pool.
 *
 * @module
 */

import { callerStack } from "../core/caller-stack.ts";
import { TASK_FLAG } from "../core/layout.ts";
import { transfer } from "../core/wire/transfer.ts";
import { type CallOptions, contextCell } from "./call-options.ts";
import { Call } from "./call.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { AnyFunction } from "./executor.ts";
import type { Future } from "./future.ts";
import { ship } from "./shipment.ts";

/** Up to this many unfinished tasks, each remembers where it was submitted; beyond, that would cost more than the task. */
const TRACED = 256;

/** Where the user's code called `method`, if that is remembered. */
export function originOf(dispatcher: Dispatcher, method: Function): { readonly stack?: string } | undefined {
  return dispatcher.pending < TRACED ? callerStack(method) : undefined;
}

/** Sends a call. `method` is what the user called. Errors: `NotSendableError`. */
export function submitTo(
  dispatcher: Dispatcher,
  fn: AnyFunction,
  args: readonly unknown[],
  options: CallOptions,
  method: Function,
): Future {
  const { signal, priority } = options;
  const call = new Call<unknown>(dispatcher, originOf(dispatcher, method));
  if (signal?.aborted === true) {
    call.fail(signal.reason);
    return call.future;
  }
  if (options.transfer !== undefined) transfer(args, options.transfer);
  dispatcher.getReady();
  const { cells, packer } = dispatcher.domain;
  const input = { fn: 0, flags: 0, args: 0, context: 0 };
  try {
    input.context = contextCell(options.context, cells);
    input.args = cells.toCell(args.length === 0 ? undefined : args, "args");
    ({ message: input.fn, flags: input.flags } = ship(fn, packer));
    call.id = dispatcher.send(input, call, priority);
  } catch (error) {
    if ((input.flags & TASK_FLAG.ownFunction) !== 0) packer.discard(input.fn);
    cells.discardCell(input.args);
    cells.discardCell(input.context);
    throw error;
  }
  call.limit(options);
  return call.future;
}
