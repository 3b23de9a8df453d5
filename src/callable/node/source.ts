/**
 * What the source text of a function says about where it can be evaluated again.
 *
 * There is no parser here: V8's own is asked, by compiling the text (never running it) in different surroundings and
 * seeing which of them it accepts.
 *
 * @module
 */

import { NotSendableError } from "../../errors.ts";
import { inspect } from "./inspect.ts";

// Not imported: for an import, Node loads everything such a module could export.
const { createRequire } = process.getBuiltinModule("node:module");

/** A function's text, and how it can stand on its own. */
export interface SourceForm {
  readonly text: string;
  /** `e`: an expression. `m`: a method, which must stand inside an object literal. */
  readonly wrap: "e" | "m";
  readonly kind: "arrow" | "class" | "function" | "method";
  /** The expression after `extends`, for classes that are evaluated away from where they were defined. */
  readonly heritage: readonly [start: number, end: number] | undefined;
}

/** The variable that stands in for the expression after `extends`. */
export const heritageName = "$heddle_extends";

const word = String.raw`[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*`;
const identifier = new RegExp(`^${word}$`, "u");
const methodHead = new RegExp(
  String.raw`^(?:(?:async|get|set)\b(?!\s*\())?\s*\*?\s*(?:#?${word}|"[^"]*"|'[^']*'|[\d.]+\w*)`,
  "u",
);
const computedHead = /^((?:async|get|set)\b\s*)?(\*\s*)?\[/;

interface Vm {
  readonly Script: new (text: string) => unknown;
}
let script: Vm["Script"] | undefined;

/** Whether V8 accepts a text as a program. Nothing of it runs. */
function compiles(text: string): boolean {
  script ??= process.getBuiltinModule("node:vm").Script as Vm["Script"];
  try {
    void new script(text);
    return true;
  } catch {
    return false;
  }
}

export function isIdentifier(name: string): boolean {
  return identifier.test(name);
}

/** Whether `text` can be evaluated by itself, and how. Throws `NotSendableError` with the reason if not. */
export function analyse(source: string): SourceForm {
  for (const head of ['"use strict";', ""]) {
    if (compiles(`${head}(${source})`)) {
      const kind = /^class\b/.test(source) ? "class" : /^(?:async\s+)?function\b/.test(source) ? "function" : "arrow";
      return { text: source, wrap: "e", kind, heritage: kind === "class" ? findHeritage(source) : undefined };
    }
    const method = withoutComputedName(source);
    if (compiles(`${head}({${method}})`)) {
      // A method compiles with `super` in it, but in another object that would mean something else.
      if (/\bsuper\b/.test(method) && !compiles(`${head}({m:function${method.replace(methodHead, "")}})`)) break;
      return { text: method, wrap: "m", kind: "method", heritage: undefined };
    }
  }
  throw new NotSendableError(whyNot(source));
}

function whyNot(source: string): string {
  if (/^[^{]*#/.test(source) || (/#[\p{ID_Start}_$]/u.test(source) && !/\bsuper\b/.test(source))) {
    return "it uses private #names of the class around it, which exist only there; send a static method or a function of the module instead";
  }
  if (/\bsuper\b/.test(source)) {
    return "it uses `super`, which has a meaning only in the object or class around it; send a function that takes what it needs as arguments";
  }
  if (/\bnew\s*\.\s*target\b/.test(source)) {
    return "it uses the new.target of the function around it; copy it into a variable first";
  }
  return "its source text cannot be evaluated by itself; move it to the top level of a module and export it";
}

/** `[expression](…) {…}` evaluates the expression again; the name it gave is known, so any name will do. */
function withoutComputedName(source: string): string {
  const head = computedHead.exec(source);
  if (head === null)
    return source.replace(/^(?:(async)\b\s*)?(\*\s*)?#/, (_, async = "", star = "") => `${async} ${star}`);
  for (let end = source.indexOf("]", head[0].length); end >= 0; end = source.indexOf("]", end + 1)) {
    const text = `${head[1] ?? ""}${head[2] ?? ""}computed${source.slice(end + 1)}`;
    if (compiles(`({${text}})`)) return text;
  }
  return source;
}

/** The place of the expression after `extends`: the first cut that leaves an expression on one side and a body on the other. */
function findHeritage(source: string): readonly [number, number] | undefined {
  const head = /^class\b[^{]*?\bextends\b\s*/.exec(source);
  if (head === null) return undefined;
  const start = head[0].length;
  for (let end = source.indexOf("{", start); end >= 0; end = source.indexOf("{", end + 1)) {
    const expression = source.slice(start, end).trimEnd();
    if (
      compiles(`"use strict";(class extends (${expression}\n) {})`) &&
      compiles(`(class extends Object ${source.slice(end)})`)
    ) {
      return expression === "null" ? undefined : [start, start + expression.length];
    }
  }
  return undefined;
}

/** What an arrow function takes from the function around it besides variables. */
export function borrows(form: SourceForm): "this" | "arguments" | undefined {
  if (form.kind !== "arrow") return undefined;
  // `new.target` is an error exactly where `this` would be the outer one, and allowed where a function, a method or
  // a class gives `this` a new meaning; `arguments` is an error in a class field unless a function is around it.
  const own = form.text.replace(/(?<![.\w$])this\b(?!\s*:)/g, "new.target");
  if (own !== form.text && !compiles(`(${own})`)) return "this";
  if (/\barguments\b/.test(form.text) && !compiles(`(class { x = (${form.text}) })`)) return "arguments";
  return undefined;
}

/** Which of the candidates the text refers to, by V8's own scope analysis. */
export function usedNames(form: SourceForm, candidates: readonly string[]): string[] {
  const names = candidates.filter(
    (name) =>
      new RegExp(String.raw`(?<![\w$])${name.replaceAll("$", String.raw`\$`)}(?![\w$])`).test(form.text) ||
      form.text.includes("\\u"),
  );
  if (names.length === 0) return [];
  const body = form.wrap === "e" ? `(${form.text})` : `({${form.text}})`;
  for (const strict of ['"use strict";', ""]) {
    let probe: Function;
    try {
      probe = new Function(...names, `${strict}return () => ${body}`)() as Function;
    } catch {
      continue;
    }
    // Only what the inner functions use becomes part of the closure.
    const closure = inspect().look(probe).scopes[0];
    return closure === undefined ? [] : names.filter((name) => Object.hasOwn(closure.variables, name));
  }
  return names;
}

/** Where V8's position of a function lies inside its text. */
function offsetOfPosition(form: SourceForm): number {
  switch (form.kind) {
    case "arrow":
      return 0;
    case "class": {
      const constructor = /\bconstructor\s*\(/.exec(form.text);
      return constructor === null ? 0 : constructor.index + constructor[0].length - 1;
    }
    default:
      return Math.max(0, form.text.indexOf("("));
  }
}

/** The position of the text's first character, from the position V8 gives for the function. */
export function startOf(form: SourceForm, line: number, column: number): { line: number; column: number } {
  const before = form.text.slice(0, offsetOfPosition(form));
  const lines = before.split("\n").length - 1;
  return { line: line - lines, column: lines === 0 ? Math.max(0, column - before.length) : 0 };
}

/**
 * Whether a CommonJS file declares a name at its top level (or has it from its wrapper): V8 refuses to declare it
 * again. `undefined` if the file is not JavaScript as it stands on the disk.
 */
export function declaresAtTopLevel(text: string, name: string): boolean | undefined {
  const { compileFunction } = process.getBuiltinModule("node:vm");
  const parameters = ["exports", "require", "module", "__filename", "__dirname"];
  const source = text.replace(/^#!.*/, "");
  try {
    compileFunction(source, parameters);
  } catch {
    return undefined;
  }
  try {
    compileFunction(`${source}\n;let ${name};`, parameters);
    return false;
  } catch {
    return true;
  }
}

/** Loads built-in and CommonJS modules, and knows which are loaded. */
export const require: NodeJS.Require = createRequire(import.meta.url);
