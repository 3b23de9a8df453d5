/**
 * Processes: heddle's against child_process, the pools of processes on npm, CPython's, and what the system gives.
 *
 *   npm run bench -- process                everything, about three minutes
 *   npm run bench -- process objects noop   rows by their key:
 *                                           start integers objects lock hand array sum noop trip map cpu
 *
 * All take turns, round by round; a time is the median of the rounds, a ratio the median of the rounds' ratios.
 */

import os from "node:os";
import { isMain } from "heddle";
import type { Contestant } from "./pool/contestant.ts";
import { openAll } from "./pool/entries.ts";
import { ROUNDS } from "./pool/measure.ts";
import { report } from "./pool/report.ts";
import { heddle, rivals } from "./process/entries.ts";
import { poolRows } from "./process/pools.ts";
import { rows } from "./process/rows.ts";

const all = [...rows, ...poolRows];

async function main(keys: readonly string[]): Promise<void> {
  const unknown = keys.find((key) => !all.some((row) => row.key === key));
  if (unknown !== undefined) {
    console.error(`process: no row is called ${unknown}; there are ${all.map(({ key }) => key).join(" ")}`);
    process.exitCode = 1;
    return;
  }
  const load = os.loadavg()[0]!.toFixed(1);
  console.log(`process, Node ${process.version}, median of ${ROUNDS} rounds, load before ${load}`);
  let pools: Promise<Contestant[]> | undefined;
  for (const row of all) {
    if (keys.length > 0 && !keys.includes(row.key)) continue;
    console.log(row.heading);
    report(row, await row.measure(() => (pools ??= openAll(heddle, rivals))));
  }
  // Not by closing them: one of the pools does not always come to its end.
  process.exit();
}

if (isMain(import.meta)) await main(process.argv.slice(2));
