/**
 * What becomes of an error that ended a thread and that nobody took by joining it.
 *
 * @module
 */

import { host } from "#host";
import type { Thread } from "./thread.ts";

/** What an excepthook is told. */
export interface ExceptHookArgs {
  /** The error's class. `undefined` if something else was thrown. */
  readonly excType: Function | undefined;
  /** What was thrown. */
  readonly excValue: unknown;
  /** Its stack: the thread's own frames, then where it was started. */
  readonly excTraceback: string;
  readonly thread: Thread<unknown[], unknown>;
}

export type ExceptHook = (args: ExceptHookArgs) => void;

/** Prints `Exception in thread NAME:` and the stack to the standard error stream. Silent about `process.exit`. */
export function defaultExcepthook(args: ExceptHookArgs): void {
  if (isExit(args.excValue)) return;
  host.writeError(`Exception in thread ${args.thread.name}:\n${args.excTraceback}\n`);
}

let hook: ExceptHook = defaultExcepthook;

/**
 * Sets what is called, in this thread, with an error that ended a thread started by it and that nobody joined. Without
 * an argument, back to the default.
 *
 * An error counts as unclaimed when nobody has called `join` a second after the thread ended, or when the program ends.
 */
export function setExcepthook(fn?: ExceptHook): void {
  if (fn !== undefined && typeof fn !== "function") throw new TypeError("The excepthook must be a function");
  hook = fn ?? defaultExcepthook;
}

/** Reports an error. A hook that fails is itself reported, and nothing more. */
export function report(thread: Thread<unknown[], unknown>, error: unknown): void {
  const isError = error instanceof Error;
  const args: ExceptHookArgs = {
    excType: isError ? error.constructor : undefined,
    excValue: error,
    excTraceback: isError ? withCause(error) : String(error),
    thread,
  };
  try {
    hook(args);
  } catch (failure) {
    const what = failure instanceof Error ? withCause(failure) : String(failure);
    host.writeError(`Exception in the excepthook, while it was told of an error in thread ${thread.name}:\n${what}\n`);
  }
}

function withCause(error: Error): string {
  const stack = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause instanceof Error ? `${stack}\n  [cause]: ${withCause(error.cause)}` : stack;
}

/** A thread that called `process.exit` ended because it wanted to. */
function isExit(error: unknown): boolean {
  return error instanceof Error && (error as { exited?: boolean }).exited === true;
}
