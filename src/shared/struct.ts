/**
 * struct: classes whose fields threads share.
 *
 * @module
 */

import { load, store } from "#atomics";
import { host } from "#host";
import { type Domain, threads } from "../core/domain.ts";
import { ADDRESS, DOMAIN, isAttaching, loadInThreads, SharedObject } from "../core/handles.ts";
import { STRUCT, TAG } from "../core/layout.ts";
import { retain } from "../core/references.ts";
import { NotSendableError, RuntimeError, ValueError } from "../errors.ts";
import { type DataType, show } from "./data-type.ts";
import { Definition, DEFINITION, type FieldType, type SharedClass, StructLayout } from "./struct-layout.ts";

host.ready();

/** Fields that are numbers: read and assigned. */
type Scalars<F> = {
  -readonly [K in keyof F as F[K] extends DataType ? K : never]: F[K] extends DataType<infer V> ? V : never;
};

/** Fields that are shared objects: they stay the same for as long as the struct lives. */
type Nested<F> = {
  readonly [K in keyof F as F[K] extends SharedClass ? K : never]: F[K] extends SharedClass<infer T> ? T : never;
};

/** An instance of the class that `struct(fields)` made. */
export type Struct<F> = SharedObject & Scalars<F> & Nested<F>;

/** What a struct begins with. Numbers that are left out are 0, objects are made. */
export type StructInit<F> = Partial<Scalars<F> & Nested<F>>;

/** A class made by `struct`. */
export interface StructClass<F> {
  new (initial?: StructInit<F>): Struct<F>;
  readonly prototype: Struct<F>;
}

/** What all of them extend. */
export abstract class StructBase extends SharedObject {
  readonly #kind: Kind;
  /** Kept so that this thread knows it: the struct has a reference of its own. */
  readonly #layout: StructLayout;
  readonly #nested: (SharedObject | undefined)[];

  constructor(kind: Kind, target: Function, initial: unknown) {
    let nested: SharedObject[] = [];
    let layout: StructLayout | undefined;
    let classMessage = 0;
    const { definition } = kind;
    if (!isAttaching()) {
      const given = checkInitial(definition, initial);
      nested = definition.nested.map((field) => (given[field.name] as SharedObject | undefined) ?? makeNested(field));
      layout = kind.layout;
      if (target !== kind.class) classMessage = kind.family.messageOf(target);
    }
    super(TAG.struct, definition.words, (address, { memory }) => {
      retain(memory, layout![ADDRESS]);
      store(memory.words, address + STRUCT.layout, layout![ADDRESS]);
      store(memory.words, address + STRUCT.class, classMessage);
      store(memory.words, address + STRUCT.nested, nested.length);
      for (let i = 0; i < nested.length; i++) {
        retain(memory, nested[i]![ADDRESS]);
        store(memory.words, address + STRUCT.first + i, nested[i]![ADDRESS]);
      }
      for (const { name, type, offset } of definition.scalars) {
        type.store(memory, address + offset, (initial as Record<string, number> | undefined)?.[name] ?? type.zero);
      }
    });
    this.#kind = kind;
    this.#layout = layout ?? layoutAt(this[DOMAIN], this[ADDRESS]);
    this.#nested = nested;
    // A misspelt field would be a property of this thread alone. Subclasses may have such properties, and say so.
    if (target === kind.class) Object.preventExtensions(this);
  }

  /** Where the fields of `value` begin, if it is of that kind. */
  static addressIn(value: StructBase, kind: Kind): number {
    if (value.#kind !== kind) throw new TypeError("a field was asked of a struct that does not have it");
    return value[ADDRESS];
  }

  static nestedIn(value: StructBase, kind: Kind, i: number): SharedObject {
    const address = StructBase.addressIn(value, kind);
    const known = value.#nested[i];
    if (known !== undefined) return known;
    const { memory, handles } = value[DOMAIN];
    const nested = load(memory.words, address + STRUCT.first + i);
    retain(memory, nested);
    return (value.#nested[i] = handles.attach(nested) as SharedObject);
  }

  override toString(): string {
    void this.#layout;
    const fields = [...this.#kind.definition.fields.keys()].map(
      (name) => `${name}: ${String((this as unknown as Record<string, unknown>)[name])}`,
    );
    return `<${this.constructor.name || "struct"} ${fields.join(", ")}>`;
  }
}

/** A class of structs in this thread. */
class Kind {
  readonly family: StructFamily;
  definition: Definition;
  readonly class: SharedClass<StructBase>;
  #layout: StructLayout | undefined;

  constructor(family: StructFamily, definition: Definition) {
    this.family = family;
    this.definition = definition;
    // oxlint-disable-next-line unicorn/no-this-assignment, typescript/no-this-alias -- the class below has a `this` of its own
    const kind = this;
    this.class = class Struct extends family.base {
      constructor(initial?: unknown) {
        super(kind, new.target, initial);
      }
    };
    for (const { name, type, offset } of definition.scalars) {
      Object.defineProperty(this.class.prototype, name, {
        get(this: StructBase) {
          return type.load(this[DOMAIN].memory, StructBase.addressIn(this, kind) + offset);
        },
        set(this: StructBase, value: unknown) {
          const checking: DataType = type;
          checking.check(value, name);
          type.store(this[DOMAIN].memory, StructBase.addressIn(this, kind) + offset, value);
        },
        enumerable: true,
        configurable: true,
      });
    }
    definition.nested.forEach(({ name }, i) => {
      Object.defineProperty(this.class.prototype, name, {
        get(this: StructBase) {
          return StructBase.nestedIn(this, kind, i);
        },
        set() {
          throw new TypeError(`${name} is a shared object that belongs to the struct; it cannot be replaced.`);
        },
        enumerable: true,
        configurable: true,
      });
    });
    Object.defineProperty(this.class, DEFINITION, { get: () => this.definition });
    // Sent to a thread, the class arrives as the class of the same definition there.
    Object.defineProperty(this.class, ADDRESS, { get: () => this.layout[ADDRESS] });
    made.push(this);
    for (const tell of watchers) tell(this);
  }

  /** This thread's layout for structs it makes. */
  get layout(): StructLayout {
    if (this.#layout === undefined) {
      this.#layout = new this.family.layout(this.definition.key);
      this.#layout.standFor(this.class);
    }
    return this.#layout;
  }
}

/** All there are: the classes live as long as the program. */
const made: Kind[] = [];
const watchers: Set<(kind: Kind) => void> = new Set();

/** @internal Told of each class of structs, those there are and those to come, until the returned function is called. */
export function watchStructs(told: (prototype: object, scalars: readonly string[]) => void): () => void {
  const tell = (kind: Kind): void =>
    told(
      kind.class.prototype as object,
      kind.definition.scalars.map(({ name }) => name),
    );
  for (const kind of made) tell(kind);
  watchers.add(tell);
  return () => watchers.delete(tell);
}

/** The struct classes of one domain. */
export class StructFamily {
  /** What its structs extend, and the class of its layouts: both of the domain. */
  readonly base: abstract new (kind: Kind, target: Function, initial: unknown) => StructBase;
  readonly layout: new (key: string) => StructLayout;
  readonly #domain: () => Domain;
  /** One class for each definition, whoever asks for it first: the program, or a struct that arrives. */
  readonly #kinds: Map<string, Kind> = new Map();
  readonly #classMessages: WeakMap<Function, number> = new WeakMap();
  readonly #classes: Map<number, Function> = new Map();

  constructor(base: StructFamily["base"], layout: StructFamily["layout"], domain: () => Domain) {
    this.base = base;
    this.layout = layout;
    this.#domain = domain;
  }

  /** See {@link struct}. */
  struct<F extends Readonly<Record<string, FieldType>>>(fields: F): StructClass<F> {
    const definition = Definition.of(fields, this.base.prototype as StructBase);
    const known = this.#kinds.get(definition.key);
    let kind = known;
    if (known === undefined || !known.definition.agrees(definition)) {
      // Two classes of one name among the fields: those of the first definition are what others get.
      kind = new Kind(this, definition);
      if (known === undefined) this.#kinds.set(definition.key, kind);
    } else if (!known.definition.isComplete) {
      known.definition = definition;
    }
    return kind!.class as unknown as StructClass<F>;
  }

  /** Lets the structs of other threads arrive. */
  register(domain: Domain): void {
    domain.handles.registerResolver(TAG.structLayout, () => () => {
      const layout = new this.layout("");
      layout.standFor(this.#kindWithKey(layout.key).class);
      return layout;
    });
    domain.handles.registerResolver(TAG.struct, (address) => {
      const kind = this.#kindWithKey(layoutAt(domain, address).key);
      const target = this.#classOf(load(domain.memory.words, address + STRUCT.class), kind.class);
      // The base's constructor alone: a subclass's own may want arguments.
      return () => Reflect.construct(kind.class, [], target) as object;
    });
  }

  #kindWithKey(key: string): Kind {
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      kind = new Kind(
        this,
        Definition.from(key, (nested) => this.#kindWithKey(nested).class),
      );
      this.#kinds.set(key, kind);
    }
    return kind;
  }

  /** The message of a subclass, or 0 if it cannot be found by name from another thread. */
  messageOf(target: Function): number {
    let message = this.#classMessages.get(target);
    if (message === undefined) {
      try {
        message = this.#domain().packer.intern(target, "class") ?? 0;
      } catch (error) {
        if (!(error instanceof NotSendableError)) throw error;
        message = 0;
      }
      this.#classMessages.set(target, message);
      if (message !== 0) this.#classes.set(message, target);
    }
    return message;
  }

  /** The subclass that a message names, if this thread can find it. */
  #classOf(message: number, base: SharedClass<StructBase>): Function {
    if (message === 0) return base;
    let target = this.#classes.get(message);
    if (target === undefined) {
      try {
        target = this.#domain().packer.peek(message) as Function;
      } catch {
        // Its module is not loaded here: later structs may find it.
        return base;
      }
      this.#classes.set(message, target);
    }
    return base.isPrototypeOf(target) ? target : base;
  }
}

const family: StructFamily = new StructFamily(StructBase, StructLayout, () => threads);
family.register(threads);
loadInThreads(import.meta.url);

/**
 * Makes a class of records that threads share: each field is a number of a given type, or a shared object such as a lock
 * or another struct.
 *
 * Use it where several numbers belong together, with the lock that protects them.
 *
 * ```ts
 * import { float64, int32, struct } from "heddle/shared";
 * import { RLock, spawn } from "heddle/threading";
 *
 * const Account = struct({ balance: float64, count: int32, lock: RLock });
 * const account = new Account({ balance: 10 });
 *
 * const deposit = (to: InstanceType<typeof Account>, amount: number) => {
 *   using _ = to.lock.acquireSync();
 *   to.balance += amount;
 *   to.count += 1;
 * };
 * await Promise.all([spawn(deposit, account, 5).join(), spawn(deposit, account, 7).join()]);
 * account.balance; // 22
 * ```
 *
 * A struct sent to a thread is the same struct there. Fields are properties; each read and each assignment is atomic by
 * itself, `account.balance += 1` is not. Fields that are objects are made with the struct if none is given, and cannot be
 * replaced: `struct({ ready: Event, jobs: Queue<string>, owner: Person })`.
 *
 * Equal definitions make one and the same class. To add methods, extend it; a thread that has loaded the module gets
 * instances of the subclass, without running its constructor, and any other thread plain structs with the same fields.
 * What a subclass itself stores in `this` stays in its thread.
 *
 * Errors: `ValueError` for a field that does not exist, and a number out of range; `TypeError` for a value of another
 * type.
 *
 * Source: `ctypes.Structure` with `multiprocessing.Value`.
 */
export function struct<F extends Readonly<Record<string, FieldType>>>(fields: F): StructClass<F> {
  return family.struct(fields);
}

function checkInitial(definition: Definition, initial: unknown): Record<string, unknown> {
  if (initial === undefined) return {};
  if (typeof initial !== "object" || initial === null) {
    throw new TypeError(`A struct takes an object of first values, such as { balance: 10 }, not ${show(initial)}`);
  }
  const given = initial as Record<string, unknown>;
  for (const name of Object.keys(given)) {
    const field = definition.fields.get(name);
    if (field === undefined) {
      throw new ValueError(
        `The struct has no field ${name}: its fields are ${[...definition.fields.keys()].join(", ")}.`,
      );
    }
    const value = given[name];
    if (value === undefined) continue;
    if ("type" in field) {
      const type: DataType = field.type;
      type.check(value, name);
    } else if (!(field.class === undefined ? value instanceof SharedObject : value instanceof field.class)) {
      throw new TypeError(`${name} must be a ${field.className}, not ${show(value)}`);
    }
  }
  return given;
}

function makeNested(field: { name: string; class: SharedClass | undefined; className: string }): SharedObject {
  if (field.class === undefined) {
    throw new RuntimeError(
      `This thread knows no class ${field.className} for the field ${field.name}: import the module that defines the struct.`,
    );
  }
  return new (field.class as new () => SharedObject)();
}

function layoutAt({ memory, handles }: Domain, struct: number): StructLayout {
  const layout = load(memory.words, struct + STRUCT.layout);
  retain(memory, layout);
  return handles.attach(layout) as StructLayout;
}
