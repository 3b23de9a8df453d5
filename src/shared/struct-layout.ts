/**
 * What the fields of a struct are, and where they lie.
 *
 * ```
 *   struct in memory:   layout │ class │ nested objects, one address each │ fields of 64 bits │ fields of one word
 *                         │
 *                         ▼
 *                       layout ──► message: [["balance", "float64"], ["lock", "RLock"], …]
 * ```
 * A struct says itself what it is, so a thread that never loaded the program's `struct({…})` can use it, and two threads
 * that did agree: equal definitions are one class in each thread.
 *
 * @module
 */

import { load, store } from "#atomics";
import { ADDRESS, DOMAIN, isAttaching, SharedObject } from "../core/handles.ts";
import { STRUCT, STRUCT_LAYOUT, STRUCT_LAYOUT_WORDS, TAG } from "../core/layout.ts";
import { STANDS_FOR } from "../core/messages.ts";
import { ValueError } from "../errors.ts";
import { DataType, show } from "./data-type.ts";
import { typeNamed, typeOf } from "./types.ts";

/** A class of shared objects. */
export type SharedClass<T extends SharedObject = SharedObject> = abstract new (...args: never[]) => T;

/** What a field may be: a number of some type, or a shared object of some class. */
export type FieldType = DataType<number> | DataType<bigint> | DataType<boolean> | SharedClass;

export interface ScalarField {
  readonly name: string;
  readonly type: DataType;
  /** Words from the beginning of the struct. */
  readonly offset: number;
}

export interface NestedField {
  readonly name: string;
  /** `undefined` in a thread that has the struct from another and does not know the class. */
  readonly class: SharedClass | undefined;
  readonly className: string;
  readonly offset: number;
}

/** A definition as text: names with their types, or the names of their classes, or the definitions of nested structs. */
type Described = readonly (readonly [name: string, type: string | Described])[];

/** Names that every object has. */
const TAKEN: ReadonlySet<string> = new Set(["constructor", "toString", "__proto__"]);

/** Set on classes that `struct` made. */
export const DEFINITION: unique symbol = Symbol.for("heddle.struct.definition") as never;

/** The fields of one struct class. */
export class Definition {
  readonly key: string;
  readonly scalars: readonly ScalarField[];
  readonly nested: readonly NestedField[];
  readonly words: number;
  readonly fields: ReadonlyMap<string, ScalarField | NestedField>;

  private constructor(described: Described, types: ReadonlyMap<string, DataType | SharedClass | undefined>) {
    this.key = JSON.stringify(described);
    let offset: number = STRUCT.first;
    const nested: NestedField[] = [];
    const scalars: ScalarField[] = [];
    for (const [name, text] of described) {
      const type = types.get(name);
      if (type instanceof DataType) continue;
      nested.push({ name, class: type, className: typeof text === "string" ? text : "struct", offset: offset++ });
    }
    // Numbers of two words begin at even addresses.
    offset += offset & 1;
    for (const words of [2, 1]) {
      for (const [name] of described) {
        const type = types.get(name);
        if (!(type instanceof DataType) || type.words !== words) continue;
        scalars.push({ name, type, offset });
        offset += words;
      }
    }
    this.scalars = scalars;
    this.nested = nested;
    this.words = offset;
    const all = new Map([...nested, ...scalars].map((field) => [field.name, field]));
    this.fields = new Map(described.map(([name]) => [name, all.get(name)!]));
  }

  /** As a program gives it. Throws `TypeError` and `ValueError`. */
  static of(fields: Readonly<Record<string, FieldType>>, base: SharedObject): Definition {
    if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
      throw new TypeError(`struct() takes an object of fields, such as { balance: float64 }, not ${show(fields)}`);
    }
    const names = Object.keys(fields);
    if (names.length === 0) throw new ValueError("struct() takes one field or more, such as { balance: float64 }");
    const types = new Map<string, DataType | SharedClass>();
    for (const name of names) {
      if (TAKEN.has(name))
        throw new ValueError(`a struct cannot have a field named ${JSON.stringify(name)}: every object has one`);
      types.set(name, fieldType(fields[name], name, base));
    }
    return new Definition(
      names.map((name) => [name, describeType(types.get(name)!)]),
      types,
    );
  }

  /** As it came from another thread. `known` finds the classes of nested structs. */
  static from(key: string, known: (key: string) => SharedClass): Definition {
    const described = JSON.parse(key) as Described;
    const types = new Map<string, DataType | SharedClass | undefined>();
    for (const [name, text] of described) {
      types.set(name, typeof text === "string" ? typeNamed(text) : known(JSON.stringify(text)));
    }
    return new Definition(described, types);
  }

  /** Have both the same classes, as far as they are known? */
  agrees(other: Definition): boolean {
    return this.nested.every((field, i) => {
      const there = other.nested[i]!;
      return field.class === there.class || field.class === undefined || there.class === undefined;
    });
  }

  /** Does this thread know the classes of all nested objects? */
  get isComplete(): boolean {
    return this.nested.every((field) => field.class !== undefined);
  }
}

function fieldType(type: unknown, name: string, base: SharedObject): DataType | SharedClass {
  if (type instanceof DataType) return typeOf(type, `field ${name}`) as DataType;
  if (typeof type === "function" && SharedObject.isPrototypeOf(type)) {
    if ((type.prototype as SharedObject)[DOMAIN] === base[DOMAIN]) return type as SharedClass;
    throw new TypeError(
      `field ${name} is a ${type.name} of other memory than the struct's: take struct and ${type.name} both from ` +
        "heddle/multiprocessing to share them with processes, or neither",
    );
  }
  throw new TypeError(
    `field ${name} must be a type such as int32, or a class of shared objects such as Lock or a struct, not ${show(type)}`,
  );
}

function describeType(type: DataType | SharedClass): string | Described {
  if (type instanceof DataType) return type.name;
  // A subclass of a struct has a name of its own to go by.
  const definition = Object.hasOwn(type, DEFINITION) ? (type as { [DEFINITION]?: Definition })[DEFINITION] : undefined;
  if (definition !== undefined) return JSON.parse(definition.key) as Described;
  // Not to be taken for a data type.
  return typeNamed(type.name) === undefined ? type.name : `class ${type.name}`;
}

/** The shared form of a definition: all structs of it refer to it. */
export class StructLayout extends SharedObject {
  readonly key: string;

  constructor(key: string) {
    const given = isAttaching() ? undefined : key;
    super(TAG.structLayout, STRUCT_LAYOUT_WORDS, (address, { memory, packer }) => {
      store(memory.words, address + STRUCT_LAYOUT.fields, packer.pack(given, "struct"));
    });
    const { memory, packer } = this[DOMAIN];
    this.key = given ?? (packer.peek(load(memory.words, this[ADDRESS] + STRUCT_LAYOUT.fields)) as string);
  }

  /** Whoever is sent the layout gets the class. */
  standFor(structClass: Function): void {
    Object.defineProperty(this, STANDS_FOR, { value: structClass, configurable: true });
  }
}
