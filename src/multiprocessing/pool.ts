/**
 * Pool and ThreadPool: Python's older pools, with its own ways to map.
 *
 * @module
 */

import { host } from "#host";
import { deadlineIn, describe, type WaitOptions } from "../core/deadline.ts";
import { keepHere } from "../core/messages.ts";
import { CancelledError, ValueError } from "../errors.ts";
import type { Setup, WorkerKind } from "../futures/crew.ts";
import { Dispatcher } from "../futures/dispatcher.ts";
import type { AnyFunction } from "../futures/executor.ts";
import { PoolLane } from "../futures/lane.ts";
import { isIterable } from "../futures/map-result.ts";
import { threadWorkers } from "../futures/pool-worker.ts";
import { originOf, submitTo } from "../futures/submit.ts";
import { checkCount, checkObject, checkSetup } from "../futures/thread-pool-options.ts";
import { AsyncResult, type ResultCallbacks } from "./async-result.ts";
import { ChunkedCall, defaultChunksize } from "./chunked-call.ts";
import { IMapIterator } from "./imap-iterator.ts";
import { processWorkers } from "./process-worker.ts";

/** What a new {@link ThreadPool} is given. */
// oxlint-disable-next-line typescript/no-explicit-any -- any arguments, as long as the initializer takes them
export interface ThreadPoolSetup<A extends unknown[] = any[]> {
  /** Called in each worker before its first task. If it fails, the pool is broken. */
  initializer?: (...args: A) => unknown;
  initargs?: A;
}

/** What a new {@link Pool} is given. */
// oxlint-disable-next-line typescript/no-explicit-any -- any arguments, as long as the initializer takes them
export interface PoolOptions<A extends unknown[] = any[]> extends ThreadPoolSetup<A> {
  /** A worker ends after so many tasks (a chunk of a map is one), and another takes its place. Default: it stays. */
  maxtasksperchild?: number;
}

/** Options of the maps of a pool. */
export interface ChunkOptions {
  /** Items for each task. Default: for `imap` 1, for others so many that there are four chunks for each worker. */
  chunksize?: number;
}

/** What pools of processes and of threads have in common. */
abstract class BasePool implements AsyncDisposable {
  readonly #dispatcher: Dispatcher;
  readonly #setup: Setup;
  #state: "running" | "closed" | "terminated" = "running";
  /** Those whose input has not ended, or whose work has not. */
  readonly #imaps: Map<IMapIterator<unknown>, Promise<void>> = new Map();

  constructor(kind: WorkerKind, processes: number | undefined, prefix: string, options: PoolOptions) {
    checkCount("processes", processes);
    checkSetup(options);
    checkCount("maxtasksperchild", options.maxtasksperchild);
    this.#setup = { initializer: options.initializer, initargs: options.initargs ?? [] };
    const crew = {
      maxWorkers: processes ?? host.availableParallelism,
      name: (n: number) => `${prefix}-${n + 1}`,
      idleTimeout: undefined,
      maxTasks: options.maxtasksperchild,
    };
    this.#dispatcher = new Dispatcher(kind, crew, this.#setup);
    keepHere(this, "a pool belongs to the thread that made it; send the work to it, or make another one there");
    this.#dispatcher.prestart();
    abandoned.register(this, this.#dispatcher);
  }

  /** Calls `fn(...args)` in a worker, and gives what it returns. */
  apply<A extends unknown[], R>(fn: (...args: A) => R, ...args: OptionalArgs<A>): Promise<Awaited<R>> {
    return this.#apply<R>(fn, args[0], undefined, BasePool.prototype.apply).get();
  }

  /** As {@link apply}, blocking. */
  applySync<A extends unknown[], R>(fn: (...args: A) => R, ...args: OptionalArgs<A>): Awaited<R> {
    return this.#apply<R>(fn, args[0], undefined, BasePool.prototype.applySync).getSync();
  }

  /** As {@link apply}, and gives an {@link AsyncResult} at once. */
  applyAsync<A extends unknown[], R>(
    fn: (...args: A) => R,
    ...args: [...OptionalArgs<A>, callbacks?: ResultCallbacks<Awaited<R>>]
  ): AsyncResult<Awaited<R>> {
    const [given, callbacks] = args as unknown as [A | undefined, ResultCallbacks<Awaited<R>> | undefined];
    return this.#apply(fn, given, callbacks, BasePool.prototype.applyAsync);
  }

  /** Calls `fn` with each item in the workers. Gives all results; an error only when everything has run. */
  map<T, R>(fn: (item: T) => R, items: Iterable<T>, options?: ChunkOptions): Promise<Awaited<R>[]> {
    return this.#map<R>(fn, items, false, options, BasePool.prototype.map).get();
  }

  /** As {@link map}, blocking. */
  mapSync<T, R>(fn: (item: T) => R, items: Iterable<T>, options?: ChunkOptions): Awaited<R>[] {
    return this.#map<R>(fn, items, false, options, BasePool.prototype.mapSync).getSync();
  }

  /** As {@link map}, and gives an {@link AsyncResult} at once. For no items, no callback is called. */
  mapAsync<T, R>(
    fn: (item: T) => R,
    items: Iterable<T>,
    options?: ChunkOptions & ResultCallbacks<Awaited<R>[]>,
  ): AsyncResult<Awaited<R>[]> {
    return this.#map<R>(fn, items, false, options, BasePool.prototype.mapAsync);
  }

  /** As {@link map}, with a list of arguments for each call. */
  starmap<A extends unknown[], R>(
    fn: (...args: A) => R,
    items: Iterable<A>,
    options?: ChunkOptions,
  ): Promise<Awaited<R>[]> {
    return this.#map<R>(fn, items, true, options, BasePool.prototype.starmap).get();
  }

  /** As {@link starmap}, blocking. */
  starmapSync<A extends unknown[], R>(fn: (...args: A) => R, items: Iterable<A>, options?: ChunkOptions): Awaited<R>[] {
    return this.#map<R>(fn, items, true, options, BasePool.prototype.starmapSync).getSync();
  }

  /** As {@link starmap}, and gives an {@link AsyncResult} at once. */
  starmapAsync<A extends unknown[], R>(
    fn: (...args: A) => R,
    items: Iterable<A>,
    options?: ChunkOptions & ResultCallbacks<Awaited<R>[]>,
  ): AsyncResult<Awaited<R>[]> {
    return this.#map<R>(fn, items, true, options, BasePool.prototype.starmapAsync);
  }

  /**
   * Calls `fn` with each item in the workers, and gives the results one by one, in the order of the items. The input may
   * be endless or async.
   */
  imap<T, R>(
    fn: (item: T) => R,
    items: Iterable<T> | AsyncIterable<T>,
    options?: ChunkOptions,
  ): IMapIterator<Awaited<R>> {
    return this.#imap(fn, items, true, options, BasePool.prototype.imap);
  }

  /** As {@link imap}, with the results in the order in which they come. */
  imapUnordered<T, R>(
    fn: (item: T) => R,
    items: Iterable<T> | AsyncIterable<T>,
    options?: ChunkOptions,
  ): IMapIterator<Awaited<R>> {
    return this.#imap(fn, items, false, options, BasePool.prototype.imapUnordered);
  }

  /** Takes no more work. What it has is still done; then the workers end. */
  close(): void {
    if (this.#state !== "running") return;
    this.#state = "closed";
    if (this.#imaps.size === 0) this.#dispatcher.stopWhenIdle();
  }

  /** Ends the workers now. What they had not finished fails with `CancelledError`. */
  terminate(): void {
    if (this.#state === "terminated") return;
    this.#state = "terminated";
    for (const imap of [...this.#imaps.keys()]) IMapIterator.end(imap);
    this.#dispatcher.terminate(new CancelledError("The pool was terminated"));
    for (const imap of [...this.#imaps.keys()]) IMapIterator.end(imap);
  }

  /** Waits until the workers have ended, after {@link close} or {@link terminate}. Errors: `ValueError` before. */
  async join(): Promise<void> {
    this.#mayJoin();
    await Promise.all(this.#imaps.values());
    await this.#dispatcher.ended();
  }

  /** As {@link join}, blocking. False: the timeout passed first. */
  joinSync(options?: WaitOptions): boolean {
    this.#mayJoin();
    return this.#dispatcher.endedSync(deadlineIn(options), options?.signal);
  }

  /** Terminates, and waits until the workers have ended: `await using pool = …`. As in Python, what is not done is lost. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.terminate();
    await this.join();
  }

  #mayRun(): void {
    if (this.#dispatcher.broken !== undefined) throw this.#dispatcher.broken;
    if (this.#state !== "running") throw new ValueError(`Pool not running: it was ${this.#state}. Make a new one.`);
  }

  #mayJoin(): void {
    if (this.#state === "running")
      throw new ValueError("Pool is still running: close() or terminate() it before join()");
  }

  #apply<R>(
    fn: Function,
    args: readonly unknown[] | undefined,
    callbacks: ResultCallbacks<Awaited<R>> | undefined,
    method: Function,
  ): AsyncResult<Awaited<R>> {
    this.#mayRun();
    if (typeof fn !== "function") throw new TypeError(`${method.name} takes a function, not ${describe(fn)}`);
    if (args !== undefined && !Array.isArray(args)) {
      throw new TypeError(
        `${method.name}'s arguments must be an array, not ${describe(args)}: [value] for a single one`,
      );
    }
    const future = submitTo(this.#dispatcher, fn as AnyFunction, args ?? [], {}, method);
    return new AsyncResult(future as never, callbacks);
  }

  #map<R>(
    fn: Function,
    items: Iterable<unknown>,
    star: boolean,
    options: (ChunkOptions & ResultCallbacks<Awaited<R>[]>) | undefined,
    method: Function,
  ): AsyncResult<Awaited<R>[]> {
    const { chunksize, callback, errorCallback } = this.#checkMap(fn, items, options, method);
    if (typeof items[Symbol.iterator] !== "function") {
      throw new TypeError(`${method.name} takes an iterable of items; imap takes an async one, too`);
    }
    const list = [...items];
    // The input itself may have closed the pool.
    this.#mayRun();
    const size = chunksize ?? defaultChunksize(list.length, this.#dispatcher.maxWorkers);
    const lane = new PoolLane(this.#dispatcher, fn, star, {});
    const call = new ChunkedCall<Awaited<R>>(this.#dispatcher, lane, originOf(this.#dispatcher, method));
    call.send(list, size);
    return new AsyncResult(call.future, list.length === 0 ? undefined : { callback, errorCallback });
  }

  #imap<R>(
    fn: Function,
    items: Iterable<unknown> | AsyncIterable<unknown>,
    ordered: boolean,
    options: ChunkOptions | undefined,
    method: Function,
  ): IMapIterator<R> {
    const { chunksize = 1 } = this.#checkMap(fn, items, options, method);
    const lane = new PoolLane(this.#dispatcher, fn, false, {});
    const origin = originOf(this.#dispatcher, method);
    let tell: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (tell = resolve));
    const finished = (): void => {
      this.#imaps.delete(imap);
      tell();
      if (this.#state === "closed" && this.#imaps.size === 0) this.#dispatcher.stopWhenIdle();
    };
    const imap = new IMapIterator<R>(this.#dispatcher, lane, items, { chunksize, ordered, origin, finished });
    this.#imaps.set(imap, ended);
    IMapIterator.begin(imap);
    return imap;
  }

  #checkMap<O extends ChunkOptions>(fn: Function, items: unknown, options: O | undefined, method: Function): O {
    this.#mayRun();
    if (typeof fn !== "function") throw new TypeError(`${method.name} takes a function, not ${describe(fn)}`);
    if (!isIterable(items)) throw new TypeError(`${method.name} takes an iterable of items, not ${describe(items)}`);
    const given = options ?? ({} as O);
    if (typeof given !== "object") {
      throw new TypeError(
        `${method.name}'s options must be an object such as { chunksize: 10 }, not ${describe(given)}`,
      );
    }
    checkCount("chunksize", given.chunksize);
    return given;
  }
}

/** The arguments of a call as one list, which may be left out if there are none. */
type OptionalArgs<A extends unknown[]> = [] extends A ? [args?: A] : [args: A];

/**
 * A few processes that take work in Python's older way: `apply`, `map` and `imap`, blocking or not.
 *
 * Use it for programs that come from Python; `ProcessPoolExecutor` has priorities, timeouts, cancellation and progress.
 *
 * ```ts
 * import { isMain } from "heddle";
 * import { Pool } from "heddle/multiprocessing";
 *
 * export function square(n: number): number {
 *   return n * n;
 * }
 *
 * if (isMain(import.meta)) {
 *   await using pool = new Pool(4);
 *   console.log(await pool.map(square, [1, 2, 3])); // [ 1, 4, 9 ]
 *   for await (const n of pool.imapUnordered(square, [1, 2, 3])) console.log(n);
 *   const result = pool.applyAsync(square, [12]);
 *   console.log(await result.get({ timeout: 1000 })); // 144
 * }
 * ```
 *
 * All workers start with the pool. They are daemons, so tasks cannot start processes; and they keep nothing alive.
 *
 * **Blocking.** `applySync`, `mapSync`, `starmapSync`, `getSync` and `nextSync` block the thread.
 *
 * **Differs from Python.** The task of a worker that dies fails with `BrokenProcessPool`; in Python its result never
 * comes. So do the results of a terminated pool, with `CancelledError`. `await using` waits for the workers' end.
 *
 * **Errors.** What cannot be sent is a `NotSendableError` at once, a result that cannot be sent one of its own call.
 * `ValueError` once the pool is closed or terminated; `BrokenProcessPool` if the initializer failed.
 */
export class Pool extends BasePool {
  constructor(processes?: number, options?: PoolOptions) {
    super(processWorkers(true), processes, "PoolWorker", checkObject("Pool", options));
  }
}

/** As {@link Pool}, with threads for workers. */
export class ThreadPool extends BasePool {
  constructor(processes?: number, options?: ThreadPoolSetup) {
    super(threadWorkers(), processes, "ThreadPoolWorker", checkObject("ThreadPool", options));
  }
}

/** Pools that nobody refers to any more let their workers go once they have nothing to do. */
const abandoned: FinalizationRegistry<Dispatcher> = new FinalizationRegistry((dispatcher) => {
  dispatcher.stopWhenIdle();
  void dispatcher.ended();
});
