/**
 * Passport: what goes to another thread in place of an object that each thread has for itself, such as a ContextVar or a
 * Local. There it stands for that thread's own one.
 *
 * @module
 */

import { load, store } from "#atomics";
import { NO_TWIN } from "../core/address.ts";
import { threads } from "../core/domain.ts";
import { ADDRESS, DOMAIN, isAttaching, loadInThreads, register, SharedObject } from "../core/handles.ts";
import { loadUnknownTypes } from "../core/handle-table.ts";
import { PASSPORT, PASSPORT_WORDS, TAG } from "../core/layout.ts";
import { pack, peek, STANDS_FOR } from "../core/messages.ts";
import { memory } from "../core/program.ts";
import { RuntimeError } from "../errors.ts";
import { madeAt, placeOf, standIn } from "./places.ts";

/** How things of one kind are made from what their passport says. */
export type Make = (data: never) => object;

const makers: Map<string, Make> = new Map();
/** A thing keeps its passport, so that it arrives as the same object every time. */
const passports: WeakMap<object, Passport> = new WeakMap();

type Contents = readonly [kind: string, place: string | undefined, data: unknown];

class Passport extends SharedObject {
  #thing: object | undefined;

  constructor(thing?: object, contents?: Contents) {
    // Before anything is allocated: not all that it says can be sent.
    const message = isAttaching() ? 0 : pack(contents, contents![0]);
    super(TAG.passport, PASSPORT_WORDS, (address) => store(memory.words, address + PASSPORT.message, message));
    this.#thing = thing;
    if (thing !== undefined) passports.set(thing, this);
  }

  static {
    Object.defineProperty(Passport.prototype, STANDS_FOR, {
      get(this: Passport): object {
        return (this.#thing ??= this.#find());
      },
    });
  }

  #find(): object {
    const [kind, place, data] = peek(load(memory.words, this[ADDRESS] + PASSPORT.message)) as Contents;
    const known = place === undefined ? undefined : madeAt(place);
    if (known !== undefined) return known;
    if (!makers.has(kind)) loadUnknownTypes();
    const make = makers.get(kind);
    if (make === undefined) {
      throw new RuntimeError(`A ${kind} arrived, but its module is not loaded in this thread: import "heddle" there.`);
    }
    const thing = make(data as never);
    passports.set(thing, this);
    if (place !== undefined) standIn(thing, place);
    return thing;
  }

  override toString(): string {
    return "<Passport>";
  }
}

register(TAG.passport, () => new Passport(), import.meta.url);

/** `module`: the URL of the kind's module, if threads do not load it anyway. */
export function registerKind(kind: string, make: Make, module?: string): void {
  makers.set(kind, make);
  if (module !== undefined) loadInThreads(module);
}

/** Lets the instances of a class be sent by their passports, in the memory of the threads. */
export function sendByPassport<T extends object>(prototype: T, address: (thing: T) => number): void {
  Object.defineProperty(prototype, DOMAIN, { value: threads });
  Object.defineProperty(prototype, NO_TWIN, {
    value: "make it at the top level of a module, where that process has its own, and send the value",
  });
  Object.defineProperty(prototype, ADDRESS, {
    get(this: T) {
      return address(this);
    },
  });
}

/** The address under which `thing` is sent. Errors: `NotSendableError`, if what `data` says of it cannot be. */
export function passportAddress(thing: object, kind: string, data: () => unknown): number {
  const passport = passports.get(thing) ?? new Passport(thing, [kind, placeOf(thing), data()]);
  return passport[ADDRESS];
}
