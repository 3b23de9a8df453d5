/**
 * ThreadPoolExecutor: a few threads for any number of tasks.
 *
 * @module
 */

import { add } from "#atomics";
import { host } from "#host";
import { passportAddress, sendByPassport } from "../contextvars/passport.ts";
import { PROGRAM } from "../core/layout.ts";
import { memory } from "../core/program.ts";
import { POOL } from "./pool-client.ts";
import { PoolExecutor } from "./pool-executor.ts";
import type { PoolTicket } from "./pool-messages.ts";
import { PoolService } from "./pool-service.ts";
import { threadWorkers } from "./pool-worker.ts";
import { checkOptions, type ThreadPoolOptions } from "./thread-pool-options.ts";

/**
 * Runs functions in a few threads that are reused: `submit` one call, or `map` a function over many items.
 *
 * Use it for work that computes; for code that only waits (for the network, for a database), the event loop you are on
 * does as well: see {@link CoroutineExecutor}.
 *
 * ```ts
 * import { ThreadPoolExecutor } from "heddle/futures";
 *
 * await using pool = new ThreadPoolExecutor({ maxWorkers: 4 });
 * const hash = await pool.submit(sha256, "a.bin");
 * const all = await pool.map(sha256, files);
 * for await (const one of pool.map(sha256, files)) console.log(one);
 * ```
 *
 * Workers start when there is work for them, and keep nothing alive: when all tasks are done, the process may end without
 * a `shutdown`.
 *
 * **Blocking.** `submit` and `map` return at once. Futures and map results can be awaited; `future.resultSync` blocks.
 *
 * **Cancellation.** `future.cancel` takes back what no worker has begun, and asks what runs to stop. `with({ signal })` and
 * `with({ timeout })` insist: a task that does not react is ended with its worker. Leaving a `for await` over `map` early
 * cancels the rest.
 *
 * **Nesting.** A task may use the pool that runs it, and so may any thread that is sent the pool; the thread that made it
 * serves them, whenever it runs its event loop or waits for something of heddle's. When every worker waits for calls of
 * the pool itself, one of those calls throws `DeadlockError`: at once if all of them block, after a second if they await.
 * What a task submits cannot be taken back at once, `cancel` only asks; and only where it was made can the pool be shut
 * down.
 *
 * **Fairness.** Tasks begin in the order in which they were submitted; those of a higher `with({ priority })` first.
 *
 * **Differs from Python.** Functions and arguments are copied to the worker, as for a process pool. A worker that dies
 * (by `process.exit`, `terminate`, its memory limit) fails only the task it ran, with `BrokenThreadPool`, and is
 * replaced. `map` sends items as workers get free instead of all at once, so it takes endless inputs.
 *
 * **Errors.** `submit` and `map` throw `NotSendableError` at once if the function or an argument cannot be sent;
 * `RuntimeError` after `shutdown`; `BrokenThreadPool` if an initializer failed. What the function throws is what the
 * future throws.
 */
export class ThreadPoolExecutor extends PoolExecutor {
  constructor(options?: ThreadPoolOptions) {
    const checked = checkOptions(options);
    const { maxWorkers, threadNamePrefix, initializer, initargs, resourceLimits, worker } = checked;
    const prefix = threadNamePrefix ?? `ThreadPoolExecutor-${add(memory.words, PROGRAM.executorNames, 1)}`;
    const crew = {
      maxWorkers: maxWorkers ?? host.availableParallelism,
      name: (n: number) => `${prefix}_${n}`,
      idleTimeout: checked.idleTimeout,
      maxTasks: checked.maxTasksPerWorker,
    };
    super(threadWorkers({ resourceLimits, worker }), crew, { initializer, initargs: initargs ?? [] });
  }

  /** What other threads need to know of it. From then on it is there until it is shut down. */
  #open(): PoolTicket {
    const { dispatcher } = this;
    const service = new PoolService(dispatcher, () => this.refusal());
    const results = dispatcher.open(() => service.serve());
    return { requests: service.requests, results, owner: memory.self, maxWorkers: dispatcher.maxWorkers };
  }

  static {
    sendByPassport(ThreadPoolExecutor.prototype, (pool) => passportAddress(pool, POOL, () => pool.#open()));
  }
}
