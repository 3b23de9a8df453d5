/** The README's first example, run, prints what the README says. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { transformSync } from "esbuild";

const root = fileURLToPath(new URL("../../../", import.meta.url));

test("the first example of the README prints what stands below it", () => {
  const text = readFileSync(join(root, "README.md"), "utf8");
  const [, code = "", output = ""] = /```ts\n([\s\S]*?)```\n+```\n([\s\S]*?)```/.exec(text) ?? [];
  assert.notEqual(code, "");
  // Inside the package, so that it finds heddle by its name.
  const folder = mkdtempSync(join(root, "dist/test/docs/readme-"));
  try {
    const file = join(folder, "example.mjs");
    writeFileSync(file, transformSync(code, { loader: "ts", target: "node20" }).code);
    assert.equal(execFileSync(process.execPath, [file], { encoding: "utf8", timeout: 60_000 }), output);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
