/**
 * From a function to a reference.
 *
 * In this order: a task's name; a path from globalThis or a built-in module; a name at the top level of its module;
 * a path from `module.exports`; and if no name leads to it, its source text and captured variables.
 *
 * @module
 */
import { threadId } from "node:worker_threads";

import { NotSendableError } from "../../errors.ts";
import type { ShippedFunction } from "../../core/wire/shipper.ts";
import { hashOf, type Reference, type SourceReference } from "../reference.ts";
import { taskName } from "../task.ts";
import { inspect, type Scope, type Sight } from "./inspect.ts";
import { type Division, divide, moduleRecord } from "./modules.ts";
import { builtinModuleOf, builtinPath, globalPath, NameIndex } from "./names.ts";
import { analyse, borrows, heritageName, isIdentifier, type SourceForm, startOf, usedNames } from "./source.ts";

// Not imported: for an import, Node loads everything such a module could export.
const { types } = process.getBuiltinModule("node:util");

const toText = Function.prototype.toString;
const native = /\{\s*\[native code\]\s*\}\s*$/;

/** What is the same for every function made from one piece of code. */
interface Code {
  readonly url: string;
  readonly form: SourceForm;
  readonly at: { readonly line: number; readonly column: number };
  /** Names of captured variables the text uses, without those bound to built-in modules. */
  used: readonly string[] | undefined;
  /** Whether a search of the module's names for a function of this code came back empty. */
  unnamed: boolean;
}

/** More than any program holds; text made into functions at run time must not fill the memory. */
const codeLimit = 10_000;

const none: readonly never[] = Object.freeze([]) as readonly never[];

function named(reference: Reference): ShippedFunction {
  return { reference: JSON.stringify(reference), values: none, names: none };
}

/** Describes functions, and remembers what it can. */
export class Describer {
  /** Functions whose description can never change. */
  readonly #known = new WeakMap<Function, ShippedFunction>();
  readonly #codes = new Map<string, Code>();
  readonly #exports = new WeakMap<object, NameIndex>();
  readonly #identities = new WeakMap<Function, string>();
  readonly #origin = new Map<string, WeakRef<Function>>();
  readonly #gone = new FinalizationRegistry<string>((reference) => {
    if (this.original(reference) === undefined) this.#origin.delete(reference);
  });
  #classes = 0;

  describe(fn: Function): ShippedFunction {
    return this.#known.get(fn) ?? this.#describe(fn);
  }

  /** A function described by this thread, or revived in it, under exactly this reference. */
  original(reference: string): Function | undefined {
    return this.#origin.get(reference)?.deref();
  }

  /** Makes a revived function known, so that it is described as it came. */
  adopt(fn: Function, shipped: ShippedFunction): void {
    if (shipped.values.length === 0 && shipped.names.length === 0) this.#known.set(fn, shipped);
    this.#remember(shipped.reference, fn);
  }

  /** Gives a revived class the identity it has in the thread it came from. */
  identify(fn: Function, reference: string): void {
    const mark = reference.endsWith("}") ? -1 : reference.lastIndexOf("#");
    if (mark < 0) return;
    this.#identities.set(fn, reference.slice(mark + 1));
    this.#remember(reference, fn);
  }

  #remember(reference: string, fn: Function): void {
    if (this.original(reference) === fn) return;
    this.#origin.set(reference, new WeakRef(fn));
    this.#gone.register(fn, reference);
  }

  #describe(fn: Function): ShippedFunction {
    const task = taskName(fn);
    if (task !== undefined) return this.#keep(fn, named({ k: "task", u: task.url, n: task.name }));
    const text = toText.call(fn);
    if (native.test(text)) return this.#keep(fn, this.#describeNative(fn));
    const sight = inspect().look(fn);
    const url = inspect().urlOf(sight.scriptId);
    if (url.startsWith("node:")) return this.#keep(fn, this.#describePlatform(fn, url));
    return this.#describeCode(fn, text, sight, url);
  }

  #keep(fn: Function, shipped: ShippedFunction): ShippedFunction {
    this.adopt(fn, shipped);
    return shipped;
  }

  #describePlatform(fn: Function, url: string): ShippedFunction {
    const path = globalPath(fn);
    if (path !== undefined) return named({ k: "global", p: path });
    const builtin = builtinPath(fn, url);
    if (builtin !== undefined) return named({ k: "builtin", m: builtin.module, p: builtin.path });
    throw new NotSendableError(
      `${nameOf(fn)} belongs to Node itself and has no public name; call it from a function of your own`,
    );
  }

  #describeNative(fn: Function): ShippedFunction {
    const path = globalPath(fn);
    if (path !== undefined) return named({ k: "global", p: path });
    const builtin = types.isProxy(fn) ? undefined : builtinPath(fn, "");
    if (builtin !== undefined) return named({ k: "builtin", m: builtin.module, p: builtin.path });
    const { wraps } = inspect().look(fn);
    // A bound function or a Proxy is found where the module of its target keeps it.
    if (typeof wraps?.target === "function") {
      const target = inspect().look(wraps.target);
      const url = inspect().urlOf(target.scriptId);
      const found = this.#byName(fn, toText.call(wraps.target), url, divide(url, target.scopes));
      if (found !== undefined) return found;
    }
    if (wraps?.kind === "proxy") {
      throw new NotSendableError(
        "a Proxy cannot be sent; export it from the module that defines its target, or send an arrow function that makes it",
      );
    }
    if (wraps?.kind === "bound") {
      throw new NotSendableError(
        "a bound function cannot be sent; use an arrow function instead: (...args) => object.method(...args)",
      );
    }
    throw new NotSendableError(
      `${nameOf(fn)} is a native function without a public name; call it from a function of your own`,
    );
  }

  #describeCode(fn: Function, text: string, sight: Sight, url: string): ShippedFunction {
    const division = divide(url, sight.scopes);
    const key = `${sight.scriptId}:${sight.line}:${sight.column}`;
    const code = this.#codes.get(key);
    if (division.format !== "none") {
      if (code?.unnamed !== true) {
        moduleRecord(url, division.format).anchor(fn, division);
        const found = this.#byName(fn, text, url, division);
        if (found !== undefined) return this.#keep(fn, found);
      }
    }
    return this.#bySource(fn, code ?? this.#analyse(key, text, sight, url), division);
  }

  #byName(fn: Function, text: string, url: string, division: Division): ShippedFunction | undefined {
    const { format, top } = division;
    if (format === "none") return undefined;
    const record = moduleRecord(url, format);
    const exports = format === "cjs" ? record.exports : undefined;
    if (exports !== undefined) {
      const path = this.#pathFromExports(exports.value, fn);
      if (path !== undefined) return named({ k: "exports", u: url, p: path });
    }
    const path = record.nameOf(fn, top?.variables);
    return path && named({ k: "name", u: url, f: format, p: path, x: hashOf(text) });
  }

  #pathFromExports(exports: unknown, fn: Function): readonly string[] | undefined {
    if ((typeof exports !== "object" || exports === null) && typeof exports !== "function") return undefined;
    const known = this.#exports.get(exports)?.find(fn);
    if (known !== undefined) return known;
    const index = new NameIndex(exports, 3);
    this.#exports.set(exports, index);
    return index.find(fn);
  }

  #analyse(key: string, text: string, sight: Sight, url: string): Code {
    const form = analyse(text);
    const code: Code = { url, form, at: startOf(form, sight.line, sight.column), used: undefined, unnamed: true };
    if (this.#codes.size >= codeLimit) this.#codes.delete(this.#codes.keys().next().value as string);
    this.#codes.set(key, code);
    return code;
  }

  #bySource(fn: Function, code: Code, division: Division): ShippedFunction {
    const { form } = code;
    const variables = candidates(division.local);
    const heritage = form.heritage !== undefined && division.local.length > 0 ? form.heritage : undefined;
    if (code.used === undefined) {
      const borrowed = borrows(form);
      if (borrowed !== undefined) {
        throw new NotSendableError(
          `it uses the \`${borrowed}\` of the function around it, which cannot be read; copy what it needs into a variable first or use parameters`,
        );
      }
      const seen = heritage === undefined ? form : { ...form, text: withHeritage(form.text, heritage) };
      code.used = usedNames(seen, [...variables.keys()]);
    }
    const names: string[] = [];
    const values: unknown[] = [];
    const builtins: Record<string, string> = {};
    if (heritage !== undefined) {
      names.push(heritageName);
      values.push(Object.getPrototypeOf(fn));
    }
    for (const name of code.used) {
      const value = read(variables.get(name) as object, name);
      const builtin = typeof value === "object" && value !== null ? builtinIfAny(value) : undefined;
      if (builtin !== undefined) {
        builtins[name] = builtin;
        continue;
      }
      names.push(name);
      values.push(value);
    }
    const properties = form.kind === "class" ? none : ownProperties(fn);
    const reference: SourceReference = {
      k: "source",
      u: code.url,
      f: division.format,
      l: code.at.line,
      c: code.at.column,
      s: form.text,
      w: form.wrap,
      i: fn.name,
      n: [...names],
      ...(Object.keys(builtins).length > 0 && { b: builtins }),
      ...(properties.length > 0 && { o: properties }),
      ...(heritage !== undefined && { h: heritage }),
    };
    for (const name of properties) {
      names.push(`${fn.name || "function"}.${name}`);
      values.push((fn as unknown as Record<string, unknown>)[name]);
    }
    const json = JSON.stringify(reference);
    if (values.length === 0) return this.#keep(fn, { reference: json, values: none, names: none });
    return { reference: form.kind === "class" ? `${json}#${this.#identity(fn, json)}` : json, values, names };
  }

  #identity(fn: Function, json: string): string {
    let identity = this.#identities.get(fn);
    if (identity === undefined) {
      identity = `${process.pid}.${threadId}.${++this.#classes}`;
      this.#identities.set(fn, identity);
      this.#remember(`${json}#${identity}`, fn);
    }
    return identity;
  }
}

/** Every captured variable by name, with the scope that holds it; inner scopes hide outer ones. */
function candidates(scopes: readonly Scope[]): Map<string, object> {
  const found = new Map<string, object>();
  for (const { variables } of scopes) {
    for (const name of Object.getOwnPropertyNames(variables)) {
      if (!found.has(name) && name !== "arguments" && isIdentifier(name)) found.set(name, variables);
    }
  }
  return found;
}

function read(variables: object, name: string): unknown {
  try {
    return (variables as Record<string, unknown>)[name];
  } catch {
    // V8 throws for `const` and `let` before their line has run.
    throw new NotSendableError(`its captured variable "${name}" is not initialised yet`);
  }
}

function builtinIfAny(value: object): string | undefined {
  // Plain data is by far the most common; exports of built-in modules are null-prototype namespaces or objects
  // that hold functions.
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return undefined;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype && !types.isModuleNamespaceObject(value)) return undefined;
  if (
    !types.isModuleNamespaceObject(value) &&
    !Object.values(Object.getOwnPropertyDescriptors(value)).some((p) => typeof p.value === "function")
  ) {
    return undefined;
  }
  return builtinModuleOf(value);
}

function ownProperties(fn: Function): string[] {
  const names: string[] = [];
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(fn))) {
    if (property.enumerable === true && "value" in property) names.push(name);
  }
  return names;
}

export function withHeritage(text: string, [start, end]: readonly [number, number]): string {
  return text.slice(0, start) + heritageName + text.slice(end);
}

function nameOf(fn: Function): string {
  return fn.name === "" ? "this function" : fn.name;
}
