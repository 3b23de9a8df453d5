/**
 * The ways to say where a function is found, as they travel inside `ShippedFunction.reference`.
 *
 * A reference is JSON. A class made again and again from one piece of code (a class declared inside a function) also
 * carries an identity behind a `#`, so that equal classes stay equal across threads; all other references of one
 * piece of code are equal strings, which is what caches rely on.
 *
 * @module
 */

/** How a module is loaded: `import`, `require`, or not at all (`node -e`, `new Function`). */
export type ModuleFormat = "esm" | "cjs" | "none";

/** A property path from globalThis: `["JSON", "parse"]`. */
export interface GlobalReference {
  readonly k: "global";
  readonly p: readonly string[];
}

/** A property path from the exports of a module built into Node. */
export interface BuiltinReference {
  readonly k: "builtin";
  readonly m: string;
  readonly p: readonly string[];
}

/** A function registered by `task()`. */
export interface TaskReference {
  readonly k: "task";
  readonly u: string;
  readonly n: string;
}

/** A top-level name of a module, and properties from there. */
export interface NameReference {
  readonly k: "name";
  readonly u: string;
  readonly f: ModuleFormat;
  readonly p: readonly string[];
  /** Hash of the source text: tells a renamed export from the function that was meant. */
  readonly x: string;
}

/** A property path from `module.exports`. */
export interface ExportsReference {
  readonly k: "exports";
  readonly u: string;
  readonly p: readonly string[];
}

/** Source text, evaluated inside the scope of its module. */
export interface SourceReference {
  readonly k: "source";
  readonly u: string;
  readonly f: ModuleFormat;
  /** Zero-based position of the text in the module. */
  readonly l: number;
  readonly c: number;
  readonly s: string;
  /** `m`: the text is a method and stands inside an object literal. */
  readonly w: "e" | "m";
  /** The function's name, where the text does not give it. */
  readonly i: string;
  /** Names of the captured variables, in the order of the values. */
  readonly n: readonly string[];
  /** Names bound to modules built into Node. */
  readonly b?: Readonly<Record<string, string>>;
  /** Names of own properties, whose values follow the captured variables. */
  readonly o?: readonly string[];
  /** The text after `extends`, replaced by the first captured value. */
  readonly h?: readonly [start: number, end: number];
}

export type Reference =
  | GlobalReference
  | BuiltinReference
  | TaskReference
  | NameReference
  | ExportsReference
  | SourceReference;

export function parseReference(text: string): Reference {
  const end = text.endsWith("}") ? text.length : text.lastIndexOf("#");
  return JSON.parse(text.slice(0, end)) as Reference;
}

/** FNV-1a over UTF-16 units: short, and only ever compared with hashes of the same program. */
export function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(36);
}
