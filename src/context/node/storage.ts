/**
 * `#context` on Node: the package's one AsyncLocalStorage. Every further instance would make each `await` slower on some
 * versions of Node; and a scope is only ever entered for a call, since one that is merely set leaks into whatever happens
 * to run next.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { NO_SCOPE, type Scope } from "../scope.ts";

const storage: AsyncLocalStorage<Scope> = new AsyncLocalStorage();

export function currentScope(): Scope {
  return storage.getStore() ?? NO_SCOPE;
}

/** Calls `fn` in the scope. What it begins belongs to it too, however long that lasts. */
export function runInScope<R>(scope: Scope, fn: () => R): R {
  return storage.run(scope, fn);
}
