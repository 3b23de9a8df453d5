/** The examples of the guide to testing, run, report what the guide says. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import { transformSync } from "esbuild";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const guide = readFileSync(join(root, "docs/guide/testing.md"), "utf8");
// Inside the package, so that the examples find heddle by its name.
const folder = mkdtempSync(join(root, "dist/test/testing/guide-"));
after(() => rmSync(folder, { recursive: true }));

function run(file: string, code: string): string {
  const path = join(folder, file.replace(/\.ts$/, ".mjs"));
  const compiled = transformSync(code, { loader: "ts", target: "node20", sourcemap: "inline", sourcefile: file });
  writeFileSync(path, compiled.code);
  return execFileSync(process.execPath, ["--enable-source-maps", path], { encoding: "utf8", timeout: 60_000 });
}

const examples = [...guide.matchAll(/```ts\n(\/\/ (\w+\.ts)\n[\s\S]*?)```\n[^`]*```\n([\s\S]*?)```/g)];

test("the guide has two worked examples", () => {
  assert.deepEqual(
    examples.map(([, , file]) => file),
    ["bank.ts", "stock.ts"],
  );
});

for (const [, code = "", file = "", output = ""] of examples) {
  test(`${file} reports what stands below it`, () => {
    const printed = run(file, code);
    assert.equal(printed.split("\n")[0], output.trim());
    assert.match(printed, /replay: explore\(scenario, \{ seed: "run:/);
  });
}

test("what the guide proposes corrects the examples", () => {
  const [bank = "", stock = ""] = examples.map(([, code]) => code!);
  const locked = bank.replace("const before", "using _ = balance.lock.acquireSync();\n      const before");
  assert.equal(run("locked.ts", `${locked}console.log(report.ok, report.complete);`), "undefined\ntrue true\n");
  const looping = stock.replace(
    "if (stock.value === 0) changed.waitSync();",
    "changed.waitForSync(() => stock.value > 0);",
  );
  assert.match(run("looping.ts", looping), /^deadlock: no thread can go on\n  buyer waits in changed\.wait/m);
});
