/** Runs scenarios and mutants. */

import type { Limits } from "./engine.ts";
import { type Core, link } from "./link.ts";
import type { Mutant } from "./mutants.ts";
import { explore, type Result, type Scenario } from "./scenario.ts";
import { countingScenarios } from "./scenarios/counting.ts";
import { lockScenarios } from "./scenarios/locks.ts";
import { mapScenarios } from "./scenarios/maps.ts";
import { priorityScenarios } from "./scenarios/priorities.ts";
import { queueScenarios } from "./scenarios/queues.ts";
import { rwlockScenarios } from "./scenarios/rwlocks.ts";

export const scenarios: readonly Scenario[] = [
  ...lockScenarios,
  ...countingScenarios,
  ...queueScenarios,
  ...priorityScenarios,
  ...rwlockScenarios,
  ...mapScenarios,
];

export function runScenario(core: Core, scenario: Scenario, limits: Limits): Result {
  return explore(core, scenario, limits);
}

export interface Caught {
  readonly scenario: string;
  readonly message: string;
  readonly trace: readonly string[];
  /** What running the same choices again ended with. */
  readonly replayed: string | undefined;
}

export interface Hunt {
  readonly caught: Caught | undefined;
  readonly states: number;
  readonly milliseconds: number;
}

/** Tries the mutant's scenarios until one fails. */
export async function runMutant(mutant: Mutant, limits: Limits): Promise<Hunt> {
  const core = await link([mutant.edit]);
  let states = 0;
  let milliseconds = 0;
  for (const beginning of mutant.scenarios) {
    const chosen = scenarios.filter(({ name }) => name.startsWith(beginning));
    if (chosen.length === 0) throw new Error(`no scenario begins with ${beginning}`);
    for (const scenario of chosen) {
      const result = explore(core, scenario, limits);
      states += result.states;
      milliseconds += result.milliseconds;
      if (result.failure === undefined) continue;
      const { message } = result.failure;
      const caught = { scenario: scenario.name, message, trace: result.trace, replayed: result.replayed };
      return { caught, states, milliseconds };
    }
  }
  return { caught: undefined, states, milliseconds };
}
