import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const isMainUrl = new URL("../../src/callable/node/is-main.js", import.meta.url).href;
const folder = mkdtempSync(fileURLToPath(new URL("./main-", import.meta.url)));
after(() => rmSync(folder, { recursive: true }));

const code = (rest: string): string =>
  `import { isMain } from ${JSON.stringify(isMainUrl)}; export const here = isMain(import.meta);\n${rest}`;
const write = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
write("package.json", '{ "type": "module" }');
write("other.js", code(""));
const entry = write(
  "entry.js",
  code(`
    import { isMainThread, Worker } from "node:worker_threads";
    import { here as other } from "./other.js";
    console.log(isMainThread ? "main" : "worker", here, other);
    if (isMainThread) new Worker(new URL(import.meta.url));
  `),
);
const expected = "main true false\nworker false false\n";

async function output(command: string[], cwd: string = folder): Promise<string> {
  return (await run(process.execPath, command, { cwd })).stdout;
}

test("the entry module, and only in the main thread", async () => {
  assert.equal(await output([entry]), expected);
  assert.equal(await output(["./entry.js"]), expected);
});

test("without an extension, as a directory, and through a symbolic link", async () => {
  mkdirSync(join(folder, "directory"));
  writeFileSync(join(folder, "directory/index.js"), code("console.log(here);"));
  assert.equal(await output(["directory"]), "true\n");
  symlinkSync(entry, join(folder, "link.js"));
  assert.equal(await output([join(folder, "link.js")]), expected);
  if (process.versions.node.startsWith("20.")) return;
  assert.equal(await output([join(folder, "entry")]), expected);
});

test("under tsx, and with a launcher that names the program in argv[1]", async () => {
  const script = write("typed.ts", code("const answer: boolean = here; console.log(answer);"));
  const tsx = import.meta.resolve("tsx");
  assert.equal(await output(["--import", tsx, script]), "true\n");
  const launcher = write("launcher.js", `process.argv.splice(1, 1); await import("./" + process.argv[1]);`);
  assert.equal(await output([launcher, "entry.js"]), expected);
});

test("node -e is a program; a child process of heddle is not", async () => {
  assert.equal(await output(["--input-type=module", "-e", code("console.log(here)")]), "true\n");
  const child = write(
    "child.js",
    `globalThis[Symbol.for("heddle.child")] = true; process.argv[1] = ${JSON.stringify(join(folder, "other.js"))}; const { here } = await import("./other.js"); console.log(here);`,
  );
  assert.equal(await output([child]), "false\n");
});
