import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, test } from "node:test";
import { link } from "./link.ts";
import { missing } from "./summaries.ts";
import { boundOf, MOST_STATES, runScenario, scenarios } from "./run.ts";

describe("every interleaving", async () => {
  const core = await link();
  for (const scenario of scenarios.filter(({ long }) => long !== true)) {
    test(scenario.name, () => {
      const result = runScenario(core, scenario, { states: MOST_STATES, preemptions: boundOf(scenario, false) });
      if (result.failure !== undefined) assert.fail(`${result.failure.message}\n  ${result.trace.join("\n  ")}`);
      assert.ok(result.complete, `cut off after ${result.states} states`);
      assert.ok(result.ends > 0, "no schedule came to an end");
    });
  }
});

test("the loops whose ways round need not be told apart are all there", () => assert.deepEqual([...missing], []));

test("the condition heddle-model puts the twin in the place of the real operations", () => {
  const cwd = fileURLToPath(new URL("../../../", import.meta.url));
  const program = `console.log("exploreWith" in (await import("#atomics")))`;
  const run = (...options: string[]): string =>
    execFileSync(process.execPath, [...options, "--input-type=module", "--eval", program], { cwd, encoding: "utf8" });
  assert.equal(run().trim(), "false");
  assert.equal(run("--conditions=heddle-model").trim(), "true");
});
