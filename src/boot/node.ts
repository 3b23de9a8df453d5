/**
 * How a worker learns whose thread it is, before anything of heddle is set up in it.
 *
 * @module
 */

import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads";

/** What a thread is told about itself before anything else is loaded. */
export interface Boot {
  readonly buffer: SharedArrayBuffer;
  readonly tid: number;
}

/** Where heddle's own bootstrap leaves what it was given. */
export const BOOT: unique symbol = Symbol.for("heddle.boot") as never;

/** Under this key a worker made by the user's own factory finds it: it inherits its parent's environment data. */
export const ENVIRONMENT_KEY = "heddle.boot";

export function bootOfThisThread(): Boot | undefined {
  if (isMainThread) return undefined;
  const own = (globalThis as { [BOOT]?: Boot })[BOOT];
  if (own !== undefined) return own;
  const inherited = getEnvironmentData(ENVIRONMENT_KEY) as unknown as Boot | undefined;
  // Not for the workers that this one makes.
  setEnvironmentData(ENVIRONMENT_KEY, undefined as never);
  return inherited;
}
