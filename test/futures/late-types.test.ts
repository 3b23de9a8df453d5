/** Objects of heddle's own whose module the thread that gets them has not loaded. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("./programs/late-types.js", import.meta.url));

test("what a program that uses pools only is sent arrives, and goes on to a thread that has not loaded it either", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], { encoding: "utf8" });
  assert.equal(stderr.replaceAll(/^.*ExperimentalWarning.*\n|^\(Use `node --trace-warnings.*\n/gm, ""), "");
  assert.deepEqual([status, stdout], [0, "Queue 1\nSharedMap 2\nLocal 3\n"]);
});
