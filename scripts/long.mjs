/** Sets up, then runs the fault tests at full length; see test/faults/main.ts. Takes up to half an hour. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { root, setup } from "./setup.mjs";

try {
  setup();
  const main = path.join(root, "dist", "test", "faults", "main.js");
  // The tests look inside: the public names must be those of dist/src too.
  const run = spawnSync(process.execPath, ["--conditions=heddle-source", main, ...process.argv.slice(2)], {
    cwd: root,
    stdio: "inherit",
  });
  process.exitCode = run.status ?? 1;
} catch (error) {
  console.error(`long: ${error.message}`);
  process.exitCode = 1;
}
