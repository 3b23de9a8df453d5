/** Sets up, then explores the raw algorithms' interleavings and hunts the planted bugs; see test/model/main.ts. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { root, setup } from "./setup.mjs";

try {
  setup();
  const main = path.join(root, "dist", "test", "model", "main.js");
  const run = spawnSync(process.execPath, [main, ...process.argv.slice(2)], { cwd: root, stdio: "inherit" });
  process.exitCode = run.status ?? 1;
} catch (error) {
  console.error(`model: ${error.message}`);
  process.exitCode = 1;
}
