/**
 * ProcessPoolExecutor: a few processes for any number of tasks.
 *
 * @module
 */

import { host } from "#host";
import { keepHere } from "../core/messages.ts";
import { PoolExecutor } from "../futures/pool-executor.ts";
import { checkCount, checkObject, checkSetup } from "../futures/thread-pool-options.ts";
import "./process-main.ts";
import { processWorkers } from "./process-worker.ts";

/** What a new {@link ProcessPoolExecutor} is given. */
// oxlint-disable-next-line typescript/no-explicit-any -- any arguments, as long as the initializer takes them
export interface ProcessPoolOptions<A extends unknown[] = any[]> {
  /** How many processes at most. Default: as many as can run at once on this machine. */
  maxWorkers?: number;
  /** Called in each worker before its first task. If it fails, the pool is broken. */
  initializer?: (...args: A) => unknown;
  initargs?: A;
  /** A worker ends after so many tasks (a chunk of a `map` is one), and another takes its place. Default: it stays. */
  maxTasksPerChild?: number;
}

/**
 * Runs functions in a few processes that are reused: the same interface as `ThreadPoolExecutor`.
 *
 * Use it for tasks that may crash, run out of memory, or must be killed for certain, and for packages that cannot be
 * used in two threads of one process. Threads start faster and cost less memory.
 *
 * ```ts
 * import { isMain } from "heddle";
 * import { ProcessPoolExecutor } from "heddle/multiprocessing";
 *
 * export function compress(file: string): number { … }
 *
 * if (isMain(import.meta)) {
 *   await using pool = new ProcessPoolExecutor({ maxWorkers: 4 });
 *   for await (const size of pool.map(compress, files)) console.log(size);
 * }
 * ```
 *
 * Workers start when there is work for them, and keep nothing alive: when all tasks are done, the program may end without
 * a `shutdown`. They never outlive it, however it ends.
 *
 * **Blocking.** `submit` and `map` return at once. Futures and map results can be awaited; `future.resultSync` blocks.
 *
 * **Cancellation.** As for a thread pool: `future.cancel` takes back what no worker has begun, and asks what runs to stop;
 * with `with({ signal })` and `with({ timeout })` a task that has not stopped after the grace period is ended with its
 * process, by SIGKILL.
 *
 * **Differs from Python.** A worker that dies (killed, out of memory, by `process.exit`) fails only the task it ran, with
 * `BrokenProcessPool`, and is replaced; in Python it takes the whole pool with it. Until a worker begins with it, every
 * task can be cancelled. A result that cannot be sent fails its own future.
 *
 * **Errors.** `submit` and `map` throw `NotSendableError` at once if the function or an argument cannot be sent to another
 * process; `RuntimeError` after `shutdown`; `BrokenProcessPool` if an initializer failed. What the function throws is what
 * the future throws, with the stack of the worker and of the caller.
 */
export class ProcessPoolExecutor extends PoolExecutor {
  constructor(options?: ProcessPoolOptions) {
    const given = checkObject("ProcessPoolExecutor", options);
    checkSetup(given);
    checkCount("maxTasksPerChild", given.maxTasksPerChild);
    const { maxWorkers, initializer, initargs, maxTasksPerChild } = given;
    const crew = {
      maxWorkers: maxWorkers ?? host.availableParallelism,
      // What processes are called anyway.
      name: () => "",
      idleTimeout: undefined,
      maxTasks: maxTasksPerChild,
    };
    super(processWorkers(false), crew, { initializer, initargs: initargs ?? [] });
    keepHere(this, "an executor belongs to the thread that made it; make one in the other thread, or send it work");
  }
}
