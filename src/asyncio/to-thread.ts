/** @module */

import { host } from "#host";
import { copyContext } from "../contextvars/context.ts";
import { packContext, runInPacked } from "../contextvars/packed.ts";
import { describe } from "../core/deadline.ts";
import { NotSendableError } from "../errors.ts";
import type { Future } from "../futures/future.ts";
import { ThreadPoolExecutor } from "../futures/thread-pool.ts";

let pool: ThreadPoolExecutor | undefined;

/**
 * Calls `fn(...args)` in another thread, in a copy of the current context, and gives its result. The threads are called
 * `asyncio_0`, `asyncio_1` …, and are kept for the next call.
 *
 * ```ts
 * const hash = await toThread(hashFile, path);
 * ```
 *
 * Use it for a call that blocks or computes; for many, a `ThreadPoolExecutor` of their own.
 *
 * **Cancellation.** When the task that awaits it is cancelled, a call that has begun goes on.
 *
 * **Context.** Values of context variables that cannot be sent stay behind: reading them there throws `NotSendableError`.
 */
export async function toThread<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Promise<Awaited<R>> {
  if (typeof fn !== "function") throw new TypeError(`toThread takes a function and its arguments, not ${describe(fn)}`);
  pool ??= new ThreadPoolExecutor({ maxWorkers: host.availableParallelism + 4, threadNamePrefix: "asyncio" });
  const packed = packContext(copyContext(), { lenient: true });
  let call: Future<Awaited<R>> | undefined;
  try {
    call = pool.submit(runInPacked<A, R>, packed, fn, ...args);
    return await call.result();
  } catch (error) {
    // Given up. What runs already is left alone.
    if (call !== undefined && !call.done && !call.running) call.cancel();
    if (error instanceof NotSendableError) error.message = error.message.replace(/^args\[(\d+)\]/, argument);
    throw error;
  }
}

/** What the user calls the n-th argument of the call that was submitted. */
function argument(_: string, n: string): string {
  return n === "1" ? "fn" : `args[${Number(n) - 2}]`;
}
