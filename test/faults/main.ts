/**
 * The fault tests at full length: `npm run test:long`. Arguments: names of some of them, to run no others; or kills,
 * passes through a lock, items, minutes of a crowd, waits that are given up and kills of processes, as numbers in that
 * order.
 */

import { isMain } from "heddle";
import { killProcesses } from "./processes.ts";
import { contend, crowd, exchange, giveUp, killMovers } from "./run.ts";

if (isMain(import.meta)) {
  const words = process.argv.slice(2);
  const numbers = words.map(Number).filter((n) => !Number.isNaN(n));
  const names = words.filter((word) => Number.isNaN(Number(word)));
  const [kills = 10_000, passes = 100_000_000, items = 10_000_000, minutes = 3, waits = 1_000_000, processes = 500] =
    numbers;
  const tests: readonly (readonly [name: string, what: string, run: () => unknown])[] = [
    ["exchange", `${items} items, 4 put and 4 get`, () => exchange(items)],
    ["contend", `${passes} passes through one lock`, () => contend(passes)],
    ["giveup", `${waits} waits that are given up`, () => giveUp(waits)],
    ["crowd", `${minutes} minutes of waits, blocking or not, with timeouts and signals`, () => crowd(60_000 * minutes)],
    ["kills", `${kills} kills`, () => killMovers(kills, 3)],
    ["processes", `${processes} kills of processes`, () => killProcesses(processes)],
  ];
  for (const [name, what, run] of tests) {
    if (names.length > 0 && !names.includes(name)) continue;
    const began = performance.now();
    await run();
    console.log(`${what}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
}
