/**
 * ThreadPoolExecutor: a few threads for any number of tasks.
 *
 * @module
 */

import { add } from "#atomics";
import { host } from "#host";
import { discardCell, toCell } from "../core/cells.ts";
import { describe, type Deadline } from "../core/deadline.ts";
import { PROGRAM, TASK_FLAG } from "../core/layout.ts";
import { discard, keepHere } from "../core/messages.ts";
import { memory } from "../core/program.ts";
import { callerStack } from "../core/caller-stack.ts";
import { appendCallerStack } from "../core/wire/error-envelope.ts";
import { RuntimeError } from "../errors.ts";
import type { Setup } from "./crew.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Executor, type MapOptions, type ShutdownOptions } from "./executor.ts";
import { Future, type FutureSource } from "./future.ts";
import { ThreadLane } from "./lane.ts";
import { checkMapOptions, isIterable, MapResult } from "./map-result.ts";
import { Pump } from "./pump.ts";
import { ship } from "./shipment.ts";
import { checkOptions, type ThreadPoolOptions } from "./thread-pool-options.ts";

/** Up to this many unfinished tasks, each remembers where it was submitted; beyond, that would cost more than the task. */
const TRACED = 256;

/**
 * Runs functions in a few threads that are reused: `submit` one call, or `map` a function over many items.
 *
 * Use it for work that computes; for code that only waits (for the network, for a database), the event loop you are on
 * does as well.
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
 * **Cancellation.** `future.cancel` takes back what no worker has begun. Leaving a `for await` over `map` early cancels
 * the rest.
 *
 * **Fairness.** Tasks begin in the order in which they were submitted.
 *
 * **Differs from Python.** Functions and arguments are copied to the worker, as for a process pool. A worker that dies
 * (by `process.exit`, `terminate`, its memory limit) fails only the task it ran, with `BrokenThreadPool`, and is
 * replaced. `map` sends items as workers get free instead of all at once, so it takes endless inputs.
 */
export class ThreadPoolExecutor extends Executor {
  readonly #dispatcher: Dispatcher;
  readonly #setup: Setup;
  #shutDown = false;
  /** Maps that still take items. */
  readonly #maps: Map<{ cancel(): void }, Promise<void>> = new Map();

  constructor(options?: ThreadPoolOptions) {
    super();
    const { maxWorkers, threadNamePrefix, initializer, initargs, resourceLimits } = checkOptions(options);
    const prefix = threadNamePrefix ?? `ThreadPoolExecutor-${add(memory.words, PROGRAM.executorNames, 1)}`;
    this.#setup = { initializer, initargs: initargs ?? [] };
    this.#dispatcher = new Dispatcher(
      {
        maxWorkers: maxWorkers ?? host.availableParallelism,
        name: (n) => `${prefix}_${n}`,
        resourceLimits,
      },
      this.#setup,
    );
    keepHere(this, "an executor belongs to the thread that made it; make one in the other thread, or send it work");
    abandoned.register(this, this.#dispatcher);
  }

  /**
   * Calls `fn(...args)` in a worker.
   *
   * Errors: `NotSendableError`, here, if the function or an argument cannot be sent; `RuntimeError` after `shutdown`;
   * `BrokenThreadPool` if an initializer failed. What the function throws is what the future throws.
   */
  submit<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Future<Awaited<R>> {
    this.#mayRun();
    if (typeof fn !== "function") throw new TypeError(`submit takes a function, not ${describe(fn)}`);
    const cell = args.length === 0 ? NOTHING : toCell(args, "args");
    let shipment;
    try {
      shipment = ship(fn);
    } catch (error) {
      discardCell(cell);
      throw error;
    }
    const dispatcher = this.#dispatcher;
    const source = new TaskSource(dispatcher);
    const future = new Future<Awaited<R>>(source);
    const origin = dispatcher.pending < TRACED ? callerStack(ThreadPoolExecutor.prototype.submit) : undefined;
    try {
      source.id = dispatcher.send(shipment.message, shipment.flags, cell, {
        succeed(value) {
          // Somebody else may have settled it, as somebody else's future.
          if (!future.done) future.setResult(value as Awaited<R>);
        },
        fail(error) {
          if (future.done) return;
          // The error of a broken pool is everyone's, and the pool's for good: it must not refer to one caller's frames.
          if (error !== dispatcher.broken) appendCallerStack(error, origin?.stack);
          future.setException(error ?? new RuntimeError(`The task threw ${String(error)}`));
        },
        cancelled: () => Future.markCancelled(future),
      });
    } catch (error) {
      if ((shipment.flags & TASK_FLAG.ownFunction) !== 0) discard(shipment.message);
      discardCell(cell);
      throw error;
    }
    return future;
  }

  /** Calls `fn` with each item in the workers. `await` gives all results; `for await` gives them as they come, in order. */
  map<T, R>(fn: (item: T) => R, items: Iterable<T> | AsyncIterable<T>, options?: MapOptions): MapResult<Awaited<R>> {
    return this.#map(fn as (...args: never[]) => unknown, items, false, options);
  }

  /** As {@link map}, with a list of arguments for each call. */
  starmap<A extends unknown[], R>(
    fn: (...args: A) => R,
    argTuples: Iterable<A> | AsyncIterable<A>,
    options?: MapOptions,
  ): MapResult<Awaited<R>> {
    return this.#map(fn as (...args: never[]) => unknown, argTuples, true, options);
  }

  /**
   * Takes no more work. What was submitted is still done, unless `cancelFutures`; resolves when it is, and the workers
   * have ended, unless `wait` is false. May be called again.
   */
  async shutdown(options?: ShutdownOptions): Promise<void> {
    this.#shutDown = true;
    if (options?.cancelFutures === true) {
      for (const pump of this.#maps.keys()) pump.cancel();
      this.#dispatcher.cancelAll();
    }
    const done = this.#finish();
    if (options?.wait === false) return;
    await done;
  }

  async #finish(): Promise<void> {
    await Promise.all(this.#maps.values());
    this.#dispatcher.stopWhenIdle();
    await this.#dispatcher.ended();
  }

  #map<R>(
    fn: (...args: never[]) => unknown,
    items: Iterable<unknown> | AsyncIterable<unknown>,
    star: boolean,
    options: MapOptions | undefined,
  ): MapResult<R> {
    this.#mayRun();
    if (typeof fn !== "function") throw new TypeError(`map takes a function, not ${describe(fn)}`);
    if (!isIterable(items)) throw new TypeError(`map takes an iterable of items, not ${describe(items)}`);
    const checked = checkMapOptions(options);
    let finished: () => void = () => undefined;
    const running = new Promise<void>((resolve) => {
      finished = resolve;
    });
    const pump = new Pump<R>(new ThreadLane(this.#dispatcher, fn, star), items, checked, this.#setup, () => finished());
    this.#maps.set(pump, running);
    void running.then(() => this.#maps.delete(pump));
    return new MapResult(pump);
  }

  #mayRun(): void {
    if (this.#dispatcher.broken !== undefined) throw this.#dispatcher.broken;
    if (this.#shutDown) throw new RuntimeError("cannot schedule new futures after shutdown");
  }
}

/** The cell of no arguments. */
const NOTHING = toCell(undefined, "args");

/** Executors that nobody refers to any more let their workers go once they have nothing to do. */
const abandoned: FinalizationRegistry<Dispatcher> = new FinalizationRegistry((dispatcher) => {
  dispatcher.stopWhenIdle();
  void dispatcher.ended();
});

/** A future's way to its task. */
class TaskSource implements FutureSource {
  readonly #dispatcher: Dispatcher;
  id = 0;

  constructor(dispatcher: Dispatcher) {
    this.#dispatcher = dispatcher;
  }

  cancel(): boolean {
    return this.#dispatcher.cancel(this.id);
  }

  isRunning(): boolean {
    return this.#dispatcher.isRunning(this.id);
  }

  block(deadline: Deadline, signal: AbortSignal | undefined): boolean {
    return this.#dispatcher.block(this.id, deadline, signal);
  }
}
