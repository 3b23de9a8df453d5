/**
 * Which objects Node clones or moves by itself, and which stand for something of one thread only: sockets, streams,
 * emitters, timers. Most of those are ordinary classes in JavaScript and could be sent by name and fields; what arrived
 * would be an empty shell.
 *
 * @module
 */

import { EventEmitter } from "node:events";
import type { PlatformObjects, PlatformVerdict } from "../../core/wire/platform.ts";

// Not imported: for an import, Node loads everything such a module could export.
const { statSync } = process.getBuiltinModule("node:fs");
const { builtinModules } = process.getBuiltinModule("node:module");
const { types } = process.getBuiltinModule("node:util");

/** Global names before the program added its own. Only names: reading a global may load what stands behind it. */
const globalNames: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(globalThis));

/** Asking these for a property prints a deprecation warning. */
const NOISY: ReadonlySet<string> = new Set(["punycode", "sys", "domain"]);
const publicModules: ReadonlySet<string> = new Set(
  builtinModules.filter((name) => !name.startsWith("_") && !NOISY.has(name)),
);

const COPIED: ReadonlySet<string> = new Set(["BlockList", "SocketAddress", "X509Certificate"]);

/** The built-in modules that are loaded: a class can only come from one of those. */
function loadedModules(): string[] {
  const loaded = (process as { moduleLoadList?: readonly string[] }).moduleLoadList ?? [];
  const names: string[] = [];
  for (const entry of loaded) {
    const name = entry.startsWith("NativeModule ") ? entry.slice(13) : "";
    if (publicModules.has(name)) names.push(name);
  }
  return names;
}

function isNodeClass(constructor: Function): boolean {
  const { name } = constructor;
  if (name === "") return false;
  if (globalNames.has(name) && (globalThis as Record<string, unknown>)[name] === constructor) return true;
  for (const module of loadedModules()) {
    const exported = process.getBuiltinModule(module) as Record<string, unknown>;
    if (exported === (constructor as unknown) || (Object.hasOwn(exported, name) && exported[name] === constructor)) {
      return true;
    }
  }
  return false;
}

/** Results of `stat` are data, but newer versions of Node do not export the class they are made of. */
function isStats(prototype: object, constructor: Function): boolean {
  if (constructor.name !== "Stats" && constructor.name !== "BigIntStats") return false;
  const bigint = constructor.name === "BigIntStats";
  return prototype === Object.getPrototypeOf(statSync(process.execPath, { bigint }));
}

/** Judges by prototype; the classifier remembers the answer. */
export const nodePlatform: PlatformObjects = {
  judge(value: object): PlatformVerdict | undefined {
    if (types.isKeyObject(value)) return "copy";
    if (types.isExternal(value)) return "refuse";
    const first: unknown = Object.getPrototypeOf(value);
    for (let p = first; typeof p === "object" && p !== null; p = Object.getPrototypeOf(p) as unknown) {
      if (p === Object.prototype) return undefined;
      const constructor: unknown = Object.getOwnPropertyDescriptor(p, "constructor")?.value;
      if (typeof constructor === "function" && isStats(p, constructor)) return "plain";
      if (typeof constructor !== "function" || !isNodeClass(constructor)) continue;
      if (COPIED.has(constructor.name)) return "copy";
      // A program's own emitter is data with listeners, and says itself what cannot travel.
      if (p === EventEmitter.prototype && p !== first) return undefined;
      return "refuse";
    }
    return undefined;
  },
};
