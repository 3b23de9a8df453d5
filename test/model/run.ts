/** Runs scenarios and mutants. */

import type { Limits } from "./engine.ts";
import { type Core, link } from "./link.ts";
import type { Mutant } from "./mutants.ts";
import { explore, type Result, type Scenario } from "./scenario.ts";
import { channelScenarios } from "./scenarios/channels.ts";
import { countingScenarios } from "./scenarios/counting.ts";
import { endingScenarios } from "./scenarios/endings.ts";
import { lockScenarios } from "./scenarios/locks.ts";
import { mapScenarios } from "./scenarios/maps.ts";
import { priorityScenarios } from "./scenarios/priorities.ts";
import { lookoutScenarios } from "./scenarios/lookouts.ts";
import { queueScenarios } from "./scenarios/queues.ts";
import { rwlockScenarios } from "./scenarios/rwlocks.ts";

/** More than any scenario needs: one that grows beyond it has become too large for every test run. */
export const MOST_STATES = 600_000;

export const scenarios: readonly Scenario[] = [
  ...lockScenarios,
  ...countingScenarios,
  ...queueScenarios,
  ...lookoutScenarios,
  ...channelScenarios,
  ...priorityScenarios,
  ...rwlockScenarios,
  ...mapScenarios,
  ...endingScenarios,
];

/** Those that are too large to be explored without their bound on preemptions, even in `npm run test:model`. */
const BOUNDED: readonly string[] = [
  "lock: 2 wait, its owner takes it again",
  "lock: 3 threads, who waits is killed",
  "semaphore: who waits is killed",
  "semaphore: who waits is killed, and had lost before",
  "semaphore: who settles what a dead one left is killed",
  "semaphore: 2 wait, who gave takes it again",
  "semaphore: 1 of 2 waits on an event loop, who gave takes it again",
  "semaphore: 2 wait, who gave takes it again, who was woken is killed",
  "event: who waits is killed",
  "condition: 2 wait, 1 notifies both",
  "condition: a timeout leaves the notification to the other",
  "condition: who waits is killed",
  "condition: its lock is contended too",
  "barrier: the last to arrive is killed",
  "barrier: who runs the action is killed",
  "queue: of size 1, 3 put, 1 with a timeout, 1 gets 2",
  "queue: 2 get, who put takes it back",
  "queue: 1 of 2 gets on an event loop, who put takes it back",
  "queue: 2 get 1 item, who was woken is killed",
  "queue: who puts for one who waits is killed",
  "queue: who puts for one who waits on an event loop is killed",
  "queue: who gets is killed",
  "queue: who puts is killed, others get with a timeout",
  "queue: of size 1, who puts is killed",
  "queue: of size 1, who gets is killed",
  "queue: who gets on an event loop is killed",
  "queue: who puts on an event loop is killed",
  "queue: last in first out, of size 1, who gets is killed",
  "queue: last in first out, of size 1, who puts is killed",
  "lookout: 1 puts 2, 2 look and get",
  "lookout: who looks is killed",
  "lookout: who puts is killed",
  "rwlock: a writer gives up between readers",
  "rwlock: a reader is killed, others wait",
  "rwlock: a writer is killed, others wait",
  "map: 2 who set are killed at once",
  "map: 3 update",
  "map: 3 update, 1 with a timeout",
  "map: 2 update, 1 sets",
  "map: 2 update, 1 removes",
  "map: 3 update, 1 is killed",
  "cancel: one of 2 who wait for a notification",
];

/** The bound on preemptions of a scenario; `undefined`: none. `whole`: without it, where that is possible. */
export function boundOf({ name, limits }: Scenario, whole: boolean): number | undefined {
  const keeps = !whole || BOUNDED.includes(name) || name.startsWith("deaths:");
  return keeps ? limits?.preemptions : undefined;
}

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
