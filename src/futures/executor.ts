/**
 * Executor: the interface that thread pools, process pools and clusters share.
 *
 * @module
 */

import { describe } from "../core/deadline.ts";
import { type CallOptions, checkCallOptions } from "./call-options.ts";
import type { Future } from "./future.ts";
import { checkMapOptions, isIterable, MapResult } from "./map-result.ts";
import type { Pump } from "./pump.ts";

/** Options of `map` and `starmap`. */
export interface MapOptions {
  /** Items for each task. Default: few at first, then as many as take about a millisecond. */
  chunksize?: number;
  /** At most this many items are taken from the input beyond those whose results were consumed. */
  buffersize?: number;
  /** Milliseconds, from the call, for all results. What runs then goes on; see `with` for a timeout that stops it. */
  timeout?: number;
  /** `false`: results as they come. Default: in the order of the input. */
  ordered?: boolean;
}

export interface ShutdownOptions {
  /** Wait until everything that was submitted is done. Default: true. */
  wait?: boolean;
  /** Cancel what has not begun. */
  cancelFutures?: boolean;
}

/** A function as executors get it. */
export type AnyFunction = (...args: never[]) => unknown;

/** The items of a map, or its lists of arguments (`star`). */
export interface MapInput {
  readonly items: Iterable<unknown> | AsyncIterable<unknown>;
  readonly star: boolean;
}

const NO_OPTIONS: CallOptions = {};

/** What a view may call of the executor behind it. */
interface Calls {
  submit(executor: Executor, call: CallOptions, fn: AnyFunction, args: readonly unknown[]): Future;
  map(executor: Executor, call: CallOptions, fn: AnyFunction, input: MapInput, options: MapOptions): Pump<unknown>;
  refusal(executor: Executor): Error | undefined;
}

let calls: Calls;

/** Runs functions elsewhere and gives futures for their results. */
export abstract class Executor implements AsyncDisposable {
  /** What {@link submit} does. For executors to implement. */
  protected abstract submitCall(call: CallOptions, fn: AnyFunction, args: readonly unknown[]): Future;

  /** What {@link map} and {@link starmap} do. For executors to implement. */
  protected abstract mapCall(call: CallOptions, fn: AnyFunction, input: MapInput, options: MapOptions): Pump<unknown>;

  /** Why it takes no more work, if so. For executors to implement. */
  protected abstract refusal(): Error | undefined;

  /** Calls `fn(...args)` elsewhere. Errors: `RuntimeError` after {@link shutdown}. */
  submit<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Future<Awaited<R>> {
    this.#check("submit", fn);
    return this.submitCall(NO_OPTIONS, fn as AnyFunction, args) as Future<Awaited<R>>;
  }

  /**
   * Calls `fn` with each item elsewhere. `await` gives all results; `for await` gives them as they come, in the order of
   * the items.
   */
  map<T, R>(fn: (item: T) => R, items: Iterable<T> | AsyncIterable<T>, options?: MapOptions): MapResult<Awaited<R>> {
    return this.#map(fn, { items, star: false }, options);
  }

  /** As {@link map}, with a list of arguments for each call. */
  starmap<A extends unknown[], R>(
    fn: (...args: A) => R,
    argTuples: Iterable<A> | AsyncIterable<A>,
    options?: MapOptions,
  ): MapResult<Awaited<R>> {
    return this.#map(fn as AnyFunction, { items: argTuples, star: true }, options);
  }

  #map<R>(fn: AnyFunction, input: MapInput, options: MapOptions | undefined): MapResult<Awaited<R>> {
    this.#check("map", fn);
    const { items } = input;
    if (!isIterable(items)) throw new TypeError(`map takes an iterable of items, not ${describe(items)}`);
    const pump = this.mapCall(NO_OPTIONS, fn, input, checkMapOptions(options));
    return new MapResult(pump as Pump<Awaited<R>>, items);
  }

  #check(method: string, fn: unknown): void {
    const refusal = this.refusal();
    if (refusal !== undefined) throw refusal;
    if (typeof fn !== "function") throw new TypeError(`${method} takes a function, not ${describe(fn)}`);
  }

  /**
   * This executor with options for each call made through it.
   *
   * ```ts
   * const hash = await pool.with({ timeout: 5000 }).submit(sha256, "large.bin");
   * const urgent = pool.with({ priority: 10, signal: controller.signal });
   * const thumbnails = await urgent.map(thumbnail, images);
   * ```
   *
   * **Cancellation.** When the signal aborts or the timeout passes, a call that waits for its turn is removed at once;
   * one that runs is told: its `currentThread().signal` aborts, `currentThread().cancelRequested` is true, its heddle waits
   * throw. If it has not ended after the grace period, its worker is replaced. Either way the future throws
   * `signal.reason` or `TimeoutError`, unless the call has given its result all the same.
   *
   * A `map` ends with that error, too, and what runs for it is stopped.
   */
  with(options: CallOptions): Executor {
    return new View(this, checkCallOptions(options));
  }

  /** Takes no more work; what was submitted is still done. May be called again. */
  abstract shutdown(options?: ShutdownOptions): Promise<void>;

  /** Shuts down and waits: `await using pool = …`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  static {
    calls = {
      submit: (executor, call, fn, args) => executor.submitCall(call, fn, args),
      map: (executor, call, fn, input, options) => executor.mapCall(call, fn, input, options),
      refusal: (executor) => executor.refusal(),
    };
  }
}

class View extends Executor {
  readonly #executor: Executor;
  readonly #call: CallOptions;

  constructor(executor: Executor, call: CallOptions) {
    super();
    this.#executor = executor;
    this.#call = call;
  }

  protected override submitCall(call: CallOptions, fn: AnyFunction, args: readonly unknown[]): Future {
    return calls.submit(this.#executor, { ...this.#call, ...call }, fn, args);
  }

  protected override mapCall(call: CallOptions, fn: AnyFunction, input: MapInput, options: MapOptions): Pump<unknown> {
    return calls.map(this.#executor, { ...this.#call, ...call }, fn, input, options);
  }

  protected override refusal(): Error | undefined {
    return calls.refusal(this.#executor);
  }

  /** Shuts down the executor itself. */
  override shutdown(options?: ShutdownOptions): Promise<void> {
    return this.#executor.shutdown(options);
  }
}
