/**
 * Joins what tsc has compiled into few files, dist/lib/: Node's loader takes about 0.6 ms for each file, once in the main
 * thread and again in every worker, so that a hundred small files would cost more than the thread itself.
 *
 * ```
 *   exports "./futures" ─────┐
 *   what a worker loads ─────┴──► base     what every thread and every pool needs
 *                                  ▲
 *   exports "./queue"   ─────┐     │
 *   exports "./threading" ───┴──► whole    the rest of what most programs use
 *                                  ▲
 *   exports "./testing" ───────────┘       what few need has files of its own
 * ```
 * The types, and the files that tests reach into (condition `heddle-source`), stay where tsc put them.
 */
import { build } from "esbuild";
import fs from "node:fs";
import path from "node:path";
import { root } from "./setup.mjs";

/** What a worker loads first. */
const ENTRY = "dist/src/entry.js";
/** Every class whose instances another thread may send. */
const WHOLE = "dist/src/whole.js";
/** Exports of which a program that uses nothing else loads only the base. */
const BASE = new Set(["./contextvars", "./errors", "./futures"]);
/** Exports that few programs use: they are not part of the whole. */
const APART = new Set(["./multiprocessing", "./testing", "./progress", "./web"]);
/** Programs that run in a process of their own, by the name of their file. */
const PROGRAMS = { "serve-worker": "dist/src/web/serve/worker-main.js" };
/**
 * What starts processes and has no threads itself: it shares no file with the rest, which it would split, and has copies
 * of the few modules that it needs.
 */
const SUPERVISORS = { cli: "dist/src/cli/main.js", "serve-server": "dist/src/web/serve/server.js" };

/** In the rest, the file of a supervisor stays an import. */
const supervisorsApart = {
  name: "supervisors-apart",
  setup({ onResolve }) {
    const files = Object.entries(SUPERVISORS).map(([name, file]) => [path.join(root, file), `./${name}.js`]);
    onResolve({ filter: /^\./ }, ({ path: specifier, resolveDir, kind }) => {
      const target = files.find(([file]) => file === path.resolve(resolveDir, specifier));
      return target && kind === "dynamic-import" ? { path: target[1], external: true } : undefined;
    });
  },
};

async function join(entryPoints, outdir, plugins) {
  const {
    metafile: { outputs },
  } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir,
    plugins,
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    packages: "external",
    sourcemap: "linked",
    sourcesContent: false,
    // Some classes would get another name, which users see.
    keepNames: true,
    logLevel: "warning",
    metafile: true,
  });
  for (const file of Object.keys(outputs)) if (file.endsWith(".js")) toAscii(path.join(root, file));
}

/**
 * A single character beyond ASCII doubles what V8 has to read and keep of a file, and takes 2 ms more to decode. In code
 * they are escaped; in comments they are replaced, one for one, so that source maps stay true.
 */
function toAscii(file) {
  const text = fs.readFileSync(file, "utf8");
  const lines = text
    .split("\n")
    .map((line) => (/^\s*(?:\/\/|\/\*\* |\* @)/.test(line) ? line.replace(/[^\0-\x7f]/g, "-") : line));
  fs.writeFileSync(file, lines.join("\n"));
}

async function bundle() {
  const { exports: entries } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
  const lib = path.join(root, "dist", "lib");
  fs.rmSync(lib, { recursive: true, force: true });

  const base = [ENTRY];
  const whole = [WHOLE];
  /** What each file is made of. Whatever loads a part of the base or the whole loads all of it: else each would split it. */
  const files = { base, heddle: ["lib-base.js", ...whole] };
  for (const [name, program] of Object.entries(PROGRAMS)) files[name] = ["lib-heddle.js", program];
  for (const [subpath, target] of Object.entries(entries)) {
    const source = target["heddle-source"]?.slice("./".length);
    if (source === undefined) continue;
    if (BASE.has(subpath)) base.push(source);
    else if (!APART.has(subpath)) files.heddle.push(source);
    files[path.basename(target.default, ".js")] = [BASE.has(subpath) ? "lib-base.js" : "lib-heddle.js", source];
  }
  const wrappers = {};
  try {
    for (const [name, parts] of Object.entries(files)) {
      const wrapper = (wrappers[name] = path.join(root, "dist", "src", `lib-${name}.js`));
      fs.writeFileSync(wrapper, parts.map(importOf).join(""));
    }
    await join(wrappers, lib, [supervisorsApart]);
    const supervisors = Object.entries(SUPERVISORS).map(([name, file]) => [name, path.join(root, file)]);
    await join(Object.fromEntries(supervisors), lib, []);
  } finally {
    for (const file of Object.values(wrappers)) fs.rmSync(file, { force: true });
  }
}

/** A part that is a file of tsc's gives its names on; another wrapper is only loaded. */
function importOf(part) {
  return part.startsWith("lib-") ? `import "./${part}";\n` : `export * from ${JSON.stringify(`../../${part}`)};\n`;
}

await bundle();
