/**
 * ShareableList: a list of fixed length in shared memory.
 *
 * @module
 */

import { load, store } from "#atomics";
import { host } from "#host";
import { describe } from "../core/deadline.ts";
import { ADDRESS, DOMAIN, isAttaching, letGo, SharedObject } from "../core/handles.ts";
import { SHAREABLE_LIST, SHAREABLE_LIST_WORDS, TAG } from "../core/layout.ts";
import { retain } from "../core/references.ts";
import { OSError, ValueError } from "../errors.ts";
import { inProcesses } from "./domain.ts";
import { ListLayout, type ShareableItem, sizeOfList, writeList } from "./list-layout.ts";
import { SharedMemory } from "./shared-memory.ts";

host.ready();

export interface ShareableListOptions {
  /** Of the segment: for a new list, what others attach to it by; without items, the list to attach to. */
  name?: string | undefined;
}

/**
 * A list of fixed length whose items processes share: numbers, bigints, booleans, strings, bytes and null.
 *
 * Use it for a small table of mixed values that unrelated processes share by name, also with Python's `ShareableList`,
 * which has the same format. Within one program a `SharedMap` or a `struct` says more, and loses nothing.
 *
 * ```ts
 * import { ShareableList } from "heddle/multiprocessing";
 *
 * const list = new ShareableList(["howdy", -273.15, 42, true, null]);
 * const same = new ShareableList({ name: list.shm.name }); // in any process
 * same.set(2, 43);
 * list.at(2); // 43
 * list.shm.close();
 * list.shm.unlink();
 * ```
 *
 * A place can take an item of another type later, but strings and bytes only as far as its first item left room: their
 * bytes rounded up to the next multiple of 8, at least one more.
 *
 * Sent to a process or thread it arrives as the same list. It exists as long as its segment: see {@link SharedMemory}.
 *
 * **Memory ordering.** Plain memory: whoever sets what others read at the same time needs a `Lock`.
 *
 * **Differs from Python.** A whole number is stored as an int, any other as a float; ints beyond 2⁵³ are read as bigints.
 * Zeros at the end of strings and bytes are lost, as there.
 *
 * Errors: `ValueError` for an index out of range, an int beyond 64 bits, or what has no room; `TypeError` for other items.
 */
export class ShareableList<T extends ShareableItem = ShareableItem> extends SharedObject implements Iterable<T> {
  /** The segment it is in, to close and to unlink. */
  readonly shm: SharedMemory;
  readonly #layout: ListLayout;

  /** A new list of these items. */
  constructor(items: Iterable<NoInfer<T>>, options?: ShareableListOptions);
  /** The list of that name. */
  constructor(options: { name: string });
  constructor(first?: Iterable<NoInfer<T>> | { name: string }, options?: ShareableListOptions) {
    const shm = isAttaching() ? undefined : open(first, options);
    super(TAG.shareableList, SHAREABLE_LIST_WORDS, (address, { memory }) => {
      retain(memory, shm![ADDRESS]);
      store(memory.words, address + SHAREABLE_LIST.segment, shm![ADDRESS]);
    });
    this.shm = shm ?? this.#attach();
    this.#layout = new ListLayout(this.shm.buf);
  }

  #attach(): SharedMemory {
    const { memory, handles } = this[DOMAIN];
    const segment = load(memory.words, this[ADDRESS] + SHAREABLE_LIST.segment);
    try {
      retain(memory, segment);
      const shm = handles.attach(segment) as SharedMemory;
      void new ListLayout(shm.buf);
      return shm;
    } catch (error) {
      letGo(this, "this ShareableList could not be attached");
      throw error;
    }
  }

  /** How many items there are; never changes. */
  get length(): number {
    return this.#layout.length;
  }

  /** The item at the index; negative ones count from the end. */
  at(index: number): T {
    return this.#open().get(this.#place(index)) as T;
  }

  /** Stores an item; a negative index counts from the end. */
  set(index: number, item: T): void {
    this.#open().set(this.#place(index), item);
  }

  /** The items, one after the other. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (let i = 0; i < this.length; i++) yield this.#open().get(i) as T;
  }

  /** How many items equal the value. */
  count(value: T): number {
    let n = 0;
    for (const item of this) if (equal(item, value)) n++;
    return n;
  }

  /** Where the first item is that equals the value. Errors: `ValueError` if none does. */
  index(value: T): number {
    let i = 0;
    for (const item of this) {
      if (equal(item, value)) return i;
      i++;
    }
    throw new ValueError("The value is not in the list.");
  }

  /** The types of all items, in the letters of Python's `struct`. */
  get format(): string {
    return this.#open().format();
  }

  override toString(): string {
    return `<ShareableList ${this.shm.name} length=${this.length}>`;
  }

  #open(): ListLayout {
    if (this.shm.buf === undefined)
      throw new OSError(`The list's memory ${this.shm.name} is closed: attach to it again.`);
    return this.#layout;
  }

  #place(index: number): number {
    if (typeof index !== "number") throw new TypeError(`index must be a number, not ${describe(index)}`);
    const place = index < 0 ? index + this.length : index;
    if (Number.isInteger(place) && place >= 0 && place < this.length) return place;
    throw new ValueError(`index ${index} is out of range: the list has ${this.length} items.`);
  }
}

function open(first: unknown, options: ShareableListOptions | undefined): SharedMemory {
  if (
    typeof first === "string" ||
    typeof (first as Partial<Iterable<unknown>> | null | undefined)?.[Symbol.iterator] !== "function"
  ) {
    const name = (first as { name?: unknown } | null | undefined)?.name;
    if (typeof name !== "string") {
      throw new TypeError(`items must be an iterable, or { name } of a list to attach to, not ${describe(first)}`);
    }
    const shm = new SharedMemory({ name });
    try {
      void new ListLayout(shm.buf);
    } catch (error) {
      shm.close();
      throw error;
    }
    return shm;
  }
  const items = [...(first as Iterable<unknown>)];
  const shm = new SharedMemory({ name: options?.name, create: true, size: sizeOfList(items) });
  writeList(shm.buf, items);
  return shm;
}

/** As Python compares items: bytes by their content, an int with a bigint by value. */
function equal(one: unknown, other: unknown): boolean {
  if (one instanceof Uint8Array && other instanceof Uint8Array) {
    return one.length === other.length && one.every((byte, i) => byte === other[i]);
  }
  if (typeof one === "bigint" || typeof other === "bigint") {
    // oxlint-disable-next-line eqeqeq -- 1 and 1n are the same number
    return typeof one !== "string" && typeof other !== "string" && one == other;
  }
  return one === other;
}

inProcesses(ShareableList.prototype, TAG.shareableList, () => new ShareableList([]));
