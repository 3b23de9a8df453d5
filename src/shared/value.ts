/**
 * Value: one number that threads share.
 *
 * @module
 */

import { load, store } from "#atomics";
import { host } from "#host";
import { ADDRESS, DOMAIN, isAttaching, register, SharedObject } from "../core/handles.ts";
import { TAG, VALUE, VALUE_WORDS } from "../core/layout.ts";
import { retain } from "../core/references.ts";
import type { RLock } from "../threading/rlock.ts";
import { givenLock, type LockOption, ownLock } from "./own-lock.ts";
import { codeOf, type DataType, int32, typeOf, typeWithCode } from "./types.ts";

host.ready();

/**
 * A number (or bigint, or boolean) that all threads see and change.
 *
 * Use it for counters, flags and totals. Every method is one atomic step; none waits.
 *
 * ```ts
 * import { int32, Value } from "heddle/shared";
 * import { spawn } from "heddle/threading";
 *
 * const hits = new Value(int32, 0);
 * const threads = [1, 2, 3].map(() => spawn((hits: Value<number>) => hits.add(1), hits));
 * for (const thread of threads) await thread.join();
 * hits.value; // 3
 * ```
 *
 * `hits.value += 1` is two steps, a load and a store: another thread may come in between, and its change is lost. Use
 * {@link add}, or hold {@link lock} around both.
 *
 * **Memory ordering.** Sequentially consistent: what a thread wrote before it stored a value is seen by whoever loads it.
 *
 * **Differs from Python.** A number outside of the type's range is a `ValueError` (ctypes wraps it). Single loads and
 * stores need no lock, so `.value` takes none; the lock is there for what has several steps.
 *
 * Errors: `TypeError` for a value of another type, also for a fraction in an integer type; `ValueError` for one out of
 * range. Nothing is changed then.
 */
export class Value<V extends number | bigint | boolean = number> extends SharedObject {
  readonly #type: DataType<V>;

  /**
   * @param type how the number is stored: `int32`, `float64`, `bool` …
   * @param value its first value. Default: 0, 0n or false.
   */
  constructor(type: DataType<V>, value?: NoInfer<V>, options?: LockOption) {
    let own: DataType<V> = type;
    let lock: RLock | undefined;
    if (!isAttaching()) {
      own = typeOf(type, "A Value's type");
      if (value !== undefined) own.check(value, "value");
      lock = givenLock(options);
    }
    super(TAG.value, VALUE_WORDS, (address, { memory }) => {
      store(memory.words, address + VALUE.type, codeOf(own as unknown as DataType));
      own.store(memory, address + VALUE.bits, value ?? own.zero);
      if (lock === undefined) return;
      retain(memory, lock[ADDRESS]);
      store(memory.words, address + VALUE.lock, lock[ADDRESS]);
    });
    this.#type = typeWithCode(load(this[DOMAIN].memory.words, this[ADDRESS] + VALUE.type)) as unknown as DataType<V>;
  }

  /** The number itself: reading and assigning are atomic. */
  get value(): V {
    return this.#type.load(this[DOMAIN].memory, this[ADDRESS] + VALUE.bits);
  }

  set value(value: V) {
    this.#type.check(value, "value");
    this.#type.store(this[DOMAIN].memory, this[ADDRESS] + VALUE.bits, value);
  }

  /** How it is stored. */
  get type(): DataType<V> {
    return this.#type;
  }

  /** Adds `n`; returns the old value. A result out of range is a `ValueError`, and changes nothing. */
  add(n: V): V {
    return this.#type.add(this[DOMAIN].memory, this[ADDRESS] + VALUE.bits, n);
  }

  /** Subtracts `n`; returns the old value. */
  sub(n: V): V {
    return this.#type.subtract(this[DOMAIN].memory, this[ADDRESS] + VALUE.bits, n);
  }

  /** Keeps the bits that are set in `n` too; returns the old value. For integers and bool. */
  and(n: V): V {
    return this.#type.bitwise(this[DOMAIN].memory, this[ADDRESS] + VALUE.bits, "and", n);
  }

  /** Sets the bits of `n`; returns the old value. For integers and bool. */
  or(n: V): V {
    return this.#type.bitwise(this[DOMAIN].memory, this[ADDRESS] + VALUE.bits, "or", n);
  }

  /** Flips the bits of `n`; returns the old value. For integers and bool. */
  xor(n: V): V {
    return this.#type.bitwise(this[DOMAIN].memory, this[ADDRESS] + VALUE.bits, "xor", n);
  }

  /** Stores a value; returns the old one. */
  exchange(value: V): V {
    this.#type.check(value, "value");
    return this.#type.exchange(this[DOMAIN].memory, this[ADDRESS] + VALUE.bits, value);
  }

  /**
   * Stores `value` if the number is `expected` now; returns the old value, which equals `expected` exactly if it was
   * stored. -0 equals 0, and NaN itself.
   */
  compareExchange(expected: V, value: V): V {
    this.#type.check(expected, "expected");
    this.#type.check(value, "value");
    return this.#type.compareExchange(this[DOMAIN].memory, this[ADDRESS] + VALUE.bits, expected, value);
  }

  /** A lock for what takes several steps: the same in every thread. The methods of the value do not look at it. */
  get lock(): RLock {
    // Also tells whether this is a Value.
    void this.#type;
    return ownLock(this[DOMAIN], this[ADDRESS] + VALUE.lock);
  }

  override toString(): string {
    return `<Value ${this.#type.name} ${String(this.value)}>`;
  }
}

register(TAG.value, () => new Value(int32), import.meta.url);
