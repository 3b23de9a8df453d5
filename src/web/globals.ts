/**
 * `g`: what the functions of one request, or of one piece of work, leave for each other.
 *
 * @module
 */

import { LookupError } from "../errors.ts";
import type { Globals } from "./types.ts";

/** What `g` has besides the user's keys. */
export interface GlobalsMembers {
  /** The key's value, or `fallback`. */
  get(key: string, fallback?: unknown): unknown;
  /** Removes the key and returns its value, or `fallback`. Errors: `LookupError` if there is neither. */
  pop(key: string, ...fallback: [fallback?: unknown]): unknown;
  /** The key's value; if it has none, sets it. */
  setdefault<T>(key: string, value: T): T;
  toString(): string;
  /** The names that are set. */
  [Symbol.iterator](): IterableIterator<string>;
}

/** As a class only so that its members are not among the keys. */
class Namespace {
  // Not a field of the user's.
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  get(key: string, fallback?: unknown): unknown {
    return Object.hasOwn(this, key) ? this[key as never] : fallback;
  }

  pop(key: string, ...fallback: [fallback?: unknown]): unknown {
    if (Object.hasOwn(this, key)) {
      const value: unknown = this[key as never];
      delete this[key as never];
      return value;
    }
    if (fallback.length > 0) return fallback[0];
    throw new LookupError(`g has no ${JSON.stringify(key)}: pop(key, fallback) gives the fallback instead`);
  }

  setdefault(key: string, value: unknown): unknown {
    if (!Object.hasOwn(this, key)) (this as Record<string, unknown>)[key] = value;
    return this[key as never];
  }

  *[Symbol.iterator](): IterableIterator<string> {
    yield* Object.keys(this);
  }

  toString(): string {
    return `<g of '${this.#name}'>`;
  }
}

export function makeGlobals(appName: string): Globals & GlobalsMembers {
  return new Namespace(appName) as unknown as Globals & GlobalsMembers;
}
