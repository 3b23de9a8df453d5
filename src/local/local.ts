/**
 * Local: an object with attributes of its own in each context.
 *
 * @module
 */

import { ContextVar } from "../contextvars/context-var.ts";
import { passportAddress, registerKind, sendByPassport } from "../contextvars/passport.ts";
import { callingPlace, enter } from "../contextvars/places.ts";
import { describe } from "../core/deadline.ts";
import { type Part, parts } from "./parts.ts";

type Attributes = ReadonlyMap<PropertyKey, unknown>;

/** What every Local has, besides its attributes. */
export interface LocalMembers<T> extends Iterable<[keyof T & string, T[keyof T]]> {}

/** Attributes that may be missing wherever nobody has set them. */
export type Local<T extends object = Record<string, unknown>> = Partial<T> & LocalMembers<T>;

export interface LocalConstructor {
  // Two parameters, so that a class can extend the other form with one.
  new <T extends object, F extends () => T>(initial: F & (() => T)): T & LocalMembers<T>;
  new <T extends object = Record<string, unknown>>(
    source?: ContextVar<ReadonlyMap<PropertyKey, unknown>> | (() => Partial<T>),
  ): Local<T>;
  readonly prototype: object;
}

const INSPECT: symbol = Symbol.for("nodejs.util.inspect.custom");
const NOTHING: Attributes = new Map();

/** The attributes of one Local, in whichever context asks. */
class Content implements Part {
  #variable: ContextVar<Attributes>;
  /** What the Local was made from. */
  readonly source: ContextVar<Attributes> | (() => object) | undefined;

  constructor(variable: ContextVar<Attributes>, source: ContextVar<Attributes> | (() => object) | undefined) {
    this.#variable = variable;
    this.source = source;
  }

  get all(): Attributes {
    const all = this.#variable.get(undefined);
    if (all !== undefined) return all;
    if (typeof this.source !== "function") return NOTHING;
    const initial = new Map<PropertyKey, unknown>(Object.entries(this.source()));
    this.#variable.set(initial);
    return initial;
  }

  get(name: PropertyKey): unknown {
    return this.all.get(name);
  }

  /** Copies of the context share the map, so it is never changed. */
  set(name: PropertyKey, value: unknown): void {
    this.#variable.set(new Map(this.all).set(name, value));
  }

  delete(name: PropertyKey): void {
    if (!this.all.has(name)) return;
    const rest = new Map(this.all);
    rest.delete(name);
    this.#variable.set(rest);
  }

  get variable(): ContextVar<unknown> {
    return this.#variable as ContextVar<unknown>;
  }

  find(name: PropertyKey | undefined): () => unknown {
    if (name !== undefined) return () => this.get(name);
    throw new TypeError(
      'A proxy to a Local stands for one of its attributes: name it, as in localProxy(local, "user")',
    );
  }

  /** Another thread's copy of the same Local was here first. */
  join(other: Part): void {
    this.#variable = other.variable as ContextVar<Attributes>;
  }
}

/** Methods of a subclass, and of `Object`, stay in sight behind the attributes. */
function trapsOf(content: Content): ProxyHandler<object> {
  return {
    get(target, key, self) {
      const value = content.get(key);
      if (value !== undefined || content.all.has(key)) return value;
      return Reflect.get(target, key, self) as unknown;
    },
    set(_, key, value) {
      content.set(key, value);
      return true;
    },
    has: (target, key) => content.all.has(key) || Reflect.has(target, key),
    deleteProperty(_, key) {
      content.delete(key);
      return true;
    },
    ownKeys: () => [...content.all.keys()].map((key) => (typeof key === "number" ? String(key) : key)),
    getOwnPropertyDescriptor(_, key) {
      if (!content.all.has(key)) return undefined;
      return { value: content.get(key), writable: true, enumerable: true, configurable: true };
    },
    defineProperty(_, key, property) {
      if (!("value" in property)) return false;
      content.set(key, property.value);
      return true;
    },
    preventExtensions: () => false,
  };
}

/**
 * An object whose attributes are each thread's, each task's and each context's own.
 *
 * Use it for what belongs to the thread or the request at hand, where a few names should be attributes of one object. A
 * missing attribute is `undefined`.
 *
 * ```ts
 * import { Local } from "heddle/local";
 *
 * const local = new Local<{ num: number }>();
 * local.num = 1;
 * // in a thread: local.num is undefined; whatever is set there shows only there
 * ```
 *
 * With a function, `new Local(() => ({ items: [] }))`, each thread and context that has no attributes yet begins with what
 * it returns: what a subclass with an `__init__` does in Python.
 *
 * `in`, `delete`, `Object.keys` and the like see the attributes of the calling code; iterating gives pairs. A task or a
 * `Context.run` begins with the attributes of its context's copy, and what it changes shows only there. Captured by a
 * thread's function, a Local is the same one there, with that thread's own attributes.
 *
 * **Differs from Python.** Missing attributes are no error, nor is deleting one.
 */
export const Local: LocalConstructor = class Local {
  constructor(source?: ContextVar<Attributes> | (() => object)) {
    if (source !== undefined && typeof source !== "function" && !(source instanceof ContextVar)) {
      throw new TypeError(
        `Local takes a function that gives the first attributes, or nothing; not ${describe(source)}`,
      );
    }
    const variable = source instanceof ContextVar ? source : ContextVar.hidden<Attributes>("Local", () => self);
    const content = new Content(variable, source);
    const self: object = new Proxy(this, trapsOf(content));
    parts.set(self, content);
    if (!isArriving) content.join(parts.get(enter(self, "Local", "", callingPlace(new.target)) ?? self)!);
    // oxlint-disable-next-line no-constructor-return -- what `new` gives is the object with the attributes
    return self as never;
  }

  *[Symbol.iterator](): Generator<[PropertyKey, unknown], undefined> {
    yield* (parts.get(this) as Content).all.entries();
  }

  toString(): string {
    return "<Local>";
  }

  static {
    sendByPassport(Local.prototype, (local) =>
      passportAddress(local, "Local", () => [(parts.get(local) as Content).source]),
    );
  }

  [INSPECT](_: number, settings: unknown, inspect?: (value: unknown, settings: unknown) => string): string {
    const attributes = Object.fromEntries((parts.get(this) as Content).all);
    return `Local ${inspect?.(attributes, settings) ?? JSON.stringify(attributes)}`;
  }
} as never;

let isArriving = false;

registerKind(
  "Local",
  ([source]: [undefined | (() => object)]) => {
    isArriving = true;
    try {
      return new Local(source!);
    } finally {
      isArriving = false;
    }
  },
  import.meta.url,
);
