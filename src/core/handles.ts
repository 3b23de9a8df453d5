/**
 * Shared objects: the base of every class whose instances are the same object in all threads. See handle-table.ts.
 *
 * @module
 */

import { store } from "#atomics";
import { ADDRESS, DOMAIN } from "./address.ts";
import { type Domain, threads } from "./domain.ts";
import { isAttaching, setTypeLoader, takeAttached } from "./handle-table.ts";
import { allocZeroed, free } from "./heap.ts";
import { OBJECT } from "./layout.ts";

export { ADDRESS, DOMAIN, isAttaching, setTypeLoader };
export type { Domain };

const modules: Set<string> = new Set();

export interface SharedObject {
  readonly [ADDRESS]: number;
  /** The memory it is in, and what belongs to that. Of the class, not of the object. */
  readonly [DOMAIN]: Domain;
  /** Its kind and state, in short. */
  toString(): string;
}

/** Base of every class whose instances are the same object in all threads. */
export abstract class SharedObject {
  /** Allocates, unless a handle to an existing object is being made. `init` fills in a new object's words. */
  constructor(tag: number, size: number, init?: (address: number, domain: Domain) => void) {
    const domain = this[DOMAIN];
    const { memory } = domain;
    let address = takeAttached();
    if (address === 0) {
      domain.handles.prepare();
      address = allocZeroed(memory, size);
      store(memory.words, address + OBJECT.references, 1);
      try {
        init?.(address, domain);
      } catch (error) {
        free(memory, address);
        throw error;
      }
      store(memory.words, address + OBJECT.tag, tag);
    }
    Object.defineProperty(this, ADDRESS, { value: address, configurable: true });
    domain.handles.adopt(address, this);
  }
}

Object.defineProperty(SharedObject.prototype, DOMAIN, { value: threads });
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
  threads.handles.register(tag, make);
  if (module !== undefined) loadInThreads(module);
}

/** A module that new threads must load, since this one may send them objects of its types. */
export function loadInThreads(module: string): void {
  modules.add(module);
}

/**
 * As {@link register}, for a type whose handles differ from object to object: `resolve` looks at the object and says how
 * its handle is made. It may load modules and attach other objects; what it returns only makes the handle.
 */
export function registerResolver(tag: number, resolve: (address: number) => () => object, module: string): void {
  threads.handles.registerResolver(tag, resolve);
  modules.add(module);
}

/** The modules of types that a new thread must load, since this one may send it such objects. */
export function typeModules(): string[] {
  return [...modules];
}

/**
 * The handle is done with before it is collected: it gives its reference back, and cannot be sent any more. `reason` tells
 * those who try.
 */
export function letGo(handle: SharedObject, reason: string): void {
  const address = handle[ADDRESS];
  Object.defineProperty(handle, ADDRESS, { value: reason });
  handle[DOMAIN].handles.forget(address, handle);
}

/** The address of a handle, or `undefined` for any other object. */
export function addressOf(value: object): number | undefined {
  return (value as { [ADDRESS]?: number })[ADDRESS];
}

/** This thread's handle for a shared object of the program; see {@link HandleTable.attach}. */
export function attach(address: number, maker?: () => object): object {
  return threads.handles.attach(address, maker);
}

/** See {@link HandleTable.keep}. */
export function keep(address: number): number {
  return threads.handles.keep(address);
}

/** See {@link HandleTable.drop}. */
export function drop(place: number): void {
  threads.handles.drop(place);
}
