/**
 * How a worker learns whose thread it is, before anything of heddle is set up in it.
 *
 * @module
 */

import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads";

// Not imported: for an import, Node loads everything such a module could export.
const { readlinkSync } = process.getBuiltinModule("node:fs");

/** What a thread is told about itself before anything else is loaded. */
export interface Boot {
  readonly buffer: SharedArrayBuffer;
  readonly tid: number;
  /** The thread's identity in the operating system; 0: unknown. */
  readonly osThread: number;
}

/** Where heddle's own bootstrap leaves what it was given. */
export const BOOT: unique symbol = Symbol.for("heddle.boot") as never;

/** Under this key a worker made by the user's own factory finds it: it inherits its parent's environment data. */
export const ENVIRONMENT_KEY = "heddle.boot";

export function bootOfThisThread(): Boot | undefined {
  if (isMainThread) return undefined;
  const given = (globalThis as { [BOOT]?: Boot })[BOOT] ?? bootByFactory();
  return given && { buffer: given.buffer, tid: given.tid, osThread: osThread() };
}

let inherited: (Boot & { readonly role: string }) | undefined;

/** What a worker was given that a factory of the user's made, and not heddle's own bootstrap. */
export function bootByFactory(): (Boot & { readonly role: string }) | undefined {
  if (isMainThread || BOOT in globalThis) return undefined;
  inherited ??= getEnvironmentData(ENVIRONMENT_KEY) as unknown as typeof inherited;
  // Not for the workers that this one makes.
  setEnvironmentData(ENVIRONMENT_KEY, undefined as never);
  return inherited;
}

function osThread(): number {
  try {
    return Number(readlinkSync("/proc/thread-self").split("/").pop());
  } catch {
    return 0;
  }
}
