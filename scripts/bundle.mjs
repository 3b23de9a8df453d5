/**
 * Joins what tsc has compiled into few files, dist/lib/: Node's loader takes about 0.6 ms for each file, once in the main
 * thread and again in every worker, so that a hundred small files would cost more than the thread itself.
 *
 * ```
 *   exports "./threading" ──► lib/threading.js ──┐    a few lines: the names
 *   exports "./queue"     ──► lib/queue.js     ──┼──► lib/heddle.js    everything that every thread needs anyway
 *   exports "./testing"   ──► lib/testing.js   ──┘    what few need has files of its own
 * ```
 * The types, and the files that tests reach into (condition `heddle-source`), stay where tsc put them.
 */
import { build } from "esbuild";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "./setup.mjs";

/** What a worker loads first; it belongs to the main file. */
const ENTRY = "dist/src/entry.js";
/** Exports that few programs use: they are not part of the main file. */
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

  const full = ([name, file]) => [name, path.join(root, file)];
  const apart = Object.fromEntries(Object.entries(PROGRAMS).map(full));
  const together = [ENTRY];
  const names = new Map();
  for (const [subpath, target] of Object.entries(entries)) {
    const source = target["heddle-source"];
    if (source === undefined) continue;
    const file = path.basename(target.default, ".js");
    if (APART.has(subpath)) apart[file] = path.join(root, source);
    else {
      together.push(source.slice("./".length));
      names.set(target.default, Object.keys(await import(pathToFileURL(path.join(root, source)).href)));
    }
  }
  const main = path.join(root, "dist", "src", "lib.js");
  fs.writeFileSync(main, together.map((file) => `export * from ${JSON.stringify(`../../${file}`)};\n`).join(""));
  // Whatever loads a part of the main file loads all of it: else each would split it at another place.
  const whole = [];
  for (const name of Object.keys(apart)) {
    const wrapper = path.join(root, "dist", "src", `lib-${name}.js`);
    fs.writeFileSync(wrapper, `import "./lib.js";\nexport * from ${JSON.stringify(apart[name])};\n`);
    apart[name] = wrapper;
    whole.push(wrapper);
  }
  try {
    await join({ heddle: main, ...apart }, lib, [supervisorsApart]);
    await join(Object.fromEntries(Object.entries(SUPERVISORS).map(full)), lib, []);
  } finally {
    for (const file of [main, ...whole]) fs.rmSync(file);
  }
  for (const [target, exported] of names) {
    fs.writeFileSync(path.join(root, target), `export { ${exported.join(", ")} } from "./heddle.js";\n`);
  }
}

await bundle();
