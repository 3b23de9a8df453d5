/**
 * SharedMap: keys and values that threads share.
 *
 * @module
 */

import { load, store } from "#atomics";
import { host } from "#host";
import { deadlineIn, describe, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, type Domain, DOMAIN, isAttaching, register, SharedObject } from "../core/handles.ts";
import { allocZeroed } from "../core/heap.ts";
import { BOX, BOX_WORDS, GRANT, MAP, MAP_WORDS, OBJECT, STRIPES, TAG } from "../core/layout.ts";
import type { Memory } from "../core/memory.ts";
import { EXPIRED } from "../core/parker.ts";
import { LOCK_RESULT, lockOwner, recoverLock, tryLock, unlock } from "../core/raw/lock.ts";
import {
  ANY,
  clearStripe,
  forgetKey,
  found,
  hasCell,
  keysOf,
  lockOfKey,
  mapSize,
  mapWords,
  readCell,
  removeCell,
  SET,
  setCell,
} from "../core/raw/map.ts";
import { isMessage } from "../core/raw/queue.ts";
import { release } from "../core/references.ts";
import { DeadlockError, RuntimeError, TimeoutError, ValueError } from "../errors.ts";
import { LOCK_WAIT } from "../threading/lock.ts";

host.ready();

/** The longest key, in UTF-16 units. */
const LONGEST = 2 ** 20;

/** The most words the limit's word can count. */
const MOST = 2 ** 31 - 1;

export interface SharedMapOptions {
  /**
   * How much memory keys and values may take, in bytes. What would go beyond it is a `RuntimeError`, and changes nothing.
   * Threads that write at the same moment can go beyond it together, by what they are writing. Default: as much as the
   * program's memory holds.
   */
  readonly maxBytes?: number;
}

/** Asks where a value came from: the one found, and its version. */
interface Seen<V> {
  readonly value: V | undefined;
  readonly version: number;
}

/**
 * A map that all threads read and change: the same keys and values everywhere.
 *
 * Use it for caches, registries and counters by name. It grows as needed, and gives back the memory of what is deleted
 * or replaced.
 *
 * ```ts
 * import { SharedMap } from "heddle/shared";
 * import { spawn } from "heddle/threading";
 *
 * const words = new SharedMap<string, number>();
 * const count = (words: SharedMap<string, number>, text: string) => {
 *   for (const word of text.split(" ")) words.updateSync(word, (n = 0) => n + 1);
 * };
 * await Promise.all([spawn(count, words, "to be or").join(), spawn(count, words, "not to be").join()]);
 * words.get("be"); // 2
 * ```
 *
 * Keys are strings and numbers (not NaN; -0 is 0). Values are whatever can be sent to a thread. They are copied, in and
 * out: change a value by setting it again. Shared objects inside stay the same object.
 *
 * `get`, `set`, `has` and `delete` are atomic and never wait. To change a value depending on what it was, use
 * {@link update}. Iteration sees each key once that is there all the while, and may or may not see what changes
 * meanwhile; it has no particular order.
 *
 * **Memory ordering.** What a thread wrote before it set a value is seen by whoever gets that value.
 *
 * **Differs from Python.** This is a `dict` in shared memory, not a proxy to a server process as `Manager().dict()` is.
 * A value that was got and then changed is changed only here, as with a proxy.
 *
 * Errors: `NotSendableError` for a value that cannot be sent; `ValueError` for the key NaN and `TypeError` for other
 * keys that are neither string nor number; `RuntimeError` if there is no memory. The map is then as it was.
 *
 * Source of the stripes: `java.util.concurrent.ConcurrentHashMap` before Java 8.
 */
export class SharedMap<K extends string | number = string, V = unknown>
  extends SharedObject
  implements Iterable<[K, V]>
{
  /** Only a SharedMap has it: the methods work on nothing else. */
  readonly #own = true;

  constructor(options?: SharedMapOptions);
  /** @param entries what is in the map at first: pairs of key and value, such as another map */
  constructor(entries: Iterable<readonly [K, V]> | null | undefined, options?: SharedMapOptions);
  constructor(first?: Iterable<readonly [K, V]> | SharedMapOptions | null, second?: SharedMapOptions) {
    let limit = 0;
    let entries: Iterable<readonly [K, V]> | undefined;
    if (!isAttaching()) {
      const isOptions = first !== null && typeof first === "object" && !(Symbol.iterator in first);
      if (first !== undefined && first !== null && !isOptions) entries = checkEntries(first);
      limit = checkLimit(isOptions ? first : second);
    }
    super(TAG.map, MAP_WORDS, (address, { memory }) => store(memory.words, address + MAP.limit, limit));
    if (entries !== undefined) for (const [key, value] of entries) this.set(key, value);
  }

  /** A copy of the value, or `undefined`. */
  get(key: K): V | undefined {
    return this.#read(checkKey(key)).value;
  }

  /** Is there a value under the key? */
  has(key: K): boolean {
    return hasCell(this[DOMAIN].memory, this.#address, checkKey(key));
  }

  /** Puts a copy of the value under the key, in the place of what was there. */
  set(key: K, value: V): this {
    checkKey(key);
    this.#write(key, value, ANY);
    return this;
  }

  /** Removes the value. False: there was none. */
  delete(key: K): boolean {
    if (!removeCell(this[DOMAIN].memory, this.#address, checkKey(key))) return false;
    const { cell, lock } = found;
    releaseCell(this[DOMAIN].memory, cell);
    if (lock !== 0) release(this[DOMAIN].memory, lock);
    return true;
  }

  /**
   * Replaces the value by what `fn` makes of it, which is also what this resolves to. `fn` gets `undefined` if there is
   * none. It may be asynchronous and take its time.
   *
   * Updates of one key go one after the other, each under the key's lock; other keys are not affected. If the key is set
   * or deleted meanwhile by somebody who does not update, `fn` is called again with what is there now, so it must bear
   * that. If it throws, or its thread dies, nothing is changed and the next one goes on. `fn` must not update the same
   * key itself.
   *
   * **Blocking.** Waits for the key's lock without blocking, and not at all if it is free: then `fn` is called at once.
   *
   * **Fairness.** As for `Lock`.
   *
   * Errors: `TimeoutError` when the timeout passes before `fn` is called; `signal.reason`; what `fn` throws.
   */
  async update(key: K, fn: (value: V | undefined) => V | Promise<V>, options?: WaitOptions): Promise<V> {
    const { memory, parker } = this[DOMAIN];
    const held = this.#enter(key, fn, options);
    try {
      const deadline = deadlineIn(options);
      let result = tryLock(memory, held.lock);
      while (result !== LOCK_RESULT.acquired) {
        if (result === LOCK_RESULT.ownerDied && recoverLock(memory, held.lock)) break;
        const granted = await parker.wait(LOCK_WAIT, held.lock, this, deadline, options?.signal);
        if (granted === EXPIRED) throw expired(key, options);
        if (granted !== GRANT.ownerDied) break;
        result = LOCK_RESULT.ownerDied;
      }
      try {
        for (;;) {
          const seen = this.#read(key);
          const made = fn(seen.value);
          // A synchronous function is done with before this returns.
          const value = isThenable(made) ? await made : (made as V);
          if (this.#write(key, value, seen.version)) return value;
        }
      } finally {
        unlock(memory, held.lock);
      }
    } finally {
      this.#leave(key, held);
    }
  }

  /**
   * As {@link update}, blocking while others update the key. `fn` must be synchronous.
   *
   * Errors: as {@link update}; `DeadlockError` if this thread is updating the key already.
   */
  updateSync(key: K, fn: (value: V | undefined) => V, options?: WaitOptions): V {
    const { memory } = this[DOMAIN];
    const held = this.#enter(key, fn, options);
    try {
      this.#lockSync(key, held.lock, options);
      try {
        for (;;) {
          const seen = this.#read(key);
          const value = fn(seen.value);
          if (isThenable(value)) throw new TypeError("updateSync() takes a synchronous function: use update()");
          if (this.#write(key, value, seen.version)) return value;
        }
      } finally {
        unlock(memory, held.lock);
      }
    } finally {
      this.#leave(key, held);
    }
  }

  /** How many values there are now. */
  get size(): number {
    return mapSize(this[DOMAIN].memory, this.#address);
  }

  /** How much memory keys and values take now. */
  get bytes(): number {
    return 4 * mapWords(this[DOMAIN].memory, this.#address);
  }

  /** Removes all values. While others write, theirs may come before or after. */
  clear(): void {
    const { memory } = this[DOMAIN];
    for (let i = 0; i < STRIPES; i++) clearStripe(memory, this.#address, i, (address) => release(memory, address));
  }

  /** The keys. */
  *keys(): Generator<K, void, undefined> {
    for (let i = 0; i < STRIPES; i++) yield* keysOf(this[DOMAIN].memory, this.#address, i) as K[];
  }

  /** A copy of each value. */
  *values(): Generator<V, void, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  /** The keys, each with a copy of its value. */
  *entries(): Generator<[K, V], void, undefined> {
    for (const key of this.keys()) {
      const { value, version } = this.#read(key);
      if (version !== 0) yield [key, value as V];
    }
  }

  [Symbol.iterator](): Generator<[K, V], void, undefined> {
    return this.entries();
  }

  override toString(): string {
    return `<SharedMap size=${this.size}>`;
  }

  get #address(): number {
    void this.#own;
    return this[ADDRESS];
  }

  #read(key: K): Seen<V> {
    const { memory, handles, cells, packer } = this[DOMAIN];
    const cell = readCell(memory, this.#address, key);
    const { version } = found;
    if (cell === 0) return { value: undefined, version };
    if (!isMessage(cell)) return { value: cells.fromCell(cell) as V, version };
    // Entered after it was taken: the other way round, a death in between would give back what nobody took.
    const place = handles.keep(cell);
    try {
      return { value: packer.peek(load(memory.words, cell + BOX.message)) as V, version };
    } finally {
      handles.drop(place);
      release(memory, cell);
    }
  }

  /** False: the version is not the expected one any more. */
  #write(key: K, value: V, expected: number): boolean {
    const address = this.#address;
    const { memory } = this[DOMAIN];
    const cell = boxed(this[DOMAIN], value);
    let result: number;
    try {
      result = setCell(memory, address, key, cell, expected);
    } catch (error) {
      releaseCell(memory, cell);
      throw error;
    }
    if (result === SET.done) {
      releaseCell(memory, found.cell);
      return true;
    }
    releaseCell(memory, cell);
    if (result === SET.changed) return false;
    throw new RuntimeError(
      `The map is full: its keys and values take ${this.bytes} of ${4 * load(memory.words, address + MAP.limit)} bytes. ` +
        "Delete something, or make the map with a larger maxBytes. Nothing was changed.",
    );
  }

  /** The key's lock, held on to even if the key is deleted or this thread dies. */
  #enter(key: K, fn: unknown, options: WaitOptions | undefined): { lock: number; place: number } {
    checkKey(key);
    if (typeof fn !== "function") throw new TypeError(`update() takes a key and a function, not ${describe(fn)}`);
    deadlineIn(options);
    options?.signal?.throwIfAborted();
    const { memory, handles } = this[DOMAIN];
    const lock = lockOfKey(memory, this.#address, key);
    return { lock, place: handles.keep(lock) };
  }

  #leave(key: K, { lock, place }: { lock: number; place: number }): void {
    const { memory, handles } = this[DOMAIN];
    // First: a reference that is given back twice, by this thread and by whoever buries it, would be worse than none.
    handles.drop(place);
    if (forgetKey(memory, this.#address, key, lock)) release(memory, lock);
  }

  #lockSync(key: K, lock: number, options: WaitOptions | undefined): void {
    const { memory, parker } = this[DOMAIN];
    const deadline = deadlineIn(options);
    for (;;) {
      const result = tryLock(memory, lock);
      if (result === LOCK_RESULT.acquired) return;
      if (result === LOCK_RESULT.ownerDied) {
        if (recoverLock(memory, lock)) return;
        continue;
      }
      if (lockOwner(memory, lock) === memory.self) {
        throw new DeadlockError(
          `This thread is in the middle of an update of the key ${JSON.stringify(key)}, which cannot go on while ` +
            "updateSync() waits for it: use the value that the function was given, or await update().",
        );
      }
      const granted = parker.waitSync(LOCK_WAIT, lock, deadline, options?.signal);
      if (granted === EXPIRED) throw expired(key, options);
      if (granted !== GRANT.ownerDied) return;
    }
  }
}

register(TAG.map, () => new SharedMap(), import.meta.url);

/** The value as a cell of the map: itself if it is small, else a box with its message. */
function boxed({ memory, cells }: Domain, value: unknown): number {
  const cell = cells.toCell(value, "value");
  if (!isMessage(cell)) return cell;
  let box: number;
  try {
    box = allocZeroed(memory, BOX_WORDS);
  } catch (error) {
    cells.discardCell(cell);
    throw error;
  }
  store(memory.words, box + OBJECT.references, 1);
  store(memory.words, box + BOX.message, cell);
  store(memory.words, box + OBJECT.tag, TAG.box);
  return box;
}

function releaseCell(memory: Memory, cell: number): void {
  if (cell !== 0 && isMessage(cell)) release(memory, cell);
}

function expired(key: string | number, options: WaitOptions | undefined): TimeoutError {
  return new TimeoutError(
    `Others updated the key ${JSON.stringify(key)} for all of the ${options?.timeout} ms. Nothing was changed.`,
  );
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

function checkKey<K extends string | number>(key: K): K {
  if (typeof key === "string") {
    if (key.length <= LONGEST) return key;
    throw new ValueError(`A key has at most ${LONGEST} characters, not ${key.length}: put long text into the value.`);
  }
  if (typeof key !== "number") throw new TypeError(`A key must be a string or a number, not ${describe(key)}`);
  if (Number.isNaN(key)) throw new ValueError("NaN cannot be a key: it is not equal to itself.");
  return key;
}

function checkEntries<T>(entries: T): T {
  if (
    typeof (entries as { [Symbol.iterator]?: unknown })[Symbol.iterator] === "function" &&
    typeof entries !== "string"
  ) {
    return entries;
  }
  throw new TypeError(`A SharedMap takes pairs of key and value, such as a Map, or options, not ${describe(entries)}`);
}

/** In words; 0: no limit. */
function checkLimit(options: unknown): number {
  if (options === undefined) return 0;
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`options must be an object such as { maxBytes: 1e6 }, not ${describe(options)}`);
  }
  const { maxBytes } = options as { maxBytes?: unknown };
  if (maxBytes === undefined || maxBytes === Infinity) return 0;
  if (typeof maxBytes !== "number")
    throw new TypeError(`maxBytes must be a number of bytes, not ${describe(maxBytes)}`);
  if (!Number.isInteger(maxBytes) || maxBytes < 4) {
    throw new ValueError(`maxBytes must be a whole number of bytes, 4 or more, not ${maxBytes}`);
  }
  return Math.min(MOST, Math.floor(maxBytes / 4));
}
