import { link } from "./link.ts";
import { explore } from "./scenario.ts";
import { countingScenarios } from "./scenarios/counting.ts";
import { lockScenarios } from "./scenarios/locks.ts";
import { queueScenarios } from "./scenarios/queues.ts";

const core = await link();
const words = process.argv.slice(2);
for (const scenario of [...lockScenarios, ...countingScenarios, ...queueScenarios]) {
  if (words.length > 0 && !words.some((w) => scenario.name.includes(w))) continue;
  const r = explore(core, scenario, { states: Number(process.env.STATES ?? 3_000_000) });
  console.log(scenario.name, r.states, r.transitions, r.ends, Math.round(r.milliseconds), r.complete);
  if (r.failure) console.log(r.failure.message, r.replayed, "\n  " + r.trace.slice(-90).join("\n  "));
}
