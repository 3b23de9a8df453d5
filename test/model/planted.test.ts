import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mutants } from "./mutants.ts";
import { MOST_STATES, runMutant } from "./run.ts";

/** Found after so many states that only `npm run test:model` looks for them. */
const DEEP = [
  "queue: a putter is admitted without the mark",
  "lock: who comes to wait overlooks that another has marked it",
  "lookout: nobody relieves the dead",
  "queue: a dead getter keeps its item",
];

describe("planted bugs are found", () => {
  for (const mutant of mutants.filter(({ name }) => !DEEP.includes(name))) {
    test(mutant.name, async () => {
      const { caught, states } = await runMutant(mutant, { states: MOST_STATES });
      assert.ok(caught, `survived ${states} states of ${mutant.scenarios.join(", ")}`);
      assert.equal(caught.replayed, caught.message, "the same choices give another end");
      assert.ok(caught.trace.length > 0);
    });
  }
});
