/**
 * SharedArray: numbers of one type that threads share.
 *
 * @module
 */

import { load, store } from "#atomics";
import { host } from "#host";
import { ADDRESS, DOMAIN, isAttaching, register, SharedObject } from "../core/handles.ts";
import { ARRAY, TAG } from "../core/layout.ts";
import { retain } from "../core/references.ts";
import { viewInto } from "../core/views.ts";
import { ValueError } from "../errors.ts";
import type { RLock } from "../threading/rlock.ts";
import { givenLock, type LockOption, ownLock } from "./own-lock.ts";
import { codeOf, type DataType, type Elements, int32, typeOf, typeWithCode } from "./types.ts";

host.ready();

/** The most elements: what the length's word can count. */
const MOST = 2 ** 31 - 1;

/**
 * A fixed number of numbers of one type, on memory that all threads share.
 *
 * Use it for images, matrices, samples: whatever several threads read or fill in place, without copying.
 *
 * ```ts
 * import { float64, SharedArray } from "heddle/shared";
 * import { spawn } from "heddle/threading";
 *
 * const samples = new SharedArray(float64, 1_000_000);
 * const fill = (samples: SharedArray<number>, from: number, to: number) => samples.data.fill(1, from, to);
 * await Promise.all([spawn(fill, samples, 0, 500_000).join(), spawn(fill, samples, 500_000, 1_000_000).join()]);
 * samples.at(-1); // 1
 * ```
 *
 * {@link data} is a real typed array, as fast as any: loops belong there. {@link at} and {@link set} check the index and
 * the value. Both the array and its `data` (or a `subarray` of it) can be sent to a thread; either arrives as the same
 * memory, which lives as long as one of them is in use anywhere.
 *
 * **Memory ordering.** Elements are plain memory. Threads that use the same elements need {@link lock}, or for integers
 * `Atomics.add(array.data, i, 1)` and its like; threads that use different elements need neither.
 *
 * **Differs from Python.** A number outside of the type's range is a `ValueError` from `set` (Python wraps it, as `data`
 * does). There is no length-changing slice: `set(values, from)` and `data.slice()` stand for slices.
 *
 * Do not use `data.buffer`: it is the memory of the whole program.
 */
export class SharedArray<V extends number | bigint | boolean = number> extends SharedObject implements Iterable<V> {
  readonly #type: DataType<V>;
  readonly #length: number;
  #data: Elements<V> | undefined;

  /**
   * @param type of the elements: `uint8`, `float64` …
   * @param lengthOrValues how many elements, all 0; or what they are
   */
  constructor(type: DataType<V>, lengthOrValues: number | Iterable<NoInfer<V>>, options?: LockOption) {
    let own: DataType<V> = type;
    let values: ArrayLike<V> | undefined;
    let length = 0;
    let lock: RLock | undefined;
    if (!isAttaching()) {
      own = typeOf(type, "A SharedArray's type");
      if (typeof lengthOrValues === "number") length = checkedLength(lengthOrValues, own);
      else length = (values = checkedValues(lengthOrValues, own)).length;
      lock = givenLock(options);
    }
    super(TAG.array, ARRAY.first + Math.ceil((length * (own?.bytes ?? 0)) / 4), (address, { memory }) => {
      store(memory.words, address + ARRAY.type, codeOf(own as unknown as DataType));
      store(memory.words, address + ARRAY.length, length);
      if (lock === undefined) return;
      retain(memory, lock[ADDRESS]);
      store(memory.words, address + ARRAY.lock, lock[ADDRESS]);
    });
    const { words } = this[DOMAIN].memory;
    this.#type = typeWithCode(load(words, this[ADDRESS] + ARRAY.type)) as unknown as DataType<V>;
    this.#length = load(words, this[ADDRESS] + ARRAY.length);
    if (values !== undefined) this.#write(values, 0);
  }

  /** The elements as a typed array on the shared memory: always the same object. A bool is an 8-bit 0 or 1 there. */
  get data(): Elements<V> {
    return (this.#data ??= viewInto(this, this.#type.elements, 4 * ARRAY.first, this.#length));
  }

  /** How many elements there are; never changes. */
  get length(): number {
    return this.#length;
  }

  /** What the elements are. */
  get type(): DataType<V> {
    return this.#type;
  }

  /** The element at the index; negative ones count from the end. Errors: `ValueError` if there is none. */
  at(index: number): V {
    return this.#type.fromElement(this.data[this.#place(index)]!);
  }

  /** Stores one element; a negative index counts from the end. Errors: `ValueError`, `TypeError`. */
  set(index: number, value: V): void;
  /** Stores all the values, from the given index on. If one is wrong, or they do not fit, nothing is stored. */
  set(values: Iterable<V>, from?: number): void;
  set(first: number | Iterable<V>, second?: V | number): void {
    if (typeof first === "number") {
      const place = this.#place(first);
      const value: unknown = second;
      const type: DataType<V> = this.#type;
      type.check(value, `element ${first}`);
      this.data[place] = type.toElement(value) as never;
      return;
    }
    const from = second === undefined ? 0 : (second as number);
    const values = checkedValues(first, this.#type);
    checkWhole(from, "from");
    if (from < 0 || from + values.length > this.#length) {
      throw new ValueError(
        `${values.length} values from index ${from} on do not fit into ${this.#length} elements. Nothing was stored.`,
      );
    }
    this.#write(values, from);
  }

  /** The elements, one after the other. */
  *[Symbol.iterator](): Generator<V, void, undefined> {
    for (let i = 0; i < this.#length; i++) yield this.#type.fromElement(this.data[i]!);
  }

  /** A lock for what takes several steps: the same in every thread. Nothing here looks at it. */
  get lock(): RLock {
    // Also tells whether this is a SharedArray.
    void this.#type;
    return ownLock(this[DOMAIN], this[ADDRESS] + ARRAY.lock);
  }

  override toString(): string {
    return `<SharedArray ${this.#type.name} length=${this.#length}>`;
  }

  #place(index: number): number {
    checkWhole(index, "index");
    const place = index < 0 ? index + this.#length : index;
    if (place >= 0 && place < this.#length) return place;
    throw new ValueError(`index ${index} is out of range: the array has ${this.#length} elements.`);
  }

  #write(values: ArrayLike<V>, from: number): void {
    const { data } = this;
    for (let i = 0; i < values.length; i++) data[from + i] = this.#type.toElement(values[i]!) as never;
  }
}

register(TAG.array, () => new SharedArray(int32, 0), import.meta.url);

function checkWhole(n: unknown, what: string): asserts n is number {
  if (typeof n !== "number") throw new TypeError(`${what} must be a number, not a ${typeof n}`);
  if (!Number.isInteger(n)) throw new ValueError(`${what} must be a whole number, not ${n}`);
}

function checkedLength(length: number, type: DataType): number {
  checkWhole(length, "A SharedArray's length");
  if (length < 0 || length > MOST) {
    throw new ValueError(`A SharedArray of ${type.name} has 0 to ${MOST} elements, not ${length}`);
  }
  return length;
}

/** A copy, so that what is checked is what is stored. */
function checkedValues<V extends number | bigint | boolean>(values: Iterable<V>, type: DataType<V>): ArrayLike<V> {
  if (values === null || typeof values !== "object" || typeof values[Symbol.iterator] !== "function") {
    throw new TypeError(
      "A SharedArray takes a length or values to store: an array, a typed array, or another iterable",
    );
  }
  const copy = [...values];
  const checking: DataType<V> = type;
  for (let i = 0; i < copy.length; i++) checking.check(copy[i], `element ${i}`);
  return copy;
}
