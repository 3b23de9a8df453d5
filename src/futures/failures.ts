/**
 * What a pool says when something ended that should not have.
 *
 * @module
 */

import { BrokenThreadPool, ThreadDiedError } from "../errors.ts";
import { InitializerFailed } from "./pool-worker.ts";

/** Of a pool that can run nothing any more: a worker could not begin. */
export function brokenPool(error: unknown): BrokenThreadPool {
  const failed = error instanceof InitializerFailed;
  const broken = new BrokenThreadPool(
    failed
      ? "A worker's initializer failed, so the pool cannot run anything: see the cause. Mend it, and make a new pool."
      : "A worker could not start, so the pool cannot run anything: see the cause.",
    { cause: failed ? error.cause : error },
  );
  // Its text is made now, and lets go of the frames and all that they refer to.
  void broken.stack;
  return broken;
}

/** Of a task whose worker ended in the middle of it. */
export function lostTask(name: string, error: unknown): BrokenThreadPool {
  const isEnd = error instanceof ThreadDiedError;
  // An error that nobody caught ends a worker as it ends a program.
  const exitCode = isEnd ? error.exitCode : error === undefined ? undefined : 1;
  const how = exitCode === undefined ? "" : ` (exit code ${exitCode})`;
  const what = isEnd
    ? error.message
    : error === undefined
      ? "its thread returned"
      : `an error that the task let loose outside of its own calls was caught by nobody: ${textOf(error)}`;
  return new BrokenThreadPool(
    `The worker ${name} that ran this task ended before the task was done${how}: ${what}. The pool goes on with ` +
      "another worker.",
    { cause: error, exitCode },
  );
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
