/**
 * MapResult: what `map` gives, an async iterator and the promise of a list at once.
 *
 * @module
 */

import { deadlineOf, describe } from "../core/deadline.ts";
import { interruptible } from "../core/identity.ts";
import { ValueError } from "../errors.ts";
import type { MapOptions } from "./executor.ts";
import type { Pump } from "./pump.ts";

export class MapResult<R> implements AsyncIterableIterator<R>, PromiseLike<R[]> {
  readonly #pump: Pump<R>;
  #promise: Promise<R[]> | undefined;
  /** How many results there will be, if the input tells: an array, a Set, a Map. */
  readonly total: number | undefined;

  constructor(pump: Pump<R>, items: unknown) {
    this.#pump = pump;
    const { length, size } = Object(items) as Record<string, unknown>;
    this.total = [length, size].find((n): n is number => typeof n === "number");
  }

  next(): Promise<IteratorResult<R>> {
    return interruptible(this.#pump.next());
  }

  /** Stops early: what has not begun is cancelled. */
  async return(): Promise<IteratorResult<R>> {
    await this.#pump.stop();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- `await pool.map(…)` gives the list
  then<A = R[], B = never>(
    onFulfilled?: ((values: R[]) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#promise ??= this.#pump.rest();
    return this.#promise.then(onFulfilled, onRejected);
  }
}

export function checkMapOptions(options: MapOptions | undefined): MapOptions {
  const given = options === undefined ? {} : options;
  if (typeof given !== "object" || given === null)
    throw new TypeError(`map's options must be an object, not ${describe(given)}`);
  for (const name of ["chunksize", "buffersize"] as const) {
    const value = given[name];
    if (value === undefined) continue;
    if (typeof value !== "number" || (!Number.isInteger(value) && Number.isFinite(value))) {
      throw new TypeError(`${name} must be a whole number, not ${String(value)}`);
    }
    if (!(value >= 1)) throw new ValueError(`${name} must be 1 or more, not ${value}`);
  }
  deadlineOf(given.timeout);
  return given;
}

export function isIterable(value: unknown): boolean {
  return (
    value !== null &&
    value !== undefined &&
    (typeof (value as Iterable<unknown>)[Symbol.iterator] === "function" ||
      typeof (value as AsyncIterable<unknown>)[Symbol.asyncIterator] === "function")
  );
}
