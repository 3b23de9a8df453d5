/**
 * `#context` where nothing follows a flow of calls over an `await`: a scope lasts as long as the call that was made in it
 * is on the stack. What goes on afterwards has to enter it again, by `Context.run`.
 *
 * @module
 */

import { NO_SCOPE, type Scope } from "./scope.ts";

let current: Scope = NO_SCOPE;

export function currentScope(): Scope {
  return current;
}

export function runInScope<R>(scope: Scope, fn: () => R): R {
  const outer = current;
  current = scope;
  try {
    return fn();
  } finally {
    current = outer;
  }
}
