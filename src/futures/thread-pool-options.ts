/**
 * The options of a thread pool.
 *
 * @module
 */

import { describe } from "../core/deadline.ts";
import type { ResourceLimits } from "../core/host.ts";
import { ValueError } from "../errors.ts";

export interface ThreadPoolOptions<A extends unknown[] = never[]> {
  /** How many threads at most. Default: as many as can run at once on this machine. */
  maxWorkers?: number;
  /** Workers are called `PREFIX_0`, `PREFIX_1` … Default: `ThreadPoolExecutor-K`. */
  threadNamePrefix?: string;
  /** Called in each worker before its first task. If it fails, the pool is broken. */
  initializer?: (...args: A) => unknown;
  initargs?: A;
  /** Limits of each worker's JavaScript engine. A task that exceeds one ends its worker, not the program. */
  resourceLimits?: ResourceLimits;
}

export function checkOptions(options: ThreadPoolOptions | undefined): ThreadPoolOptions {
  const given = options ?? {};
  if (typeof given !== "object") {
    throw new TypeError(`ThreadPoolExecutor takes an object such as { maxWorkers: 4 }, not ${describe(given)}`);
  }
  const { maxWorkers, initializer, initargs } = given;
  if (maxWorkers !== undefined) {
    if (typeof maxWorkers !== "number") throw new TypeError(`maxWorkers must be a number, not ${describe(maxWorkers)}`);
    if (!Number.isInteger(maxWorkers) || maxWorkers < 1) {
      throw new ValueError(`maxWorkers must be 1 or more, a whole number, not ${maxWorkers}`);
    }
  }
  if (initializer !== undefined && typeof initializer !== "function") {
    throw new TypeError(`initializer must be a function, not ${describe(initializer)}`);
  }
  if (initargs !== undefined && !Array.isArray(initargs)) {
    throw new TypeError(`initargs must be an array, not ${describe(initargs)}`);
  }
  return given;
}
