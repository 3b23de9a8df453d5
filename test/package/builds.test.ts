/** The same program in every form that users run: compiled, stripped, by tsx, and in bundles that contain heddle. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { build, type BuildOptions } from "esbuild";
import { build as viteBuild } from "vite";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));
const fixture = (name: string): string => join(root, "test/package/fixtures", name);
const source = fixture("program.ts");
const line =
  readFileSync(source, "utf8")
    .split("\n")
    .findIndex((text) => text.includes("// LINE")) + 1;
const out = mkdtempSync(join(root, "dist/test/package/built-"));
after(() => rmSync(out, { recursive: true }));

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const strips = major > 22 || (major === 22 && minor >= 18);

const expected = {
  digest: "ca978112",
  fibonacci: 6765,
  total: 4000,
  done: true,
  sum: 6,
  map: [2, 4, 6],
  error: [true, 3, `program.ts:${line}`],
  submitted: true,
  timer: "3e23e816",
};

async function check(...command: string[]): Promise<void> {
  const { stdout, stderr } = await run(process.execPath, command, { cwd: root, timeout: 60_000 });
  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(stdout), expected);
}

const bundle = (options: BuildOptions): Promise<unknown> =>
  build({
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    sourcemap: true,
    logLevel: "error",
    ...options,
  });

test("compiled JavaScript with source maps", () =>
  check("--enable-source-maps", fileURLToPath(new URL("./fixtures/program.js", import.meta.url))));

// Node strips types but leaves `using` as it is, which Node 22 does not know.
test(
  "TypeScript stripped by Node",
  { skip: !(strips && major >= 24) && "this Node does not run the program as it is" },
  () => check("--disable-warning=ExperimentalWarning", source),
);

test("tsx", () => check("--import", "tsx", source));

test("an esbuild bundle with heddle inside", async () => {
  await bundle({ entryPoints: [source], outfile: join(out, "esbuild/program.mjs") });
  await check("--enable-source-maps", join(out, "esbuild/program.mjs"));
});

test("a minified esbuild bundle with heddle inside", async () => {
  await bundle({ entryPoints: [source], outfile: join(out, "minified/program.mjs"), minify: true });
  await check("--enable-source-maps", join(out, "minified/program.mjs"));
});

test("a Vite build of a Node program with heddle inside", async () => {
  await viteBuild({
    root,
    logLevel: "error",
    configFile: false,
    ssr: { noExternal: true },
    build: { ssr: source, outDir: join(out, "vite"), sourcemap: true, emptyOutDir: true, target: "node20" },
  });
  await check("--enable-source-maps", join(out, "vite/program.js"));
});

test("the worker: option, with a bundle for the program and one for its tasks", async () => {
  const outdir = join(out, "factory");
  await bundle({ entryPoints: [fixture("factory-main.ts"), fixture("factory-tasks.ts")], outdir });
  const { stdout } = await run(process.execPath, [join(outdir, "factory-main.js")], { cwd: root, timeout: 60_000 });
  assert.deepEqual(JSON.parse(stdout), {
    words: "WARP WEFT!",
    square: 9,
    message: "nothing to shout",
    spawn: "function",
  });
});
