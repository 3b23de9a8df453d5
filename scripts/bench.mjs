/**
 * Runs one benchmark: `npm run bench -- NAME [arguments of the benchmark]`. Without a name, lists them.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { root, setup } from "./setup.mjs";

const [name, ...args] = process.argv.slice(2);
try {
  setup();
  const folder = path.join(root, "dist", "bench");
  const names = fs.existsSync(folder)
    ? fs.readdirSync(folder).flatMap((file) => (file.endsWith(".js") ? [file.slice(0, -".js".length)] : []))
    : [];
  if (name !== undefined && names.includes(name)) {
    const run = spawnSync(process.execPath, [path.join(folder, `${name}.js`), ...args], {
      cwd: root,
      stdio: "inherit",
    });
    process.exitCode = run.status ?? 1;
  } else {
    if (name !== undefined) console.error(`bench: there is no benchmark ${name}`);
    console.error("usage: npm run bench -- NAME [arguments]");
    console.error(names.length > 0 ? `benchmarks: ${names.join(", ")}` : "there are no benchmarks yet");
    process.exitCode = 1;
  }
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
