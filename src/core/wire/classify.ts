/**
 * What an object is, decided once per prototype.
 *
 * Structured clone goes by internal slots, which a program cannot see; here the prototype chain proposes and the built-in
 * methods, which throw on a wrong receiver, confirm when the value is written.
 *
 * @module
 */

import { isNative, nameOf } from "./intrinsics.ts";
import { judgeGlobalClass, type PlatformObjects } from "./platform.ts";
import { NATIVE_ERRORS, VIEW_NAMES } from "./tags.ts";

export type Kind =
  | "object"
  | "null-object"
  | "array"
  | "map"
  | "set"
  | "date"
  | "regexp"
  | "boxed"
  | "buffer"
  | "shared-buffer"
  | "view"
  | "error"
  | "copy"
  | "move"
  | "refuse";

export interface Plan {
  readonly kind: Kind;
  /** The user's class, to be sent by name; absent if a built-in or no class makes such objects. */
  readonly constructor_: Function | undefined;
  /** For messages. */
  readonly name: string;
  /** Why, for kind `refuse`. */
  readonly reason: string;
}

const kinds = new Map<object, Kind>();
const kindsByName = new Map<string, Kind>();
const reasons = new Map<object, string>();

function know(kind: Kind, ...names: readonly string[]): void {
  for (const name of names) {
    const constructor = (globalThis as Record<string, unknown>)[name];
    kindsByName.set(name, kind);
    if (typeof constructor === "function") kinds.set(constructor.prototype as object, kind);
  }
}

function refuse(prototype: unknown, reason: string): void {
  if (typeof prototype !== "object" || prototype === null) return;
  kinds.set(prototype, "refuse");
  reasons.set(prototype, reason);
}

function refuseGlobal(name: string, reason: string): void {
  refuse((globalThis as Record<string, { prototype?: unknown } | undefined>)[name]?.prototype, reason);
}

know("object", "Object");
know("array", "Array");
know("map", "Map");
know("set", "Set");
know("date", "Date");
know("regexp", "RegExp");
know("boxed", "Number", "String", "Boolean", "BigInt");
know("buffer", "ArrayBuffer");
know("shared-buffer", "SharedArrayBuffer");
know("view", "DataView");
kinds.set(Object.getPrototypeOf(Uint8Array.prototype) as object, "view");
{
  // Node's Buffer is a class in JavaScript; to a program it is as built-in as the others.
  const { Buffer } = globalThis as { Buffer?: { prototype: object } };
  if (Buffer !== undefined) kinds.set(Buffer.prototype, "view");
}
for (const name of VIEW_NAMES) kindsByName.set(name, "view");
know("error", ...NATIVE_ERRORS);

refuseGlobal("Promise", "await it and send its result");
refuseGlobal("WeakMap", "its entries cannot be listed; send a Map");
refuseGlobal("WeakSet", "its members cannot be listed; send a Set");
refuseGlobal("WeakRef", "send what it refers to");
refuseGlobal("FinalizationRegistry", "it watches objects of this thread");
refuseGlobal("Symbol", "a symbol is unique to its thread");
refuse(Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())), "collect it into an array and send that");
{
  const generator = Object.getPrototypeOf(function* () {}) as { prototype: object };
  refuse(generator.prototype, "collect it into an array and send that");
  const asyncGenerator = Object.getPrototypeOf(async function* () {}) as { prototype: object };
  refuse(asyncGenerator.prototype, "collect it into an array and send that, or put its items into a Queue");
}

/** The constructor that a prototype object belongs to. */
function ownConstructor(prototype: object): Function | undefined {
  const property = Object.getOwnPropertyDescriptor(prototype, "constructor");
  const constructor: unknown = property?.value;
  if (typeof constructor !== "function") return undefined;
  // A copied `constructor` (an options object, a mixin) names another class; that one would be restored wrongly.
  return Object.getOwnPropertyDescriptor(constructor, "prototype")?.value === prototype ? constructor : undefined;
}

const NATIVE_REASON = "it is part of the platform and belongs to this thread";

function decide(prototype: object | null, value: object, platform: PlatformObjects | undefined): Plan {
  if (prototype === null) return { kind: "null-object", constructor_: undefined, name: "Object", reason: "" };
  let user: Function | undefined;
  let kind: Kind = "object";
  let reason = "";
  let native = false;
  for (let p: object | null = prototype; p !== null; p = Object.getPrototypeOf(p) as object | null) {
    const known = kinds.get(p);
    if (known !== undefined) {
      kind = known;
      reason = reasons.get(p) ?? "";
      break;
    }
    const constructor = ownConstructor(p);
    if (constructor === undefined) continue;
    const verdict = judgeGlobalClass(constructor);
    if (verdict !== undefined && verdict !== "plain") {
      kind = verdict;
      break;
    }
    if (isNative(constructor)) {
      // Another realm's Map is a Map; the writer's brand check holds the impostors off.
      const foreign = kindsByName.get(nameOf(constructor));
      kind = foreign ?? "refuse";
      reason = NATIVE_REASON;
      if (kind === "refuse") {
        user ??= constructor;
        native = true;
      }
      break;
    }
    user ??= constructor;
  }
  const maker = user ?? ownConstructor(prototype);
  const name = maker === undefined ? "Object" : nameOf(maker) || "an instance of an anonymous class";
  if (native || (kind === "object" && user !== undefined)) {
    const verdict = platform?.judge(value);
    if (verdict === "plain") return { kind: "object", constructor_: undefined, name, reason };
    if (verdict !== undefined) kind = verdict;
    if (verdict === "refuse") {
      reason = "it holds resources of this thread; send what is needed to make another one there";
    }
  }
  return { kind, constructor_: user, name, reason };
}

/** Caches one plan per prototype. */
export class Classifier {
  readonly #plans = new WeakMap<object, Plan>();
  readonly #platform: PlatformObjects | undefined;

  constructor(platform: PlatformObjects | undefined) {
    this.#platform = platform;
  }

  planOf(prototype: object | null, value: object): Plan {
    if (prototype === null) return decide(null, value, undefined);
    let plan = this.#plans.get(prototype);
    if (plan === undefined) {
      plan = decide(prototype, value, this.#platform);
      this.#plans.set(prototype, plan);
    }
    return plan;
  }
}
