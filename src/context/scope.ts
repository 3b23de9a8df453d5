/**
 * What belongs to the flow of calls that runs now, and follows it over every `await`. `#context` keeps it: on Node in the
 * package's one AsyncLocalStorage, elsewhere for as long as a call is on the stack.
 *
 * @module
 */

import type { RunningTask } from "../core/identity.ts";

export interface Scope {
  /** It was begun by a module that heddle imports in this thread. */
  readonly importing: boolean;
  /** The context of contextvars; `undefined`: the thread's own. */
  readonly context: object | undefined;
  readonly task: RunningTask | undefined;
}

/** The scope of whatever nobody has given another one. */
export const NO_SCOPE: Scope = { importing: false, context: undefined, task: undefined };
