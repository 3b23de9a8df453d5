/** Runs programs of this folder as processes of their own. @module */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const running: Set<ChildProcess> = new Set();
after(() => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts `programs/NAME.js ARGS`. */
export function start(name: string, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [fileURLToPath(new URL(`./programs/${name}.js`, import.meta.url)), ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  running.add(child);
  child.on("close", () => running.delete(child));
  return child;
}

/** Runs it to its end. One that does not end within `limit` ms is killed, and `signal` says so. */
export function run(name: string, args: readonly string[] = [], limit = 40_000): Promise<Ended> {
  const child = start(name, ...args);
  const timer = setTimeout(() => child.kill("SIGKILL"), limit);
  let [stdout, stderr] = ["", ""];
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

interface Expected {
  readonly code?: number;
  readonly stdout?: string | RegExp;
  readonly stderr?: string | RegExp;
}

/** Runs it, and asserts that it ended by itself with that code, having written exactly that. */
export async function expect(name: string, args: readonly string[], expected: Expected): Promise<void> {
  await outputOf(name, args, expected);
}

/** As {@link expect}, for those who want to look closer. */
export async function outputOf(name: string, args: readonly string[], expected: Expected): Promise<Ended> {
  const ended = await run(name, args);
  const all = `${name} ${args.join(" ")}: ${JSON.stringify(ended, undefined, 1)}`;
  assert.deepEqual([ended.code, ended.signal], [expected.code ?? 0, null], all);
  const { stdout = /(?:)/, stderr = "" } = expected;
  if (typeof stdout === "string") assert.equal(ended.stdout, stdout, all);
  else assert.match(ended.stdout, stdout, all);
  if (typeof stderr === "string") assert.equal(ended.stderr, stderr, all);
  else assert.match(ended.stderr, stderr, all);
  return ended;
}
