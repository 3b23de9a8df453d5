/** The fault tests at full length: `npm run test:long`. Arguments: kills, passes through a lock, items. */

import { isMain } from "heddle";
import { contend, exchange, killMovers } from "./run.ts";

async function timed(name: string, run: () => Promise<void>): Promise<void> {
  const began = performance.now();
  await run();
  console.log(`${name}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

if (isMain(import.meta)) {
  const [kills = 10_000, passes = 100_000_000, items = 10_000_000] = process.argv.slice(2).map(Number);
  await timed(`${items} items, 4 put and 4 get`, () => exchange(items));
  await timed(`${passes} passes through one lock`, () => contend(passes));
  await timed(`${kills} kills`, () => killMovers(kills, 3));
}
