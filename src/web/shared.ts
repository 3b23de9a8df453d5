/**
 * What the threads of one server process share.
 *
 * @module
 */

import { describe } from "../core/deadline.ts";
import { SharedMap } from "../shared/index.ts";

let registry: SharedMap<string, unknown> | undefined;

/** In a worker thread: the map that all threads of the process have. */
export function setRegistry(map: SharedMap<string, unknown>): void {
  registry = map;
}

/**
 * The one object of that name in all threads that serve the app in this process: the first to ask makes it.
 *
 * Each thread imports the app for itself, so a plain `const hits = new Map()` is a different one in each of them. What is
 * to be shared is a shared object, and this is how every thread gets the same:
 *
 * ```ts
 * import { int32, Value } from "heddle/shared";
 * import { shared } from "heddle/web";
 *
 * const hits = shared("hits", () => new Value(int32, 0));
 * app.get("/", () => new Response(`visitor ${hits.add(1) + 1}`));
 * ```
 *
 * Outside of `serve` there is one thread, and the object is its own. Processes share nothing: use a store outside of
 * them.
 *
 * Errors: `NotSendableError` if what `make` returns cannot be shared.
 */
export function shared<T>(name: string, make: () => T): T {
  if (typeof name !== "string") throw new TypeError(`shared takes a name and a function, not ${describe(name)}`);
  if (typeof make !== "function")
    throw new TypeError(`shared takes a function that makes the object, not ${describe(make)}`);
  registry ??= new SharedMap<string, unknown>();
  return registry.updateSync(name, (present) => present ?? make()) as T;
}
