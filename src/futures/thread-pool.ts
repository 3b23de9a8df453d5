/**
 * ThreadPoolExecutor: a few threads for any number of tasks.
 *
 * @module
 */

import { add } from "#atomics";
import { host } from "#host";
import { passportAddress, sendByPassport } from "../contextvars/passport.ts";
import { callerStack } from "../core/caller-stack.ts";
import { discardCell, toCell } from "../core/cells.ts";
import { describe } from "../core/deadline.ts";
import { PROGRAM, TASK_FLAG } from "../core/layout.ts";
import { discard } from "../core/messages.ts";
import { memory } from "../core/program.ts";
import { transfer } from "../core/wire/transfer.ts";
import { RuntimeError } from "../errors.ts";
import { type CallOptions, contextCell } from "./call-options.ts";
import { Call } from "./call.ts";
import type { Setup } from "./crew.ts";
import { Dispatcher } from "./dispatcher.ts";
import { type AnyFunction, Executor, type MapInput, type MapOptions, type ShutdownOptions } from "./executor.ts";
import type { Future } from "./future.ts";
import { ThreadLane } from "./lane.ts";
import { checkMapOptions, isIterable, MapResult } from "./map-result.ts";
import { POOL } from "./pool-client.ts";
import type { PoolTicket } from "./pool-messages.ts";
import { PoolService } from "./pool-service.ts";
import { Pump } from "./pump.ts";
import { ship } from "./shipment.ts";
import { checkOptions, type ThreadPoolOptions } from "./thread-pool-options.ts";

/** Up to this many unfinished tasks, each remembers where it was submitted; beyond, that would cost more than the task. */
const TRACED = 256;

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
export class ThreadPoolExecutor extends Executor {
  readonly #dispatcher: Dispatcher;
  readonly #setup: Setup;
  #shutDown = false;
  /** Maps that still take items. */
  readonly #maps: Map<Pump<unknown>, Promise<void>> = new Map();

  constructor(options?: ThreadPoolOptions) {
    super();
    const checked = checkOptions(options);
    const { maxWorkers, threadNamePrefix, initializer, initargs } = checked;
    const prefix = threadNamePrefix ?? `ThreadPoolExecutor-${add(memory.words, PROGRAM.executorNames, 1)}`;
    this.#setup = { initializer, initargs: initargs ?? [] };
    const crew = {
      maxWorkers: maxWorkers ?? host.availableParallelism,
      name: (n: number) => `${prefix}_${n}`,
      form: { resourceLimits: checked.resourceLimits, worker: checked.worker },
      idleTimeout: checked.idleTimeout,
      maxTasks: checked.maxTasksPerWorker,
    };
    this.#dispatcher = new Dispatcher(crew, this.#setup);
    abandoned.register(this, this.#dispatcher);
  }

  protected override submitCall(options: CallOptions, fn: AnyFunction, args: readonly unknown[]): Future {
    this.#mayRun();
    if (typeof fn !== "function") throw new TypeError(`submit takes a function, not ${describe(fn)}`);
    const { signal, priority } = options;
    const dispatcher = this.#dispatcher;
    const origin = dispatcher.pending < TRACED ? callerStack(Executor.prototype.submit) : undefined;
    const call = new Call<unknown>(dispatcher, origin);
    if (signal?.aborted === true) {
      call.fail(signal.reason);
      return call.future;
    }
    if (options.transfer !== undefined) transfer(args, options.transfer);
    const input = { fn: 0, flags: 0, args: NOTHING, context: 0 };
    try {
      input.context = contextCell(options.context);
      if (args.length > 0) input.args = toCell(args, "args");
      ({ message: input.fn, flags: input.flags } = ship(fn));
      call.id = dispatcher.send(input, call, priority);
    } catch (error) {
      if ((input.flags & TASK_FLAG.ownFunction) !== 0) discard(input.fn);
      discardCell(input.args);
      discardCell(input.context);
      throw error;
    }
    call.limit(options);
    return call.future;
  }

  protected override mapCall(
    call: CallOptions,
    fn: AnyFunction,
    { items, star }: MapInput,
    options: MapOptions | undefined,
  ): MapResult<unknown> {
    this.#mayRun();
    if (typeof fn !== "function") throw new TypeError(`map takes a function, not ${describe(fn)}`);
    if (!isIterable(items)) throw new TypeError(`map takes an iterable of items, not ${describe(items)}`);
    const checked = checkMapOptions(options);
    let finished: () => void = () => undefined;
    const running = new Promise<void>((resolve) => {
      finished = resolve;
    });
    const lane = new ThreadLane(this.#dispatcher, fn, star, call);
    const pump = new Pump<unknown>(lane, items, checked, call, this.#setup, () => finished());
    this.#maps.set(pump, running);
    void running.then(() => this.#maps.delete(pump));
    return new MapResult(pump, items);
  }

  /**
   * Takes no more work. What was submitted is still done, unless `cancelFutures`; resolves when it is, and the workers
   * have ended, unless `wait` is false. May be called again.
   */
  async shutdown(options?: ShutdownOptions): Promise<void> {
    this.#shutDown = true;
    for (const pump of this.#maps.keys()) pump.finish(options?.cancelFutures === true);
    if (options?.cancelFutures === true) this.#dispatcher.cancelAll();
    const done = this.#finish();
    if (options?.wait === false) return;
    await done;
  }

  async #finish(): Promise<void> {
    await Promise.all(this.#maps.values());
    this.#dispatcher.stopWhenIdle();
    await this.#dispatcher.ended();
  }

  #mayRun(): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
  }

  #refusal(): Error | undefined {
    if (this.#dispatcher.broken !== undefined) return this.#dispatcher.broken;
    return this.#shutDown ? new RuntimeError("cannot schedule new futures after shutdown") : undefined;
  }

  /** What other threads need to know of it. From then on it is there until it is shut down. */
  #open(): PoolTicket {
    const dispatcher = this.#dispatcher;
    const service = new PoolService(dispatcher, () => this.#refusal());
    const results = dispatcher.open(() => service.serve());
    return { requests: service.requests, results, owner: memory.self, maxWorkers: dispatcher.maxWorkers };
  }

  static {
    sendByPassport(ThreadPoolExecutor.prototype, (pool) => passportAddress(pool, POOL, () => pool.#open()));
  }
}

/** The cell of no arguments. */
const NOTHING = toCell(undefined, "args");

/** Executors that nobody refers to any more let their workers go once they have nothing to do. */
const abandoned: FinalizationRegistry<Dispatcher> = new FinalizationRegistry((dispatcher) => {
  dispatcher.stopWhenIdle();
  void dispatcher.ended();
});
