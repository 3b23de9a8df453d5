/**
 * Executor: the interface that thread pools, process pools and clusters share.
 *
 * @module
 */

import type { Future } from "./future.ts";
import type { MapResult } from "./map-result.ts";

/** Options of `map` and `starmap`. */
export interface MapOptions {
  /** Items for each task. Default: few at first, then as many as take about a millisecond. */
  chunksize?: number;
  /** At most this many items are taken from the input beyond those whose results were consumed. */
  buffersize?: number;
  /** Milliseconds, from the call, for all results. */
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

/** Runs functions elsewhere and gives futures for their results. */
export abstract class Executor implements AsyncDisposable {
  /** Calls `fn(...args)` elsewhere. */
  abstract submit<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Future<Awaited<R>>;

  /** Calls `fn` with each item, and gives the results in the order of the items. */
  abstract map<T, R>(
    fn: (item: T) => R,
    items: Iterable<T> | AsyncIterable<T>,
    options?: MapOptions,
  ): MapResult<Awaited<R>>;

  /** As {@link map}, with a list of arguments for each call. */
  abstract starmap<A extends unknown[], R>(
    fn: (...args: A) => R,
    argTuples: Iterable<A> | AsyncIterable<A>,
    options?: MapOptions,
  ): MapResult<Awaited<R>>;

  /** Takes no more work; what was submitted is still done. May be called again. */
  abstract shutdown(options?: ShutdownOptions): Promise<void>;

  /** Shuts down and waits: `await using pool = …`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }
}
