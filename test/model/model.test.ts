import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, test } from "node:test";
import { link } from "./link.ts";
import { mutants } from "./mutants.ts";
import { missing } from "./summaries.ts";
import { boundOf, runMutant, runScenario, scenarios } from "./run.ts";

/** More than any scenario needs: one that grows beyond it has become too large for every test run. */
const MOST_STATES = 600_000;

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

describe("planted bugs are found", () => {
  for (const mutant of mutants) {
    test(mutant.name, async () => {
      const { caught, states } = await runMutant(mutant, { states: MOST_STATES });
      assert.ok(caught, `survived ${states} states of ${mutant.scenarios.join(", ")}`);
      assert.equal(caught.replayed, caught.message, "the same choices give another end");
      assert.ok(caught.trace.length > 0);
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
