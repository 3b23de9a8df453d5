/**
 * Runs compiled tests under any Node binary, and ends test files that never end.
 *
 * A test that uses nothing but the public names runs against what ships (dist/lib). One that also reaches into dist/src
 * must find the public names there too, or there would be two of each class: it runs under the condition
 * `heddle-source`.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { root } from "./setup.mjs";

/** Node 24 and later apply it to each test, Node 20 and 22 to each file. */
const TEST_TIMEOUT = 220_000;
/** A file whose thread is blocked for good cannot time out by itself; it is killed and reported as failed. */
const FILE_TIMEOUT = 240_000;

function testFiles(words) {
  const folder = path.join(root, "dist", "test");
  const files = fs
    .readdirSync(folder, { recursive: true })
    .map((file) => path.join("dist", "test", file))
    .filter((file) => file.endsWith(".test.js"))
    .sort();
  if (words.length === 0) return files;
  const wanted = words.map((word) => path.normalize(word.replace(/\.ts$/, ".js")));
  return files.filter((file) => wanted.some((word) => file.includes(word)));
}

/** Does a compiled file import, through other files of dist/ or directly, one of dist/src? */
function reachesInside(file, seen = new Set()) {
  const full = path.resolve(root, file);
  if (seen.has(full)) return false;
  seen.add(full);
  const text = fs.readFileSync(full, "utf8");
  return [...text.matchAll(/(?:from|import|import\()\s*"(\.[^"]*\.js)"/g)].some(([, target]) => {
    const found = path.resolve(path.dirname(full), target);
    if (!found.startsWith(path.join(root, "dist", "test") + path.sep))
      return found.startsWith(path.join(root, "dist", "src"));
    return fs.existsSync(found) && reachesInside(found, seen);
  });
}

/** What `--quick` leaves out: what takes long and hardly depends on the version of Node. */
const LONG = ["model", "docs", "examples"].map((folder) => path.join("dist", "test", folder) + path.sep);

/** Returns the exit code. `args`: words that select files, `--quick`, and options for `node --test`. */
export async function runTests(node, args) {
  const words = [];
  const options = [];
  let quick = false;
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--quick") quick = true;
    else if (args[i] === "--name") options.push("--test-name-pattern", args[++i] ?? "");
    else (args[i].startsWith("-") ? options : words).push(args[i]);
  }
  const files = testFiles(words).filter((file) => !quick || !LONG.some((folder) => file.startsWith(folder)));
  if (files.length === 0) throw new Error(`no compiled test matches ${words.join(" ") || "dist/test/**/*.test.js"}`);
  const inside = files.filter((file) => reachesInside(file));
  const outside = files.filter((file) => !inside.includes(file));
  let code = 0;
  if (outside.length > 0) code = Math.max(code, await run(node, options, outside));
  if (inside.length > 0) code = Math.max(code, await run(node, ["--conditions=heddle-source", ...options], inside));
  return code;
}

async function run(node, options, files) {
  // One more than processors: many tests mostly wait. With two more, the whole took as long.
  const concurrency = Math.min(4, Math.max(2, os.availableParallelism() + 1));
  const runner = spawn(
    node,
    [
      "--enable-source-maps",
      "--test",
      "--test-reporter=spec",
      `--test-concurrency=${concurrency}`,
      `--test-timeout=${TEST_TIMEOUT}`,
      ...options,
      ...files,
    ],
    { cwd: root, stdio: ["ignore", "inherit", "inherit"], env: environment(node) },
  );
  const stop = watch(runner.pid);
  const forward = (signal) => runner.kill(signal);
  process.on("SIGINT", forward).on("SIGTERM", forward);
  try {
    return await new Promise((resolve, reject) => {
      runner.on("error", reject);
      runner.on("exit", (code, signal) => resolve(signal === null ? code : 1));
    });
  } finally {
    stop();
    process.off("SIGINT", forward).off("SIGTERM", forward);
  }
}

/** Programs that the tests start as `node` must be the same Node, and know nothing of a test runner around this one. */
function environment(node) {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return { ...env, PATH: `${path.dirname(node)}${path.delimiter}${env.PATH ?? ""}` };
}

/** Kills children of the runner that live longer than {@link FILE_TIMEOUT}. Only Linux tells who they are. */
function watch(pid) {
  const list = `/proc/${pid}/task/${pid}/children`;
  if (!fs.existsSync(list)) return () => {};
  const since = new Map();
  const timer = setInterval(() => {
    let children;
    try {
      children = fs.readFileSync(list, "utf8").split(" ").filter(Boolean).map(Number);
    } catch {
      return;
    }
    const now = performance.now();
    for (const child of since.keys()) if (!children.includes(child)) since.delete(child);
    for (const child of children) {
      if (!since.has(child)) since.set(child, now);
      if (now - since.get(child) < FILE_TIMEOUT) continue;
      console.error(`test: killing a test file that has run for ${FILE_TIMEOUT / 1000} s: ${fileOf(child)}`);
      try {
        process.kill(child, "SIGKILL");
      } catch {
        // It has just ended.
      }
    }
  }, 1000);
  return () => clearInterval(timer);
}

/** The test file is the last argument. */
function fileOf(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").filter(Boolean).at(-1);
  } catch {
    return `process ${pid}`;
  }
}
