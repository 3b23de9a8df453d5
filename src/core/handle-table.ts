/**
 * Handles: the objects through which a thread holds shared objects.
 *
 * ```
 *   Lock (main) ─┐
 *   Lock (thread)─┼──► references │ tag │ words …        one shared object, one handle in each thread
 *   a message ───┘
 * ```
 * A shared object is an address. It lives as long as somebody refers to it: each thread that has a handle, each message
 * that carries it. A thread's references are listed in shared memory, so that they can be given back when it dies.
 *
 * @module
 */

import { load, store } from "#atomics";
import { RuntimeError } from "../errors.ts";
import { alloc, free } from "./heap.ts";
import { OBJECT, RECORD, TAG } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { release } from "./references.ts";

interface Entry {
  readonly handle: WeakRef<object>;
  /** Place in the thread's list of held references. */
  readonly place: number;
}

/** The address that the constructor which runs makes a handle for; 0: it makes a new object. */
let attaching = 0;

/** True while the constructor that runs makes a handle to an existing object: its arguments mean nothing then. */
export function isAttaching(): boolean {
  return attaching !== 0;
}

/** As {@link isAttaching}; whoever asks makes the handle. */
export function takeAttached(): number {
  const address = attaching;
  attaching = 0;
  return address;
}

let loadTypes = (): void => undefined;

/** `load` loads all types there are, without waiting: called when an object arrives whose type this thread does not know. */
export function setTypeLoader(load: () => void): void {
  loadTypes = load;
}

export function loadUnknownTypes(): void {
  loadTypes();
}

/** The list of references a thread holds: capacity, length, then addresses; a hole is 0. */
const HELD = { capacity: 0, length: 1, first: 2 } as const;

/** The calling thread's handles for the objects in one memory. */
export class HandleTable {
  readonly #memory: Memory;
  readonly #table: Map<number, Entry> = new Map();
  readonly #makers: Map<number, () => object> = new Map();
  readonly #resolvers: Map<number, (address: number) => () => object> = new Map();
  readonly #holes: number[] = [];
  readonly #registry: FinalizationRegistry<number>;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#registry = new FinalizationRegistry((address) => {
      const entry = this.#table.get(address);
      // A new handle may have been made after the old one was collected and before this ran: it took a reference of its
      // own.
      if (entry === undefined || entry.handle.deref() !== undefined) return;
      this.#table.delete(address);
      this.drop(entry.place);
      release(memory, address);
    });
  }

  /** Says how handles of a type are made. */
  register(tag: number, make: () => object): void {
    this.#makers.set(tag, make);
  }

  /**
   * For a type whose handles differ from object to object: `resolve` looks at the object and says how its handle is made.
   * It may load modules and attach other objects; what it returns only makes the handle.
   */
  registerResolver(tag: number, resolve: (address: number) => () => object): void {
    this.#resolvers.set(tag, resolve);
  }

  /** A new object of a registered type. */
  make(tag: number): object {
    return this.#makers.get(tag)!();
  }

  /**
   * This thread's handle for a shared object. The reference that the caller had passes to the handle. `maker` makes it
   * if there is none yet; default: as registered for the type.
   */
  attach(address: number, maker?: () => object): object {
    const known = this.#table.get(address)?.handle.deref();
    if (known !== undefined) {
      release(this.#memory, address);
      return known;
    }
    this.#memory.reach(address);
    const tag = load(this.#memory.words, address + OBJECT.tag);
    const make = maker ?? this.#makerOf(tag, address) ?? this.#loadMaker(tag, address);
    if (make === undefined) {
      const name = Object.entries(TAG).find(([, t]) => t === tag)?.[0];
      throw new RuntimeError(
        name === undefined
          ? `Address ${address} holds no heddle object: the handle is damaged, or belongs to another program.`
          : `A ${name} arrived, but its module is not loaded in this thread: import "heddle" there.`,
      );
    }
    // A stale entry, whose handle was collected but not yet finalized, keeps its own reference until it is.
    const stale = this.#table.get(address);
    if (stale !== undefined) {
      this.#table.delete(address);
      this.drop(stale.place);
      release(this.#memory, address);
    }
    attaching = address;
    try {
      return make();
    } finally {
      attaching = 0;
    }
  }

  #makerOf(tag: number, address: number): (() => object) | undefined {
    return this.#resolvers.get(tag)?.(address) ?? this.#makers.get(tag);
  }

  #loadMaker(tag: number, address: number): (() => object) | undefined {
    if (!Object.values(TAG).some((known) => known === tag)) return undefined;
    loadTypes();
    return this.#makerOf(tag, address);
  }

  /** All handles in use. */
  *handles(): Generator<object, void, undefined> {
    for (const { handle } of this.#table.values()) {
      const alive = handle.deref();
      if (alive !== undefined) yield alive;
    }
  }

  /** Enters a handle that was just made, whose reference it takes over. */
  adopt(address: number, handle: object): void {
    this.#table.set(address, { handle: new WeakRef(handle), place: this.keep(address) });
    this.#registry.register(handle, address, handle);
  }

  /** The handle stands for nothing any more, before it is collected: its reference is given back. */
  forget(address: number, handle: object): void {
    const entry = this.#table.get(address);
    if (entry === undefined || entry.handle.deref() !== handle) return;
    this.#table.delete(address);
    this.#registry.unregister(handle);
    this.drop(entry.place);
    release(this.#memory, address);
  }

  /** Makes sure that the next {@link keep} needs no memory: what is begun then can be completed. */
  prepare(): void {
    if (this.#holes.length > 0) return;
    const list = load(this.#memory.words, this.#memory.record + RECORD.held);
    const length = list === 0 ? 0 : load(this.#memory.words, list + HELD.length);
    if (list === 0 || length === load(this.#memory.words, list + HELD.capacity)) this.#enlarge(list, length);
  }

  /**
   * Enters a reference that the calling thread has taken, so that it is given back if the thread dies. Returns its place,
   * for {@link drop}.
   */
  keep(address: number): number {
    const hole = this.#holes.pop();
    let list = load(this.#memory.words, this.#memory.record + RECORD.held);
    if (hole !== undefined) {
      store(this.#memory.words, list + hole, address);
      return hole;
    }
    const length = list === 0 ? 0 : load(this.#memory.words, list + HELD.length);
    if (list === 0 || length === load(this.#memory.words, list + HELD.capacity)) list = this.#enlarge(list, length);
    store(this.#memory.words, list + HELD.first + length, address);
    store(this.#memory.words, list + HELD.length, length + 1);
    return HELD.first + length;
  }

  #enlarge(list: number, length: number): number {
    const capacity = Math.max(30, 2 * length);
    const larger = alloc(this.#memory, HELD.first + capacity);
    const words = this.#memory.words;
    words[larger + HELD.capacity] = capacity;
    words[larger + HELD.length] = length;
    if (list !== 0) words.copyWithin(larger + HELD.first, list + HELD.first, list + HELD.first + length);
    store(this.#memory.words, this.#memory.record + RECORD.held, larger);
    if (list !== 0) free(this.#memory, list);
    return larger;
  }

  drop(place: number): void {
    store(this.#memory.words, load(this.#memory.words, this.#memory.record + RECORD.held) + place, 0);
    this.#holes.push(place);
  }
}

/** Gives back all references that the user of a record held: its thread has ended. */
export function releaseHeld(memory: Memory, record: number): void {
  const list = load(memory.words, record + RECORD.held);
  if (list === 0) return;
  memory.reach(list);
  store(memory.words, record + RECORD.held, 0);
  const length = load(memory.words, list + HELD.length);
  memory.reach(list + HELD.first + length);
  for (let i = 0; i < length; i++) {
    const address = load(memory.words, list + HELD.first + i);
    if (address !== 0) release(memory, address);
  }
  free(memory, list);
}
