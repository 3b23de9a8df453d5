/**
 * The fault tests at full length: `npm run test:long`. Arguments: names of some of them, to run no others; or kills,
 * passes through a lock, items, minutes of a crowd and waits that are given up, as numbers in that order.
 */

import { isMain } from "heddle";
import { contend, crowd, exchange, giveUp, killMovers } from "./run.ts";

if (isMain(import.meta)) {
  const words = process.argv.slice(2);
  const numbers = words.map(Number).filter((n) => !Number.isNaN(n));
  const names = words.filter((word) => Number.isNaN(Number(word)));
  const [kills = 10_000, passes = 100_000_000, items = 10_000_000, minutes = 3, waits = 1_000_000] = numbers;
  const tests: readonly (readonly [name: string, what: string, run: () => Promise<void>])[] = [
    ["exchange", `${items} items, 4 put and 4 get`, () => exchange(items)],
    ["contend", `${passes} passes through one lock`, () => contend(passes)],
    ["giveup", `${waits} waits that are given up`, () => giveUp(waits)],
    ["crowd", `${minutes} minutes of waits, blocking or not, with timeouts and signals`, () => crowd(60_000 * minutes)],
    ["kills", `${kills} kills`, () => killMovers(kills, 3)],
  ];
  for (const [name, what, run] of tests) {
    if (names.length > 0 && !names.includes(name)) continue;
    const began = performance.now();
    await run();
    console.log(`${what}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
}
