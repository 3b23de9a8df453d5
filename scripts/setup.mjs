/**
 * Brings a checkout to the point where everything in dist/ can be run: installs the development dependencies when they
 * are missing or differ from the lock file, and compiles when a source is newer than dist/. Does nothing, quickly, when
 * nothing has changed. Uses nothing but Node itself, since it runs before anything is installed.
 *
 *   node scripts/setup.mjs            install and build
 *   node scripts/setup.mjs --install  install only
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

const SOURCE_FOLDERS = ["src", "test", "examples", "bench"];
const STAMP = path.join(root, "dist", ".stamp");
/** The settings {@link BUILD_INFO} was made with. */
const SETTINGS = path.join(root, "dist", ".settings");
const BUILD_INFO = path.join(root, "dist", ".tsbuildinfo");
const BUNDLER = path.join(root, "scripts", "bundle.mjs");
const OLDEST_NODE = [20, 19];

/** Installs and builds as needed. Throws an Error with a message for the user. */
export function setup({ build = true } = {}) {
  requireNode();
  const unlock = lock();
  try {
    if (!installed()) install();
    if (build && !built()) compile();
  } finally {
    unlock();
  }
}

function requireNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    throw new Error(`heddle needs Node ${OLDEST_NODE.join(".")} or newer; this is ${process.versions.node}.`);
  }
}

/**
 * `npm start` and `npm test` may be run at the same time in a fresh checkout; two installs in one folder would destroy
 * each other. Returns the function that unlocks.
 */
function lock() {
  const file = path.join(root, ".cache", "setup.lock");
  fs.mkdirSync(path.dirname(file), { recursive: true });
  for (let told = false; ;) {
    try {
      fs.writeFileSync(file, String(process.pid), { flag: "wx" });
      return () => fs.rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const owner = readOr(file, "");
    // An empty file belongs to someone who is just writing it, unless it stays empty.
    if (owner === "" ? age(file) > 10_000 : !alive(Number(owner))) {
      fs.rmSync(file, { force: true });
      continue;
    }
    if (!told) console.error(`setup: waiting for process ${owner}, which is setting up`);
    told = true;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function age(file) {
  try {
    return Date.now() - fs.statSync(file).mtimeMs;
  } catch {
    return 0;
  }
}

function readOr(file, fallback) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return fallback;
  }
}

/** npm writes node_modules/.package-lock.json last, so it also tells a finished install from an interrupted one. */
function installed() {
  const wanted = JSON.parse(fs.readFileSync(path.join(root, "package-lock.json"), "utf8")).packages;
  const hidden = readOr(path.join(root, "node_modules", ".package-lock.json"), "");
  if (hidden === "") return false;
  const present = JSON.parse(hidden).packages;
  return Object.entries(wanted).every(([key, entry]) => {
    if (key === "") return true;
    const found = present[key];
    // Optional packages are those of other platforms.
    if (found === undefined) return entry.optional === true || entry.devOptional === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

function install() {
  console.error("setup: installing development dependencies (npm ci)");
  // Under npm the very same npm is used; its path is a script for this Node.
  const npm = process.env.npm_execpath;
  const [command, ...prefix] = npm?.endsWith(".js") ? [process.execPath, npm] : ["npm"];
  // No dependency needs its install script; --include=dev holds against NODE_ENV=production.
  const args = ["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const result = spawnSync(command, [...prefix, ...args], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: command === "npm" && process.platform === "win32",
  });
  if (result.error) throw new Error(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0 || !installed()) {
    throw new Error(`npm ci failed (exit code ${result.status}); see its messages above.`);
  }
}

function* sources(folder) {
  const full = path.join(root, folder);
  if (!fs.existsSync(full)) return;
  for (const entry of fs.readdirSync(full, { withFileTypes: true })) {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* sources(name);
    else if (/\.[cm]?ts$/.test(entry.name)) yield name;
  }
}

/** The contents of what decides how sources are compiled: compiler, options, types of packages, exports, bundler. */
function settings() {
  const hash = createHash("sha256");
  for (const name of [
    "package.json",
    "tsconfig.json",
    path.join("node_modules", ".package-lock.json"),
    path.relative(root, BUNDLER),
  ]) {
    hash.update(fs.readFileSync(path.join(root, name)));
  }
  return hash.digest("hex");
}

/** Names, sizes and times of all sources, and the settings; a deleted or renamed file changes it too. */
function fingerprint() {
  const hash = createHash("sha256").update(settings());
  for (const name of SOURCE_FOLDERS.flatMap((folder) => [...sources(folder)])) {
    const { size, mtimeMs } = fs.statSync(path.join(root, name));
    hash.update(`${name}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

function built() {
  return readOr(STAMP, "") === fingerprint();
}

function compile() {
  console.error("setup: compiling");
  // Taken before compiling: a file saved meanwhile must count as not compiled.
  const print = fingerprint();
  const missing = prune();
  // The incremental compiler believes its notes: it neither looks for what it wrote nor notices a changed `lib`.
  if (missing || readOr(SETTINGS, "") !== settings()) fs.rmSync(BUILD_INFO, { force: true });
  fs.mkdirSync(path.dirname(SETTINGS), { recursive: true });
  fs.writeFileSync(SETTINGS, settings());
  fs.rmSync(STAMP, { force: true });
  const tsc = path.join(root, "node_modules", "typescript", "bin", "tsc");
  const result = spawnSync(process.execPath, [tsc, "--project", root], { cwd: root, stdio: ["ignore", 2, 2] });
  if (result.status !== 0) throw new Error("The project does not compile; see the compiler's messages above.");
  const bundler = spawnSync(process.execPath, [BUNDLER], { cwd: root, stdio: ["ignore", 2, 2] });
  if (bundler.status !== 0) throw new Error("The package's files could not be joined; see the messages above.");
  fs.writeFileSync(STAMP, print);
}

/**
 * Deletes what was compiled from files that no longer exist: a test that was renamed must not go on running. Returns
 * whether anything that should be in dist/ is missing.
 */
function prune() {
  const expected = new Set();
  for (const name of SOURCE_FOLDERS.flatMap((folder) => [...sources(folder)])) {
    const [, stem, kind] = /^(.*)\.([cm]?)ts$/.exec(name);
    if (stem.endsWith(".d")) continue;
    for (const ending of [`.${kind}js`, `.${kind}js.map`, `.d.${kind}ts`, `.d.${kind}ts.map`]) {
      expected.add(path.join(root, "dist", stem + ending));
    }
  }
  for (const folder of SOURCE_FOLDERS) {
    const full = path.join(root, "dist", folder);
    if (!fs.existsSync(full)) continue;
    for (const entry of fs.readdirSync(full, { withFileTypes: true, recursive: true })) {
      const file = path.join(entry.parentPath ?? entry.path, entry.name);
      if (/\.([cm]?js|d\.[cm]?ts)(\.map)?$/.test(file) && entry.isFile() && !expected.delete(file)) fs.rmSync(file);
    }
  }
  return expected.size > 0;
}

if (process.argv[1] !== undefined && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    setup({ build: !process.argv.includes("--install") });
  } catch (error) {
    console.error(`setup: ${error.message}`);
    process.exitCode = 1;
  }
}
