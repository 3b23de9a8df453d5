/** A scenario: a few threads over real shared objects, and what must hold at the end. */

import type { Exploration, Limits } from "./engine.ts";
import { Kit } from "./kit.ts";
import type { Core } from "./link.ts";

export interface Scenario {
  readonly name: string;
  build(kit: Kit): void;
  readonly limits?: Limits;
  /** Too large for every test run: only part of `npm run test:model`. */
  readonly long?: boolean;
}

export interface Result extends Exploration {
  /** What happened on the way to the failure, line by line; found by running its choices again. */
  readonly trace: readonly string[];
  /** The message of that second run: the same, or the failure is not replayable. */
  readonly replayed: string | undefined;
}

export function explore(core: Core, scenario: Scenario, limits: Limits = {}): Result {
  const kit = new Kit(core);
  scenario.build(kit);
  const result = kit.engine.explore({ ...scenario.limits, ...limits });
  const again = result.failure === undefined ? undefined : kit.engine.replay(result.failure.choices);
  return { ...result, trace: again?.trace ?? [], replayed: again?.message };
}
