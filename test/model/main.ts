/**
 * Prints what the model checker explores, and which planted bugs it finds: `npm run test:model`. Where the column "bound"
 * is empty, every interleaving was explored; else those in which a thread that could go on is interrupted at most so often.
 *
 *   node dist/test/model/main.js                      all scenarios, all mutants
 *   node dist/test/model/main.js scenarios lock       scenarios whose names contain the word
 *   node dist/test/model/main.js mutants queue        mutants
 */

import { link } from "./link.ts";
import { mutants } from "./mutants.ts";
import { boundOf, runMutant, runScenario, scenarios } from "./run.ts";

const [what = "all", ...words] = process.argv.slice(2);
const matches = (name: string): boolean => words.length === 0 || words.some((word) => name.includes(word));
const MOST_STATES = Number(process.env.STATES ?? 4_000_000);
let failures = 0;

function row(name: string, ...columns: (string | number)[]): void {
  console.log(name.padEnd(62), ...columns.map((column) => String(column).padStart(10)));
}

if (what !== "mutants") {
  const core = await link();
  row("scenario", "bound", "states", "steps", "ends", "ms", "");
  for (const scenario of scenarios.filter(({ name }) => matches(name))) {
    const preemptions = boundOf(scenario, true);
    const r = runScenario(core, scenario, { states: MOST_STATES, preemptions });
    const verdict = r.failure !== undefined ? "FAILED" : r.complete ? "" : "cut off";
    row(scenario.name, preemptions ?? "", r.states, r.transitions, r.ends, Math.round(r.milliseconds), verdict);
    if (r.failure === undefined) continue;
    failures++;
    console.log(`\n${r.failure.message}\nreplayed: ${r.replayed}\n  ${r.trace.join("\n  ")}\n`);
  }
}
if (what !== "scenarios") {
  console.log();
  row("mutant", "states", "ms", "trace", "");
  for (const mutant of mutants.filter(({ name }) => matches(name))) {
    const { caught, states, milliseconds } = await runMutant(mutant, { states: MOST_STATES });
    const verdict = caught === undefined ? "SURVIVED" : `  ${caught.scenario}: ${caught.message}`.slice(0, 100);
    row(mutant.name, states, Math.round(milliseconds), caught?.trace.length ?? 0, verdict);
    if (caught === undefined || caught.replayed !== caught.message) failures++;
    if (words.length > 0 && caught !== undefined) console.log(`  ${caught.trace.join("\n  ")}`);
  }
}
process.exitCode = failures === 0 ? 0 : 1;
