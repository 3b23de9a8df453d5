/** @module */
import { resolve } from "node:path";
import { isMainThread } from "node:worker_threads";

// Not imported: for an import, Node loads everything such a module could export.
const { realpathSync } = process.getBuiltinModule("node:fs");
const { createRequire } = process.getBuiltinModule("node:module");
const { fileURLToPath } = process.getBuiltinModule("node:url");

/** Set to any value by heddle in the child processes it starts. */
const childKey: symbol = Symbol.for("heddle.child");

/** The suffixes Node and TypeScript runners complete, beyond those `require.resolve` knows. */
const suffixes: readonly string[] = [".ts", ".mts", ".cts", ".tsx", ".mjs", ".cjs", ".jsx"];

/**
 * True in the program's entry module, in its first process and thread, and nowhere else.
 *
 * heddle imports a module again in each thread that runs its functions; what only the program itself should do goes
 * behind this guard:
 *
 * ```ts
 * if (isMain(import.meta)) {
 *   await main();
 * }
 * ```
 *
 * The same as `import.meta.main` of Node 24.2 and later, on all versions, and also under launchers that put the
 * program's path into `process.argv[1]`. In a bundle every module shares the bundle's `import.meta`, so keep the guard
 * to the entry module.
 */
export function isMain(meta: ImportMeta | { readonly url: string }): boolean {
  if (!isMainThread || childKey in globalThis) return false;
  if ("main" in meta && meta.main === true) return true;
  if (typeof meta?.url !== "string" || !meta.url.startsWith("file:")) return false;
  // `node --input-type=module --eval`
  if (/\/\[eval\d+\]$/.test(meta.url)) return true;
  const entry = process.argv[1];
  if (entry === undefined) return false;
  const own = real(fileURLToPath(meta.url));
  if (own === undefined) return false;
  for (const file of entryCandidates(resolve(entry))) if (real(file) === own) return true;
  return false;
}

function real(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** What `node PATH` may mean: the file, the file with a suffix, or the directory's main file. */
function* entryCandidates(path: string): Generator<string> {
  yield path;
  try {
    yield createRequire(path).resolve(path);
  } catch {
    // Not a path that require can complete.
  }
  for (const suffix of suffixes) yield path + suffix;
  for (const suffix of [".js", ...suffixes]) yield resolve(path, "index" + suffix);
}
