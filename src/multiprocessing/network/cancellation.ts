/**
 * How waits for a socket end when the thread, or the task, that waits is cancelled: those that the parker has end by
 * themselves, but a socket is the event loop's.
 *
 * @module
 */

import { threads } from "../../core/domain.ts";
import { identity } from "../../core/identity.ts";
import { platform } from "../../core/platform.ts";
import { CancelledError } from "../../errors.ts";

const waits: Set<() => void> = new Set();
let isWatching = false;

/**
 * Calls `giveUp`, at once or later, when the caller's thread or task is asked to end. Call what it returns when the wait is
 * over. `name`: of the wait, such as `connection.recv`.
 */
export function whenCancelled(name: string, giveUp: (error: unknown) => void): () => void {
  const cancelled = (): void => giveUp(new CancelledError(`${name} was given up because its thread was cancelled`));
  if (threads.parker.cancelRequested) {
    cancelled();
    return () => undefined;
  }
  watch();
  let isOver = false;
  const end = (): void => {
    isOver = true;
    waits.delete(cancelled);
  };
  waits.add(cancelled);
  const leaveTask = identity.running()?.enter((error) => {
    if (isOver) return false;
    end();
    giveUp(error);
    return true;
  });
  return () => {
    end();
    leaveTask?.();
  };
}

/** Not before it is needed: what a thread does about its cancellation is settled by then. */
function watch(): void {
  if (isWatching) return;
  isWatching = true;
  const { onCancel } = platform;
  platform.onCancel = () => {
    onCancel();
    for (const cancelled of [...waits]) cancelled();
  };
}
