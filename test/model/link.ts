/**
 * Links the compiled core once more, with `#atomics` replaced by the explorer's twin and, for a mutant, one place of the
 * source changed. Nothing else differs from what runs in programs.
 */

import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { summarized } from "./summaries.ts";
import * as twin from "../../src/core/atomics.model.ts";
import type * as HeapModule from "../../src/core/heap.ts";
import type * as ParkerModule from "../../src/core/parker.ts";
import type * as BarrierModule from "../../src/core/raw/barrier.ts";
import type * as ConditionModule from "../../src/core/raw/condition.ts";
import type * as EventModule from "../../src/core/raw/event.ts";
import type * as GuardModule from "../../src/core/raw/guard.ts";
import type * as LockModule from "../../src/core/raw/lock.ts";
import type * as LookoutModule from "../../src/core/raw/lookout.ts";
import type * as MapModule from "../../src/core/raw/map.ts";
import type * as PriorityModule from "../../src/core/raw/priority.ts";
import type * as QueueModule from "../../src/core/raw/queue.ts";
import type * as RwlockModule from "../../src/core/raw/rwlock.ts";
import type * as SemaphoreModule from "../../src/core/raw/semaphore.ts";
import type * as ListModule from "../../src/core/raw/wait-list.ts";
import type * as ReferencesModule from "../../src/core/references.ts";
import type * as ReaperModule from "../../src/core/reaper.ts";
import type * as TableModule from "../../src/core/thread-table.ts";

const source: string = fileURLToPath(new URL("../../src/", import.meta.url));

/** Modules of the core that scenarios use, by the name they have in {@link Core}. */
const MODULES = {
  guard: "core/raw/guard.js",
  list: "core/raw/wait-list.js",
  lock: "core/raw/lock.js",
  semaphore: "core/raw/semaphore.js",
  condition: "core/raw/condition.js",
  event: "core/raw/event.js",
  barrier: "core/raw/barrier.js",
  queue: "core/raw/queue.js",
  lookout: "core/raw/lookout.js",
  map: "core/raw/map.js",
  priority: "core/raw/priority.js",
  rwlock: "core/raw/rwlock.js",
  heap: "core/heap.js",
  table: "core/thread-table.js",
  parker: "core/parker.js",
  reaper: "core/reaper.js",
  references: "core/references.js",
} as const;

export interface Core {
  readonly guard: typeof GuardModule;
  readonly list: typeof ListModule;
  readonly lock: typeof LockModule;
  readonly semaphore: typeof SemaphoreModule;
  readonly condition: typeof ConditionModule;
  readonly event: typeof EventModule;
  readonly barrier: typeof BarrierModule;
  readonly queue: typeof QueueModule;
  readonly lookout: typeof LookoutModule;
  readonly map: typeof MapModule;
  readonly priority: typeof PriorityModule;
  readonly rwlock: typeof RwlockModule;
  readonly heap: typeof HeapModule;
  readonly table: typeof TableModule;
  readonly parker: typeof ParkerModule;
  readonly reaper: typeof ReaperModule;
  readonly references: typeof ReferencesModule;
  /** Gives the linked modules a clock, timers and promises that the explorer controls. */
  readonly control: Control;
}

export interface Control {
  clock: () => number;
  setTimer: (then: () => void) => unknown;
  summarize: <R>(call: () => R, kept?: () => readonly number[]) => R;
  label: (...live: readonly unknown[]) => void;
}

/** One change of a source file, made in the compiled text. */
export interface Edit {
  readonly file: string;
  readonly find: string | RegExp;
  readonly replace: string;
}

/** Promises that settle at once, when their callbacks can run within the modelled thread. */
class PromiseNow<T> {
  #callbacks: ((value: T) => void)[] = [];
  #settled: { value: T } | undefined;

  constructor(run: (resolve: (value: T) => void, reject: (reason: unknown) => void) => void) {
    run(
      (value) => {
        if (this.#settled !== undefined) return;
        this.#settled = { value };
        for (const callback of this.#callbacks) callback(value);
      },
      (reason) => {
        throw reason;
      },
    );
  }

  /** The caller of the wait is told at once, as everything here happens at once. */
  static reject(reason: unknown): never {
    throw reason;
  }

  static resolve<T>(value: T): PromiseNow<T> {
    return new PromiseNow<T>((resolve) => resolve(value));
  }

  // oxlint-disable-next-line unicorn/no-thenable -- it stands in for Promise
  then(callback: (value: T) => void): void {
    if (this.#settled !== undefined) callback(this.#settled.value);
    else this.#callbacks.push(callback);
  }
}

const cache: Map<string, Promise<string>> = new Map();

function text(edits: readonly Edit[]): Promise<string> {
  const key = JSON.stringify(edits.map(({ file, find, replace }) => [file, String(find), replace]));
  let linked = cache.get(key);
  if (linked === undefined) cache.set(key, (linked = bundle(edits)));
  return linked;
}

async function bundle(edits: readonly Edit[]): Promise<string> {
  const entry = Object.entries(MODULES)
    .map(([name, file]) => `export * as ${name} from ${JSON.stringify(path.join(source, file))};`)
    .join("\n");
  const applied = new Set<Edit>();
  const result = await build({
    stdin: { contents: entry, resolveDir: source },
    bundle: true,
    write: false,
    format: "cjs",
    platform: "node",
    logLevel: "silent",
    conditions: ["heddle-model"],
    plugins: [
      {
        name: "model",
        setup(linking) {
          linking.onResolve({ filter: /^#atomics$/ }, () => ({ path: "#atomics", external: true }));
          // The program's own memory must not be made: the scenario brings its own.
          linking.onLoad({ filter: /core[/\\]program\.js$/ }, () => ({
            contents: "export const memory = undefined, parker = undefined, program = undefined;",
          }));
          linking.onLoad({ filter: /src[/\\].*\.js$/ }, async ({ path: file }) => {
            let contents = await readFile(file, "utf8");
            for (const edit of edits) {
              if (path.relative(source, file).replaceAll("\\", "/") !== edit.file) continue;
              const changed = contents.replace(edit.find, edit.replace);
              if (changed === contents) throw new Error(`nothing in ${edit.file} matches ${edit.find}`);
              contents = changed;
              applied.add(edit);
            }
            return { contents: summarized(path.relative(source, file).replaceAll("\\", "/"), contents) };
          });
        },
      },
    ],
  });
  for (const edit of edits) if (!applied.has(edit)) throw new Error(`${edit.file} is not part of the model`);
  return result.outputFiles[0]!.text;
}

/** The core, linked with the explorer's twin and with these edits. */
export async function link(edits: readonly Edit[] = []): Promise<Core> {
  const code = await text(edits);
  const control: Control = {
    clock: () => 0,
    setTimer: () => undefined,
    summarize: (call) => call(),
    label: () => undefined,
  };
  const exports: { exports: object } = { exports: {} };
  // oxlint-disable-next-line no-implied-eval -- the modules of this package, linked anew
  const load = new Function(
    "require",
    "module",
    "exports",
    "performance",
    "setTimeout",
    "clearTimeout",
    "Promise",
    "summarize",
    "label",
    code,
  );
  load(
    (name: string) => {
      if (name === "#atomics") return twin;
      throw new Error(`the portable core imports ${name}`);
    },
    exports,
    exports.exports,
    { now: () => control.clock() },
    (then: () => void) => control.setTimer(then),
    () => undefined,
    PromiseNow,
    <R>(call: () => R, kept?: () => readonly number[]) => control.summarize(call, kept),
    (...live: readonly unknown[]) => control.label(...live),
  );
  return { ...(exports.exports as Omit<Core, "control">), control };
}
