/**
 * Finding a function by identity: which path of property names leads to it.
 *
 * @module
 */

import { require } from "./source.ts";

// Not imported: for an import, Node loads everything such a module could export.
const { builtinModules } = process.getBuiltinModule("node:module");
const { types } = process.getBuiltinModule("node:util");

/** Properties looked at per search: a module may hold a large tree of data. */
const budget = 20_000;

/** Paths to every function reachable through data properties; getters and Proxies are left alone. */
export class NameIndex {
  readonly #paths = new WeakMap<object, readonly string[]>();

  /** @param isName which names of the root may start a path */
  constructor(root: object, depth: number, isName: (name: string) => boolean = () => true) {
    const seen = new Set<object>([root]);
    let level: [object, readonly string[]][] = [[root, []]];
    let left = budget;
    if (typeof root === "function") this.#paths.set(root, []);
    // Breadth first, so that the shortest path wins.
    for (let d = 0; d < depth; d++) {
      const next: typeof level = [];
      for (const [holder, path] of level) {
        for (const name of Object.getOwnPropertyNames(holder)) {
          if (left-- <= 0) return;
          if (d === 0 && !isName(name)) continue;
          const value = dataValue(holder, name);
          if ((typeof value !== "object" || value === null) && typeof value !== "function") continue;
          if (seen.has(value)) continue;
          seen.add(value);
          const there = [...path, name];
          if (typeof value === "function") this.#paths.set(value, there);
          if (searchable(value)) next.push([value, there]);
        }
      }
      level = next;
    }
  }

  find(value: object): readonly string[] | undefined {
    return this.#paths.get(value);
  }
}

function dataValue(holder: object, name: string): unknown {
  // The bindings of a module namespace that is still being evaluated throw.
  try {
    return Object.getOwnPropertyDescriptor(holder, name)?.value;
  } catch {
    return undefined;
  }
}

function searchable(value: object): boolean {
  return !types.isProxy(value) && !ArrayBuffer.isView(value) && !types.isExternal(value);
}

/** Follows a path; `undefined` where it ends too early. */
export function follow(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (const name of path) {
    if ((typeof value !== "object" || value === null) && typeof value !== "function") return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

let globals: NameIndex | undefined;

/** The path from globalThis to a function of the language or the platform. */
export function globalPath(value: object): readonly string[] | undefined {
  globals ??= new NameIndex(globalThis, 3, (name) => name !== "globalThis" && name !== "global");
  const path = globals.find(value);
  if (path !== undefined || typeof value !== "function") return path;
  // Some globals of Node are getters until they are first used; only one of the function's own name is asked.
  return (globalThis as Record<string, unknown>)[value.name] === value ? [value.name] : undefined;
}

/** Loading these has side effects (warnings, start-up cost) or makes no sense in another thread. */
const unsearched = /^(?:_|sys$|punycode$|wasi$|sqlite$|trace_events$|test|inspector|repl$|cluster$|domain$|v8\/)/;

const builtins = new Map<string, NameIndex>();

function builtinIndex(name: string): NameIndex {
  let index = builtins.get(name);
  if (index === undefined) builtins.set(name, (index = new NameIndex(require(name) as object, 3)));
  return index;
}

let searched: readonly string[] | undefined;

function searchedModules(): readonly string[] {
  searched ??= builtinModules.map((name) => name.replace(/^node:/, "")).filter((name) => !unsearched.test(name));
  return searched;
}

/** The built-in module and the path from its exports that lead to a function. */
export function builtinPath(value: object, scriptUrl: string): { module: string; path: readonly string[] } | undefined {
  const own = scriptUrl.replace(/^node:/, "");
  const names = searchedModules();
  for (const name of names.includes(own) ? [own, ...names] : names) {
    const path = builtinIndex(`node:${name}`).find(value);
    if (path !== undefined) return { module: `node:${name}`, path };
  }
  return undefined;
}

/** The built-in module whose exports (or namespace) a value is. */
export function builtinModuleOf(value: object): string | undefined {
  const exports = types.isModuleNamespaceObject(value) ? (value as { default?: unknown }).default : value;
  const name = searchedModules().find((name) => require(`node:${name}`) === exports);
  return name && `node:${name}`;
}
