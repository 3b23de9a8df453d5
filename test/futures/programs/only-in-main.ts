/** A module that can be imported in the main thread only. @module */

import { isMainThread } from "node:worker_threads";

if (!isMainThread) throw new RangeError("only in the main thread");

export function initialize(): void {
  // Never gets here: its module cannot be imported where it would be called.
}
