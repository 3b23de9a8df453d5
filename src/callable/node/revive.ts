/**
 * From a reference to a function.
 *
 * @module
 */
import type { RevivedFunction } from "../../core/wire/shipper.ts";
import { RuntimeError } from "../../errors.ts";
import { hashOf, type NameReference, parseReference, type Reference, type SourceReference } from "../reference.ts";
import { findTask, findTaskByName } from "../task.ts";
import { withHeritage } from "./describe.ts";
import type { Describer } from "./describe.ts";
import { evaluatorOf, type ModuleRecord, moduleRecord, pathOf } from "./modules.ts";
import { follow } from "./names.ts";
import { heritageName, isIdentifier, require, usedNames } from "./source.ts";

/** Makes one function of a piece of code, and the setter of its captured variables. */
type Factory = () => readonly [set: (values: readonly unknown[]) => void, make: () => Function];

/** More pieces of code than any program sends; generated code must not fill the memory. */
const factoryLimit = 2000;

interface Entry {
  readonly reference: Reference;
  readonly module: ModuleRecord | undefined;
  factory: Factory | undefined;
  fn: Function | undefined;
}

/** How tasks are looked up; see `ShipperOptions`. */
export interface ReviveOptions {
  readonly tasksByName: boolean;
}

export class Reviver {
  readonly #describer: Describer;
  readonly #options: ReviveOptions;
  /** By the reference's JSON, without the identity of a class. */
  readonly #entries = new Map<string, Entry>();

  constructor(describer: Describer, options: ReviveOptions) {
    this.#describer = describer;
    this.#options = options;
  }

  prepare(text: string): Promise<void> | undefined {
    const entry = this.#entry(text);
    if (entry.fn !== undefined || this.#describer.original(text) !== undefined) return undefined;
    const { reference, module } = entry;
    if (module === undefined || this.#isReachable(module, reference)) return undefined;
    return module.load();
  }

  /**
   * Whether the module need not be imported. Importing it would do no harm if it were over and done, but the module
   * may be in the middle of a top-level await for the very value that is being decoded.
   */
  #isReachable(module: ModuleRecord, reference: Reference): boolean {
    switch (reference.k) {
      case "task":
        return this.#findTask(reference.u, reference.n) !== undefined;
      case "name":
        return (
          evaluatorOf(module.url) !== undefined || Object.hasOwn(module.topLevel() ?? {}, reference.p[0] as string)
        );
      case "source":
        return evaluatorOf(module.url) !== undefined || module.topLevel() !== undefined;
      default:
        return false;
    }
  }

  revive(text: string): RevivedFunction {
    const entry = this.#entry(text);
    const known = entry.fn ?? this.#describer.original(text);
    if (known !== undefined) return constant(known);
    const { reference } = entry;
    if (reference.k === "source") return this.#reviveSource(text, entry, reference);
    const fn = this.#find(entry);
    entry.fn = fn;
    this.#describer.adopt(fn, { reference: text, values: [], names: [] });
    return constant(fn);
  }

  #entry(text: string): Entry {
    const json = text.endsWith("}") ? text : text.slice(0, text.lastIndexOf("#"));
    let entry = this.#entries.get(json);
    if (entry === undefined) {
      const reference = parseReference(json);
      entry = { reference, module: moduleOf(reference), factory: undefined, fn: undefined };
      if (this.#entries.size >= factoryLimit) this.#entries.delete(this.#entries.keys().next().value as string);
      this.#entries.set(json, entry);
    }
    return entry;
  }

  #findTask(url: string, name: string): Function | undefined {
    return findTask(url, name) ?? (this.#options.tasksByName ? findTaskByName(name) : undefined);
  }

  #find({ reference, module }: Entry): Function {
    switch (reference.k) {
      case "global":
        return expectFunction(follow(globalThis, reference.p), `globalThis.${reference.p.join(".")}`);
      case "builtin":
        return expectFunction(follow(require(reference.m), reference.p), `${reference.m}: ${reference.p.join(".")}`);
      case "task": {
        let fn = this.#findTask(reference.u, reference.n);
        if (fn === undefined) module?.loadSync();
        fn ??= this.#findTask(reference.u, reference.n);
        if (fn !== undefined) return fn;
        throw new RuntimeError(
          `${reference.u} registers no task "${reference.n}" in this thread: call task(import.meta, "${reference.n}", fn) at the top level of the module`,
        );
      }
      case "exports":
        module?.loadSync();
        return expectFunction(
          follow(module?.exports === undefined ? module?.namespace : module.exports.value, reference.p),
          `${reference.u}: ${["module.exports", ...reference.p].join(".")}`,
        );
      case "name":
        return findName(module as ModuleRecord, reference);
      default:
        throw new RuntimeError(`unknown kind of function reference: ${JSON.stringify(reference)}`);
    }
  }

  #reviveSource(text: string, entry: Entry, reference: SourceReference): RevivedFunction {
    const captured = reference.n.length > 0 || reference.o !== undefined;
    if (entry.factory === undefined) {
      const module = entry.module;
      if (module !== undefined && !this.#isReachable(module, reference)) tryLoad(module);
      if (!captured && module !== undefined) {
        const original = findEqual(module, reference);
        if (original !== undefined) {
          entry.fn = original;
          this.#describer.adopt(original, { reference: text, values: [], names: [] });
          return constant(original);
        }
      }
      entry.factory = makeFactory(module, reference);
    }
    const revived = new FreshFunction(entry.factory, reference, (fn) => {
      if (captured) this.#describer.identify(fn, text);
      else {
        entry.fn = fn;
        this.#describer.adopt(fn, { reference: text, values: [], names: [] });
      }
    });
    return revived;
  }
}

function moduleOf(reference: Reference): ModuleRecord | undefined {
  switch (reference.k) {
    case "name":
    case "source":
      return reference.f === "none" ? undefined : moduleRecord(reference.u, reference.f);
    case "exports":
      return moduleRecord(reference.u, "cjs");
    case "task":
      return moduleRecord(reference.u, "esm");
    default:
      return undefined;
  }
}

function tryLoad(module: ModuleRecord): void {
  try {
    module.loadSync();
  } catch {
    // What needs the module says so, in terms of the function.
  }
}

function constant(fn: Function): RevivedFunction {
  return { make: () => fn, assign: () => {} };
}

/** A function evaluated from its source, whose captured variables may arrive later than itself. */
class FreshFunction implements RevivedFunction {
  readonly #set: (values: readonly unknown[]) => void;
  readonly #evaluate: () => Function;
  readonly #reference: SourceReference;
  readonly #made: (fn: Function) => void;
  #fn: Function | undefined;

  constructor(factory: Factory, reference: SourceReference, made: (fn: Function) => void) {
    [this.#set, this.#evaluate] = factory();
    this.#reference = reference;
    this.#made = made;
  }

  make(): Function {
    if (this.#fn === undefined) {
      this.#fn = this.#evaluate();
      const { i: name } = this.#reference;
      if (this.#fn.name !== name) Object.defineProperty(this.#fn, "name", { value: name, configurable: true });
      this.#made(this.#fn);
    }
    return this.#fn;
  }

  assign(values: readonly unknown[]): void {
    const { n: names, o: properties = [], h: heritage } = this.#reference;
    this.#set(values);
    const early = this.#fn;
    const fn = this.make();
    // The class was made before its parent was known: classes that refer to each other.
    if (early !== undefined && heritage !== undefined) {
      const parent = values[0] as { prototype: object };
      Object.setPrototypeOf(fn, parent);
      Object.setPrototypeOf(fn.prototype, parent.prototype);
    }
    properties.forEach((property, at) => {
      Object.defineProperty(fn, property, {
        value: values[names.length + at],
        writable: true,
        enumerable: true,
        configurable: true,
      });
    });
  }
}

/** Stands in for a class whose parent has not arrived yet. */
const placeholder = "(class {})";

function makeFactory(module: ModuleRecord | undefined, reference: SourceReference): Factory {
  const { n: names, b: builtins = {}, l: line, c: column, w: wrap, h: heritage } = reference;
  const text =
    heritage === undefined
      ? reference.s
      : withHeritage(reference.s, heritage).replace(heritageName, () => `(${heritageName} ?? ${placeholder})`);
  const fixed = Object.keys(builtins);
  const declarations = names.length === 0 ? "" : `let ${names.join(",")};`;
  const setter = names.length === 0 ? "" : `[${names.join(",")}]=arguments[0]`;
  const head = `((${fixed.join(",")})=>()=>{${declarations}return[function(){${setter}},()=>${wrap === "e" ? "(" : "({"}`;
  const tail = `${wrap === "e" ? ")" : "})"}]})\n//# sourceURL=${displayUrl(reference)}`;
  // The text stands at its own line and column, so that stacks and source maps stay true.
  const space = line > 0 ? "\n".repeat(line) + " ".repeat(column) : " ".repeat(Math.max(0, column - head.length));
  const code = head + space + text + tail;
  const values = fixed.map((name) => require(builtins[name] as string) as unknown);
  const factory = (evaluate(module, reference, code) as (...values: unknown[]) => Factory)(...values);
  if (wrap === "e") return factory;
  return () => {
    const [set, make] = factory();
    return [set, () => onlyMember(make())];
  };
}

function displayUrl({ u: url, f: format }: SourceReference): string {
  return format === "cjs" ? pathOf(url) : url;
}

/** The one method, getter or setter of an object literal. */
function onlyMember(object: object): Function {
  const key = Reflect.ownKeys(object)[0] as string | symbol;
  const { value, get, set } = Object.getOwnPropertyDescriptor(object, key) as PropertyDescriptor;
  return (value ?? get ?? set) as Function;
}

function evaluate(module: ModuleRecord | undefined, reference: SourceReference, code: string): unknown {
  if (module === undefined) return new Function(`return ${code}`)() as unknown;
  const evaluator = evaluatorOf(module.url);
  if (evaluator !== undefined) return evaluator(code);
  // A thread without hooks: the main thread. The variables of the module's top level are known from its functions.
  const top = module.topLevel();
  if (top === undefined) {
    throw new RuntimeError(
      `a function from ${module.url} was made in another thread and cannot be rebuilt in this one: export it from its module`,
    );
  }
  const form = { text: reference.s, wrap: reference.w, kind: "function", heritage: undefined } as const;
  const bound = new Set([...reference.n, ...Object.keys(reference.b ?? {})]);
  const names = usedNames(form, Object.getOwnPropertyNames(top).filter(isIdentifier)).filter(
    (name) => !bound.has(name),
  );
  const strict = reference.f === "esm" ? '"use strict";' : "";
  const values = names.map((name) => (top as Record<string, unknown>)[name]);
  return new Function(...names, `${strict}return ${code}`)(...values) as unknown;
}

function expectFunction(value: unknown, what: string): Function {
  if (typeof value === "function") return value;
  throw new RuntimeError(`${what} is not a function in this thread`);
}

/** Whether a function is the one that was described, for lookups through names that may mean something else. */
function matches(value: unknown, hash: string): value is Function {
  return typeof value === "function" && hashOf(Function.prototype.toString.call(value)) === hash;
}

function findName(module: ModuleRecord, reference: NameReference): Function {
  const [first, ...rest] = reference.p as readonly [string, ...string[]];
  const what = `${reference.u}: ${reference.p.join(".")}`;
  const evaluator = evaluatorOf(module.url);
  if (evaluator !== undefined) {
    return expectFunction(follow(evaluator(`typeof ${first}=="undefined"?undefined:${first}`), rest), what);
  }
  const top = module.topLevel();
  if (top !== undefined && Object.hasOwn(top, first)) {
    const value = follow((top as Record<string, unknown>)[first], rest);
    if (typeof value === "function") return value;
  }
  module.loadSync();
  const namespace = (module.namespace ?? {}) as Record<string, unknown>;
  const exported = follow(namespace, reference.p);
  if (matches(exported, reference.x)) return exported;
  if (rest.length === 0) {
    for (const value of Object.values(namespace)) if (matches(value, reference.x)) return value;
  }
  if (typeof exported === "function") return exported;
  throw new RuntimeError(`${what} cannot be reached from this thread: export it from its module`);
}

/** The module's own function of the same text, so that identity and state are the module's, not a copy's. */
function findEqual(module: ModuleRecord, reference: SourceReference): Function | undefined {
  const equal = (value: unknown): value is Function =>
    typeof value === "function" && Function.prototype.toString.call(value) === reference.s;
  const evaluator = evaluatorOf(module.url);
  if (evaluator !== undefined && isIdentifier(reference.i)) {
    try {
      const value = evaluator(`typeof ${reference.i}=="undefined"?undefined:${reference.i}`);
      if (equal(value)) return value;
    } catch {
      // A reserved word, or a variable that is not initialised.
    }
  }
  const exports: unknown = module.namespace ?? module.exports?.value;
  if (typeof exports !== "object" || exports === null) return equal(exports) ? exports : undefined;
  for (const name of Object.keys(exports)) {
    const value = Object.getOwnPropertyDescriptor(exports, name)?.value as unknown;
    if (equal(value)) return value;
  }
  return undefined;
}
