/**
 * The modules of this thread: loading them, and the ways into their scopes.
 *
 * @module
 */

import { RuntimeError } from "../../errors.ts";
import { whileImporting } from "../importing.ts";
import type { ModuleFormat } from "../reference.ts";
import { inspect, type Scope } from "./inspect.ts";
import { isMain } from "./is-main.ts";
import { NameIndex } from "./names.ts";
import { declaresAtTopLevel, isIdentifier, require } from "./source.ts";

// Not imported: for an import, Node loads everything such a module could export.
const { readFileSync } = process.getBuiltinModule("node:fs");
const { fileURLToPath } = process.getBuiltinModule("node:url");

/** Evaluates text in the scope of a module; put there by the loader hooks (hooks.ts). */
export type Evaluator = (text: string) => unknown;

/** In a thread with hooks: the evaluator of every module it has evaluated, by URL. */
const scopesKey: unique symbol = Symbol.for("heddle.scopes") as never;

export function evaluatorOf(url: string): Evaluator | undefined {
  return (globalThis as { [scopesKey]?: Map<string, Evaluator> })[scopesKey]?.get(url);
}

/** A script that another thread can load: not `node -e`, the REPL, `new Function` or a `data:` URL. */
export function isImportable(url: string): boolean {
  return /^(?:file|https?):/.test(url) && !/\/\[(?:eval|worker eval|stdin)\d*\]$/.test(url);
}

export function pathOf(url: string): string {
  return fileURLToPath(url.replace(/[?#].*$/, ""));
}

/** The scopes of a function, divided into those inside its module's top level and the top level itself. */
export interface Division {
  readonly format: ModuleFormat;
  readonly local: readonly Scope[];
  readonly top: Scope | undefined;
}

const wrapperNames = new Set(["exports", "require", "module", "__filename", "__dirname"]);

export function divide(url: string, scopes: readonly Scope[]): Division {
  if (!isImportable(url)) return { format: "none", local: scopes, top: undefined };
  const module = scopes.findIndex((scope) => scope.description === "Module");
  if (module >= 0) return { format: "esm", local: scopes.slice(0, module), top: scopes[module] };
  if (!url.startsWith("file:")) return { format: "none", local: scopes, top: undefined };
  // A function of an ES module that was rebuilt in a thread without hooks: it captured what it needs of its module.
  if (records.get(url)?.format === "esm") return { format: "esm", local: scopes, top: undefined };
  // A CommonJS module's top level is a function without a name around all others, present only if something of it
  // is captured.
  const inner = scopes.filter((scope) => scope.description !== "Script");
  const outermost = inner.at(-1);
  if (outermost?.description === "Closure" && isWrapper(url, outermost)) {
    return { format: "cjs", local: inner.slice(0, -1), top: outermost };
  }
  return { format: "cjs", local: inner, top: undefined };
}

function isWrapper(url: string, scope: Scope): boolean {
  const names = Object.getOwnPropertyNames(scope.variables).filter(isIdentifier);
  const name = names[0];
  if (name === undefined) return true;
  if (names.some((name) => wrapperNames.has(name))) return true;
  try {
    return declaresAtTopLevel(readFileSync(pathOf(url), "utf8"), name) ?? true;
  } catch {
    return true;
  }
}

/** What this thread knows about one module. */
export class ModuleRecord {
  readonly url: string;
  readonly format: ModuleFormat;
  namespace: object | undefined;
  loading: Promise<void> | undefined;
  #index: NameIndex | undefined;
  /**
   * A function through which V8 shows the module's scope. Held for good only if it keeps nothing else alive; else the
   * last one seen, while it lives.
   */
  #anchor: Function | WeakRef<Function> | undefined;

  constructor(url: string, format: ModuleFormat) {
    this.url = url;
    this.format = format;
  }

  get loaded(): boolean {
    return this.format === "cjs" ? this.exports !== undefined : this.namespace !== undefined;
  }

  /** `module.exports`, if the module was loaded through `require` or an import that went the same way. */
  get exports(): { readonly value: unknown } | undefined {
    const found = require.cache[pathOf(this.url)];
    return found === undefined ? undefined : { value: found.exports as unknown };
  }

  anchor(fn: Function, division: Division): void {
    if (typeof this.#anchor === "function") return;
    if (division.top === undefined) return;
    this.#anchor =
      division.local.length === 0 ? fn : (topLevelFunction(this.url, division.top.variables) ?? new WeakRef(fn));
  }

  /** The top-level variables that V8 keeps for the functions of the module. */
  topLevel(): object | undefined {
    const fn = typeof this.#anchor === "function" ? this.#anchor : this.#anchor?.deref();
    if (fn === undefined) return undefined;
    return divide(this.url, inspect().look(fn).scopes).top?.variables;
  }

  /** The path of a value from the module's top level. */
  nameOf(value: object, topLevel: object | undefined): readonly string[] | undefined {
    const known = this.#index?.find(value);
    if (known !== undefined || topLevel === undefined) return known;
    this.#index = new NameIndex(topLevel, 4, isIdentifier);
    return this.#index.find(value);
  }

  /** Loads the module into this thread. `undefined`: nothing to wait for. */
  load(): Promise<void> | undefined {
    if (this.format === "none" || this.loaded) return undefined;
    if (this.format === "cjs") {
      return whileImportingSync(() => this.#require());
    }
    // The program's entry module may wait, at its top level, for what is being decoded.
    if (isMain(this)) return undefined;
    return (this.loading ??= whileImporting(async () => {
      try {
        this.namespace = (await import(this.url)) as object;
      } catch (error) {
        throw importError(this.url, error);
      } finally {
        this.loading = undefined;
      }
    }));
  }

  /** Loads the module without waiting, where the platform can. */
  loadSync(): void {
    if (this.format === "none" || this.loaded) return;
    if (this.format === "cjs") return this.#require();
    try {
      this.namespace = require(pathOf(this.url)) as object;
    } catch (error) {
      throw importError(this.url, error);
    }
  }

  #require(): void {
    try {
      const exports = require(pathOf(this.url)) as unknown;
      // An ES module in disguise (a package whose type is unknown until parsed) has a namespace instead.
      if (this.exports === undefined) this.namespace = exports as object;
    } catch (error) {
      throw importError(this.url, error);
    }
  }
}

/** A function that the module itself keeps alive. */
function topLevelFunction(url: string, top: object): Function | undefined {
  for (const name of Object.getOwnPropertyNames(top)) {
    let value: unknown;
    try {
      value = (top as Record<string, unknown>)[name];
    } catch {
      continue;
    }
    if (typeof value !== "function") continue;
    const { scriptId, scopes } = inspect().look(value);
    if (scriptId === "" || inspect().urlOf(scriptId) !== url) continue;
    const { top: there, local } = divide(url, scopes);
    if (there !== undefined && local.length === 0) return value;
  }
  return undefined;
}

function whileImportingSync(load: () => void): Promise<void> | undefined {
  let failure: { error: unknown } | undefined;
  void whileImporting(async () => {
    try {
      load();
    } catch (error) {
      failure = { error };
    }
  });
  return failure === undefined ? undefined : Promise.reject((failure as { error: unknown }).error);
}

function importError(url: string, cause: unknown): RuntimeError {
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return new RuntimeError(`the module ${url} could not be imported in this thread: ${reason}`, { cause });
}

const records = new Map<string, ModuleRecord>();

export function moduleRecord(url: string, format: ModuleFormat): ModuleRecord {
  let record = records.get(url);
  if (record === undefined) records.set(url, (record = new ModuleRecord(url, format)));
  return record;
}
