import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { build } from "esbuild";
import { build as viteBuild } from "vite";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));
const source = join(root, "test/callable/fixtures/program.ts");
const lines = readFileSync(source, "utf8").split("\n");
const lineOf = (mark: string): string => `program.ts:${lines.findIndex((line) => line.includes(mark)) + 1}`;
const out = mkdtempSync(join(root, "dist/test/callable/built-"));
after(() => rmSync(out, { recursive: true }));

const version = process.versions.node.split(".").map(Number) as [number, number];
const strips = version[0] > 22 || (version[0] === 22 && version[1] >= 18);

const expected = {
  unexported: "ca978112",
  hidden: 1002,
  default: 1.5,
  closure: 10,
  add: 11,
  secret: -9,
  shape: true,
  package: 2,
  where: lineOf("// LINE"),
  whereClosure: lineOf("// CLOSURE LINE"),
};

async function check(...command: string[]): Promise<void> {
  const { stdout } = await run(process.execPath, command, { cwd: root });
  assert.deepEqual(JSON.parse(stdout), expected);
}

test("compiled JavaScript with source maps", () =>
  check("--enable-source-maps", fileURLToPath(new URL("./fixtures/program.js", import.meta.url))));

test("TypeScript stripped by Node", { skip: !strips && "this Node does not strip types" }, () =>
  check("--disable-warning=ExperimentalWarning", source),
);

test("tsx", () => check("--import", "tsx", source));

test("an esbuild bundle", async () => {
  const outfile = join(out, "esbuild/program.mjs");
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    sourcemap: true,
    banner: commonJs,
    logLevel: "error",
  });
  await check("--enable-source-maps", outfile);
});

test("a minified esbuild bundle", async () => {
  const outfile = join(out, "minified/program.mjs");
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    minify: true,
    platform: "node",
    format: "esm",
    sourcemap: true,
    banner: commonJs,
    logLevel: "error",
  });
  await check("--enable-source-maps", outfile);
});

// esbuild leaves `require` of CommonJS packages to a function that ES modules do not have.
const commonJs = { js: 'import { createRequire as r } from "node:module"; const require = r(import.meta.url);' };

test("a Vite build of a Node program", async () => {
  await viteBuild({
    root,
    logLevel: "error",
    configFile: false,
    ssr: { noExternal: true },
    build: { ssr: source, outDir: join(out, "vite"), sourcemap: true, emptyOutDir: true },
  });
  await check("--enable-source-maps", join(out, "vite/program.js"));
});
