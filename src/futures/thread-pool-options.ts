/**
 * The options of a thread pool.
 *
 * @module
 */

import { deadlineIn, describe } from "../core/deadline.ts";
import type { ResourceLimits } from "../core/host.ts";
import { ValueError } from "../errors.ts";

// oxlint-disable-next-line typescript/no-explicit-any -- an initializer of whatever arguments
export interface ThreadPoolOptions<A extends unknown[] = any[]> {
  /** How many threads at most. Default: as many as can run at once on this machine. */
  maxWorkers?: number;
  /** Workers are called `PREFIX_0`, `PREFIX_1` … Default: `ThreadPoolExecutor-K`. */
  threadNamePrefix?: string;
  /** Called in each worker before its first task. If it fails, the pool is broken. */
  initializer?: (...args: A) => unknown;
  initargs?: A;
  /** A worker ends when it had nothing to do for so many milliseconds. Default: it stays. */
  idleTimeout?: number;
  /** A worker ends after so many tasks (a chunk of a `map` is one), and another takes its place. Default: it stays. */
  maxTasksPerWorker?: number;
  /** Limits of each worker's JavaScript engine. A task that exceeds one ends its worker, not the program. */
  resourceLimits?: ResourceLimits;
  /**
   * For programs built by a bundler, which must see this literal:
   * `() => new Worker(new URL("./tasks.ts", import.meta.url), { type: "module" })`. The module registers each function
   * with `task`.
   */
  worker?: () => unknown;
}

export function checkOptions(options: ThreadPoolOptions | undefined): ThreadPoolOptions {
  const given = checkObject("ThreadPoolExecutor", options);
  const { worker, threadNamePrefix, idleTimeout } = given;
  checkCount("maxTasksPerWorker", given.maxTasksPerWorker);
  if (idleTimeout !== undefined && typeof idleTimeout !== "number") {
    throw new TypeError(`idleTimeout must be a number of milliseconds, not ${describe(idleTimeout)}`);
  }
  deadlineIn({ timeout: idleTimeout });
  checkSetup(given);
  checkFunction("worker", worker);
  if (threadNamePrefix !== undefined && typeof threadNamePrefix !== "string") {
    throw new TypeError(`threadNamePrefix must be a string, not ${describe(threadNamePrefix)}`);
  }
  return given;
}

export function checkObject<T extends object>(taker: string, options: T | undefined): T {
  const given = options ?? ({} as T);
  if (typeof given === "object") return given;
  throw new TypeError(`${taker} takes an object such as { maxWorkers: 4 }, not ${describe(given)}`);
}

/** What the pools of all kinds are given. */
export function checkSetup({ maxWorkers, initializer, initargs }: ThreadPoolOptions): void {
  checkCount("maxWorkers", maxWorkers);
  checkFunction("initializer", initializer);
  if (initargs !== undefined && !Array.isArray(initargs)) {
    throw new TypeError(`initargs must be an array, not ${describe(initargs)}`);
  }
}

function checkFunction(name: string, fn: unknown): void {
  if (fn === undefined || typeof fn === "function") return;
  throw new TypeError(`${name} must be a function, not ${describe(fn)}`);
}

export function checkCount(name: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== "number") throw new TypeError(`${name} must be a number, not ${describe(value)}`);
  if (!Number.isInteger(value) || value < 1) {
    throw new ValueError(`${name} must be 1 or more, a whole number, not ${value}`);
  }
}
