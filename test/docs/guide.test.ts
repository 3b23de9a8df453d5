/** The programs of the guides to tasks, locals, context variables and executors print what stands below them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { transformSync } from "esbuild";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const run = promisify(execFile);

for (const guide of ["asyncio", "local", "context", "executors"]) {
  const text = readFileSync(join(root, "docs", "guide", `${guide}.md`), "utf8");
  const programs = [...text.matchAll(/```ts\n([\s\S]*?)```\n+```\n([\s\S]*?)```/g)];

  test(`${guide}: it has programs`, () => assert.ok(programs.length >= 2));

  for (const [i, [, code = "", output = ""]] of programs.entries()) {
    test(`${guide}: program ${i + 1} prints what stands below it`, async () => {
      // Inside the package, so that it finds heddle by its name.
      const folder = mkdtempSync(join(root, "dist/test/docs/guide-"));
      try {
        const file = join(folder, "program.mjs");
        writeFileSync(file, transformSync(code, { loader: "ts", target: "node20" }).code);
        const { stdout, stderr } = await run(process.execPath, [file], { timeout: 60_000 });
        assert.equal(stdout, output);
        assert.equal(stderr, "");
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }
}
