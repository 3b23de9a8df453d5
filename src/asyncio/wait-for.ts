/** @module */

import { atDeadline, deadlineIn, type WaitOptions } from "../core/deadline.ts";
import { identity } from "../core/identity.ts";
import { CancelledError, TimeoutError } from "../errors.ts";
import { Future } from "../futures/future.ts";
import { type Awaitable, errorOf, futureOf } from "./awaitable.ts";

/**
 * Awaits something for so many milliseconds at most. When they have passed, cancels it, waits until it has ended, and
 * throws `TimeoutError`; unless it ends with a value or another error all the same.
 *
 * ```ts
 * const reply = await waitFor(() => ask(question), 500);
 * ```
 *
 * With 0, what is not done is not even begun. Without a timeout it waits as long as it takes.
 *
 * **Cancellation.** When the task that waits is cancelled, or the `signal` aborts, cancels what it waits for too.
 */
export async function waitFor<T>(awaitable: Awaitable<T>, timeout?: number | WaitOptions): Promise<Awaited<T>> {
  const options = typeof timeout === "object" ? timeout : timeout === undefined ? undefined : { timeout };
  const deadline = deadlineIn(options);
  const signal = options?.signal;
  signal?.throwIfAborted();
  if (deadline === 0 && typeof awaitable === "function" && !("then" in awaitable)) throw timedOut();
  const inner = futureOf(awaitable, "waitFor") as Future<Awaited<T>>;
  // A promise says in the next turn of the microtask queue that it is settled.
  if (deadline === 0 && !(awaitable instanceof Future)) await Promise.resolve();
  return await new Promise((resolve, reject) => {
    let givenUp: { readonly error: unknown } | undefined;
    let stop = (): void => undefined;
    let leave = (): void => undefined;
    const onAbort = (): void => giveUp(signal!.reason);
    const end = (settle: () => void): void => {
      stop();
      leave();
      signal?.removeEventListener("abort", onAbort);
      settle();
    };
    const giveUp = (error: unknown): void => {
      if (givenUp !== undefined || inner.done) return;
      givenUp = { error };
      if (!Future.giveUp(inner, error) && !inner.done) end(() => reject(error));
    };
    inner.addDoneCallback(() => {
      const error = errorOf(inner);
      if (error === undefined) end(() => resolve(inner.resultSync()));
      else end(() => reject(givenUp !== undefined && error instanceof CancelledError ? givenUp.error : error));
    });
    if (inner.done) return;
    if (deadline === 0) {
      giveUp(timedOut());
      return;
    }
    stop = atDeadline(deadline, () => giveUp(timedOut()));
    signal?.addEventListener("abort", onAbort, { once: true });
    leave =
      identity.running()?.enter((error) => {
        if (inner.done) return false;
        giveUp(error);
        return true;
      }) ?? leave;
  });
}

function timedOut(): TimeoutError {
  return new TimeoutError("It was not done before the timeout passed, and was cancelled.");
}
