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
import { alloc, allocZeroed, free } from "./heap.ts";
import { OBJECT, RECORD, TAG } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { memory } from "./program.ts";
import { release } from "./references.ts";

/** Under this key every handle has the address of its shared object. */
export const ADDRESS: unique symbol = Symbol.for("heddle.address") as never;

interface Entry {
  readonly handle: WeakRef<object>;
  /** Place in the thread's list of held references. */
  readonly place: number;
}

const table: Map<number, Entry> = new Map();
const makers: Map<number, () => object> = new Map();
const resolvers: Map<number, (address: number) => () => object> = new Map();
const modules: Set<string> = new Set();
const registry: FinalizationRegistry<number> = new FinalizationRegistry((address) => {
  const entry = table.get(address);
  // A new handle may have been made after the old one was collected and before this ran: it took a reference of its own.
  if (entry === undefined || entry.handle.deref() !== undefined) return;
  table.delete(address);
  drop(entry.place);
  release(memory, address);
});

let attaching = 0;

export interface SharedObject {
  readonly [ADDRESS]: number;
  /** Its kind and state, in short. */
  toString(): string;
}

/** Base of every class whose instances are the same object in all threads. */
export abstract class SharedObject {
  /** Allocates, unless a handle to an existing object is being made. `init` fills in a new object's words. */
  constructor(tag: number, size: number, init?: (address: number) => void) {
    let address = attaching;
    attaching = 0;
    if (address === 0) {
      address = allocZeroed(memory, size);
      store(memory.words, address + OBJECT.references, 1);
      init?.(address);
      store(memory.words, address + OBJECT.tag, tag);
    }
    Object.defineProperty(this, ADDRESS, { value: address });
    adopt(address, this);
  }
}

// What `console.log` shows on Node and what a message may quote: the object's own short description.
Object.defineProperty(SharedObject.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: SharedObject) {
    return this.toString();
  },
});

/**
 * Says how handles of a type are made. `module` is the URL of the type's module, if threads do not load it anyway:
 * what is given to a function there may be of a class that the function's module knows only as a type.
 */
export function register(tag: number, make: () => object, module?: string): void {
  makers.set(tag, make);
  if (module !== undefined) modules.add(module);
}

/**
 * As {@link register}, for a type whose handles differ from object to object: `resolve` looks at the object and says how
 * its handle is made. It may load modules and attach other objects; what it returns only makes the handle.
 */
export function registerResolver(tag: number, resolve: (address: number) => () => object, module: string): void {
  resolvers.set(tag, resolve);
  modules.add(module);
}

/** The modules of types that a new thread must load, since this one may send it such objects. */
export function typeModules(): string[] {
  return [...modules];
}

/** True while the constructor that runs makes a handle to an existing object: its arguments mean nothing then. */
export function isAttaching(): boolean {
  return attaching !== 0;
}

/** The address of a handle, or `undefined` for any other object. */
export function addressOf(value: object): number | undefined {
  return (value as { [ADDRESS]?: number })[ADDRESS];
}

/**
 * This thread's handle for a shared object. The reference that the caller had passes to the handle. `maker` makes it
 * if there is none yet; default: as registered for the type.
 */
export function attach(address: number, maker?: () => object): object {
  const known = table.get(address)?.handle.deref();
  if (known !== undefined) {
    release(memory, address);
    return known;
  }
  memory.reach(address);
  const tag = load(memory.words, address + OBJECT.tag);
  const make = maker ?? resolvers.get(tag)?.(address) ?? makers.get(tag);
  if (make === undefined) {
    const name = Object.entries(TAG).find(([, t]) => t === tag)?.[0];
    throw new RuntimeError(
      name === undefined
        ? `Address ${address} holds no heddle object: the handle is damaged, or belongs to another program.`
        : `A ${name} arrived, but its module is not loaded in this thread: import "heddle" there.`,
    );
  }
  // A stale entry, whose handle was collected but not yet finalized, keeps its own reference until it is.
  const stale = table.get(address);
  if (stale !== undefined) {
    table.delete(address);
    drop(stale.place);
    release(memory, address);
  }
  attaching = address;
  try {
    return make();
  } finally {
    attaching = 0;
  }
}

function adopt(address: number, handle: object): void {
  table.set(address, { handle: new WeakRef(handle), place: keep(address) });
  registry.register(handle, address);
}

// ── The list of references a thread holds: capacity, length, then addresses; a hole is 0 ─────────────────────────────

const HELD = { capacity: 0, length: 1, first: 2 } as const;
const holes: number[] = [];

/**
 * Enters a reference that the calling thread has taken, so that it is given back if the thread dies. Returns its place,
 * for {@link drop}.
 */
export function keep(address: number): number {
  const hole = holes.pop();
  let list = load(memory.words, memory.record + RECORD.held);
  if (hole !== undefined) {
    store(memory.words, list + hole, address);
    return hole;
  }
  const length = list === 0 ? 0 : load(memory.words, list + HELD.length);
  if (list === 0 || length === load(memory.words, list + HELD.capacity)) list = enlarge(list, length);
  store(memory.words, list + HELD.first + length, address);
  store(memory.words, list + HELD.length, length + 1);
  return HELD.first + length;
}

function enlarge(list: number, length: number): number {
  const capacity = Math.max(30, 2 * length);
  const larger = alloc(memory, HELD.first + capacity);
  const words = memory.words;
  words[larger + HELD.capacity] = capacity;
  words[larger + HELD.length] = length;
  if (list !== 0) words.copyWithin(larger + HELD.first, list + HELD.first, list + HELD.first + length);
  store(memory.words, memory.record + RECORD.held, larger);
  if (list !== 0) free(memory, list);
  return larger;
}

export function drop(place: number): void {
  store(memory.words, load(memory.words, memory.record + RECORD.held) + place, 0);
  holes.push(place);
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
