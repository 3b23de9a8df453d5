/** Which part of src may know which: the rules, the check of the real files, and proof that each rule bites. */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { check, type RuleName, type Rules } from "./checker.ts";

/** The tests run from dist/test/layers. */
const root = fileURLToPath(new URL("../../../", import.meta.url));

const words = (text: string): string[] => text.trim().split(/\s+/);

const atomics = ["src/core/atomics.ts", "src/core/atomics.model.ts"];

const rules: Rules = {
  layers: [
    ["errors"],
    ["boot"],
    ["core"],
    ["callable", "context", "host"],
    ["contextvars", "local"],
    ["threading"],
    ["queue", "shared"],
    ["futures", "asyncio"],
    ["multiprocessing"],
    ["executors"],
    ["managers"],
    ["cluster", "web", "monitor", "testing", "progress"],
    ["entry", "index"],
    ["whole"],
    ["cli"],
  ],
  portable: words("errors core contextvars local threading queue shared futures asyncio executors"),
  node: words("src/boot/ src/host/node/ src/callable/node/ src/context/node/ src/multiprocessing/ src/web/ src/cli/"),
  universal: new Set(
    words(`
      globalThis undefined NaN Infinity arguments Object Function Array Number Boolean String Symbol BigInt Date RegExp
      Promise Proxy Reflect Map Set WeakMap WeakSet WeakRef FinalizationRegistry JSON Math Intl
      Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError
      ArrayBuffer SharedArrayBuffer DataView Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array
      Uint32Array BigInt64Array BigUint64Array Float32Array Float64Array
      isNaN isFinite parseInt parseFloat encodeURIComponent decodeURIComponent encodeURI decodeURI
      AbortController AbortSignal DOMException URL TextEncoder TextDecoder performance structuredClone
      setTimeout clearTimeout queueMicrotask
    `),
  ),
  platformTypes: new Set(
    words(`
      NodeJS Buffer MessagePort MessageChannel BroadcastChannel Worker SharedWorker Window Document Navigator Storage
      HTMLElement MessageEvent Blob File Request Response
    `),
  ),
  globalOwners: { Atomics: atomics },
  aliases: importAliases(),
  guarded: [
    // memory.ts wraps them in the methods that parker.ts calls.
    {
      alias: "#atomics",
      names: ["wait", "waitAsync", "notify"],
      files: ["src/core/memory.ts", "src/core/parker.ts", "src/core/raw/guard.ts"],
    },
  ],
  packages: {
    "cli-progress": "src/progress/",
    koffi: "src/multiprocessing/",
    bullmq: "src/cluster/",
    redis: "src/cluster/",
    ioredis: "src/cluster/",
    hono: "src/web/",
    "@hono/node-server": "src/web/",
    uplot: "src/monitor/",
    preact: "src/monitor/",
    htm: "src/monitor/",
  },
};

/** package.json says what `#host` is, in terms of what is built. */
function importAliases(): Record<string, string[]> {
  const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")) as {
    imports: Record<string, Record<string, string>>;
  };
  const sourceOf = (target: string): string => target.replace(/^\.\/dist\//, "").replace(/\.js$/, ".ts");
  return Object.fromEntries(
    Object.entries(manifest.imports).map(([alias, targets]) => [
      alias,
      [...new Set(Object.values(targets).map(sourceOf))],
    ]),
  );
}

function readFiles(): Map<string, string> {
  const names = fs
    .readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.[cm]?tsx?$/.test(name))
    .sort();
  return new Map(
    names.map((name) => [
      `src/${name.split(path.sep).join("/")}`,
      fs.readFileSync(path.join(root, "src", name), "utf8"),
    ]),
  );
}

test("every import of src keeps the layers", () => {
  const files = readFiles();
  assert.ok(files.has("src/errors.ts"), "the files of src were read");
  const violations = check(files, rules).map(({ rule, at, message }) => `${at}  ${rule}: ${message}`);
  assert.deepEqual(violations, []);
});

/** What stands in the way of nothing: the planted files below import these. */
const bystanders: Record<string, string> = {
  "src/errors.ts": "export class HeddleError extends Error {}",
  "src/core/atomics.ts": "export const load = (w: Int32Array, i: number): number => Atomics.load(w, i);",
  "src/core/parker.ts": 'import { wait, notify } from "#atomics"; export const park = [wait, notify];',
  "src/host/node/index.ts": 'import os from "node:os"; export const host = os.platform();',
  "src/threading/lock.ts": "export class Lock {}",
  "src/queue/queue.ts": 'import { Lock } from "../threading/lock.ts"; export class Queue extends Lock {}',
};

const planted: readonly { rule: RuleName; why: string; files: Record<string, string> }[] = [
  {
    rule: "layer",
    why: "static import upwards",
    files: { "src/core/a.ts": 'import { Lock } from "../threading/lock.ts"; export const x = Lock;' },
  },
  {
    rule: "layer",
    why: "import type upwards",
    files: { "src/threading/a.ts": 'import type { Queue } from "../queue/queue.ts"; export type X = Queue;' },
  },
  {
    rule: "layer",
    why: "inline type import upwards",
    files: { "src/threading/a.ts": 'export type X = import("../queue/queue.ts").Queue;' },
  },
  {
    rule: "layer",
    why: "lazy import upwards",
    files: { "src/threading/a.ts": 'export const x = () => import("../queue/queue.ts");' },
  },
  {
    rule: "layer",
    why: "re-export upwards",
    files: { "src/threading/a.ts": 'export { Queue } from "../queue/queue.ts";' },
  },
  {
    rule: "layer",
    why: "core reaching its host through an alias",
    files: { "src/core/a.ts": 'import { host } from "#host"; export const x = host;' },
  },
  {
    rule: "layer",
    why: "peers that import each other",
    files: {
      "src/futures/a.ts": 'import { b } from "../asyncio/b.ts"; export const x = b;',
      "src/futures/c.ts": "export const c = 1;",
      "src/asyncio/b.ts": "export const b = 1;",
      "src/asyncio/d.ts": 'import { c } from "../futures/c.ts"; export const d = c;',
    },
  },
  {
    rule: "cycle",
    why: "two files",
    files: {
      "src/core/a.ts": 'import { b } from "./b.ts"; export const a = () => b;',
      "src/core/b.ts": 'import { a } from "./a.ts"; export const b = () => a;',
    },
  },
  {
    rule: "cycle",
    why: "three files, one by re-export",
    files: {
      "src/core/a.ts": 'import { b } from "./b.ts"; export const a = b;',
      "src/core/b.ts": 'import { type C, c } from "./c.ts"; export const b: C = c;',
      "src/core/c.ts": 'export * from "./a.ts"; export type C = number; export const c = 1;',
    },
  },
  { rule: "cycle", why: "a file that imports itself", files: { "src/core/a.ts": 'export * from "./a.ts";' } },
  { rule: "unknown-module", why: "a new folder", files: { "src/utils/a.ts": "export const a = 1;" } },
  { rule: "unresolved", why: "no such file", files: { "src/core/a.ts": 'export * from "./nowhere.ts";' } },
  {
    rule: "extension",
    why: ".js",
    files: { "src/queue/a.ts": 'import { Queue } from "./queue.js"; export const x = Queue;' },
  },
  {
    rule: "extension",
    why: "none, lazily",
    files: { "src/queue/a.ts": 'export const x = () => import("./queue");' },
  },
  { rule: "default-export", why: "an expression", files: { "src/core/a.ts": "export default 1;" } },
  { rule: "default-export", why: "by renaming", files: { "src/core/a.ts": "const a = 1; export { a as default };" } },
  {
    rule: "default-export",
    why: "from elsewhere",
    files: { "src/core/a.ts": 'export { HeddleError as default } from "../errors.ts";' },
  },
  { rule: "node-import", why: "static", files: { "src/core/a.ts": 'import fs from "node:fs"; export const x = fs;' } },
  {
    rule: "node-import",
    why: "type only",
    files: { "src/queue/a.ts": 'import type { Worker } from "node:worker_threads"; export type X = Worker;' },
  },
  {
    rule: "node-import",
    why: "outside the node folder of its module",
    files: { "src/host/a.ts": 'import os from "node:os"; export const x = os;' },
  },
  {
    rule: "platform-folder",
    why: "the host without its alias",
    files: { "src/threading/a.ts": 'import { host } from "../host/node/index.ts"; export const x = host;' },
  },
  { rule: "host-global", why: "process", files: { "src/core/a.ts": "export const x = process.pid;" } },
  {
    rule: "host-global",
    why: "document",
    files: { "src/queue/a.ts": 'export const x = document.querySelector("a");' },
  },
  { rule: "host-global", why: "by typeof", files: { "src/core/a.ts": 'export const x = typeof window === "object";' } },
  { rule: "host-global", why: "on globalThis", files: { "src/core/a.ts": "export const x = globalThis.navigator;" } },
  {
    rule: "host-global",
    why: "on globalThis, quoted",
    files: { "src/core/a.ts": 'export const x = globalThis["navigator"];' },
  },
  { rule: "host-global", why: "console", files: { "src/futures/a.ts": 'console.log("x");' } },
  { rule: "host-global", why: "require", files: { "src/futures/a.ts": 'export const x = require("fs");' } },
  {
    rule: "host-global",
    why: "declared, not defined",
    files: { "src/core/a.ts": "declare const process: { pid: number }; export const x = process.pid;" },
  },
  { rule: "host-global", why: "as a type", files: { "src/core/a.ts": "export let x: NodeJS.Timeout | undefined;" } },
  { rule: "host-global", why: "shorthand", files: { "src/core/a.ts": "export const x = { process };" } },
  {
    rule: "global-owner",
    why: "Atomics",
    files: { "src/queue/a.ts": "export const x = (w: Int32Array) => Atomics.load(w, 0);" },
  },
  {
    rule: "global-owner",
    why: "Atomics in the host",
    files: { "src/host/node/a.ts": "export const { load } = Atomics;" },
  },
  {
    rule: "global-owner",
    why: "Atomics on globalThis",
    files: { "src/host/a.ts": "export const x = globalThis.Atomics;" },
  },
  {
    rule: "alias-bypassed",
    why: "atomics by path",
    files: { "src/core/a.ts": 'import { load } from "./atomics.ts"; export const x = load;' },
  },
  {
    rule: "guarded-name",
    why: "wait, renamed",
    files: { "src/core/raw/a.ts": 'import { wait as w } from "#atomics"; export const x = w;' },
  },
  {
    rule: "guarded-name",
    why: "the whole of #atomics",
    files: { "src/core/raw/a.ts": 'import * as all from "#atomics"; export const x = all;' },
  },
  {
    rule: "guarded-name",
    why: "re-exported",
    files: { "src/core/raw/a.ts": 'export { notify } from "#atomics";' },
  },
  {
    rule: "package",
    why: "outside its folder",
    files: { "src/queue/a.ts": 'export const x = () => import("bullmq");' },
  },
  {
    rule: "package",
    why: "eagerly",
    files: { "src/web/a.ts": 'import { Hono } from "hono/tiny"; export const x = Hono;' },
  },
  { rule: "package", why: "not in the table", files: { "src/web/a.ts": 'export const x = () => import("left-pad");' } },
  {
    rule: "computed-import",
    why: "outside the host",
    files: { "src/core/a.ts": "export const x = (url: string) => import(url);" },
  },
];

for (const { rule, why, files } of planted) {
  test(`a planted violation is found: ${rule} (${why})`, () => {
    const found = check(new Map(Object.entries({ ...bystanders, ...files })), rules);
    assert.ok(found.length > 0, "nothing found");
    // Nothing else may be wrong with the planted file, or it would prove nothing.
    assert.deepEqual([...new Set(found.map((violation) => violation.rule))], [rule]);
    for (const { at } of found) assert.ok(Object.hasOwn(files, at.replace(/:\d+$/, "")), at);
  });
}

test("what the rules allow is not reported", () => {
  const innocent = {
    "src/core/a.ts": `
      import { load, type Words } from "#atomics";
      import type { HeddleError } from "../errors.ts";
      import process from "./b.ts";
      import { name as document } from "./b.ts";
      export interface Window { readonly process: number; navigator?: string }
      export function f<Worker>({ a: window = 1, ...console }: Record<string, number>, [require]: Worker[]): unknown {
        process: for (const self of [1]) { if (self) continue process; }
        try { return { window, document, console, require, Buffer: 1, load }; } catch (location) { return location; }
      }
      export class C { #window = 1; window = this.#window; get document(): number { return globalThis.Math.PI; } }
      export type X = (Buffer: Words) => HeddleError;
      export { document as navigator };
      const timer = setTimeout(() => new AbortController().abort(), 1);
      export const y = [process, timer];
    `,
    "src/core/b.ts": "export const name = 1;",
    "src/threading/a.ts": 'import { host } from "#host"; export const x = host;',
    "src/asyncio/a.ts": 'import { F } from "../futures/a.ts"; export const x = F;',
    "src/futures/a.ts": "export class F {}",
    "src/host/node/a.ts": "export const x = (url: string) => import(url); process.on('exit', () => Buffer.alloc(1));",
    "src/web/a.ts":
      'import type { Hono } from "hono"; export const x = (): Promise<unknown> => import("hono"); export type Y = Hono;',
    "src/core/part.ts": 'import type { Whole } from "./whole.ts"; export const part = (whole: Whole) => whole;',
    "src/core/whole.ts": 'import { part } from "./part.ts"; export class Whole { part = part(this); }',
    "src/core/lazy.ts": 'export const x = () => import("./lazy-too.ts");',
    "src/core/lazy-too.ts": 'import { x } from "./lazy.ts"; export const y = x;',
  };
  assert.deepEqual(check(new Map(Object.entries({ ...bystanders, ...innocent })), rules), []);
});
