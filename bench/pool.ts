/**
 * Thread pools: heddle's against the others on npm, two workers each, in one run.
 *
 *   npm run bench -- pool               everything, about three minutes
 *   npm run bench -- pool noop trip     rows by their key: noop trip map copy move sum factorial cold depth memory
 *   npm run bench -- pool plot          everything, and writes docs/bench-pool.svg
 *
 * All take turns, round by round; a time is the median of the rounds, a ratio the median of the rounds' ratios.
 */

import fs from "node:fs";
import os from "node:os";
import { fileURLToPath } from "node:url";
import { isMain } from "heddle";
import { Bare } from "./pool/bare.ts";
import { heddle, openAll, rivals } from "./pool/entries.ts";
import { duration, median, rate, ROUNDS, type Times } from "./pool/measure.ts";
import { draw, type Panel } from "./pool/plot.ts";
import { report } from "./pool/report.ts";
import { memoryOf, type Pools, rows } from "./pool/rows.ts";

async function reportMemory(pools: Pools): Promise<void> {
  console.log("memory of a queued no-op task");
  for (const pool of pools.all) {
    const samples: number[] = [];
    for (let i = 0; i < 3; i++) samples.push(await memoryOf(pool));
    console.log(`  ${pool.name.padEnd(22)}${median(samples).toFixed(0).padStart(8)} bytes`);
  }
}

/** The rows of the plot, and what their figures are. */
const PANELS: readonly { readonly key: string; readonly title: string; readonly unit: "rate" | "time" }[] = [
  { key: "noop", title: "no-op tasks, 30 000 in flight", unit: "rate" },
  { key: "map", title: "items of a map", unit: "rate" },
  { key: "trip", title: "one task there and back", unit: "time" },
  { key: "cold", title: "cold start to the first result", unit: "time" },
];

function plot(found: ReadonlyMap<string, Times>): void {
  const panels = PANELS.flatMap(({ key, title, unit }): Panel[] => {
    const times = found.get(key);
    if (times === undefined) return [];
    const bars = [...times].map(([name, each]) => {
      const ns = median(each);
      return { name, value: unit === "rate" ? 1e9 / ns : ns, label: unit === "rate" ? rate(ns) : duration(ns) };
    });
    return [{ title, note: unit === "rate" ? "more is better" : "less is better", bars }];
  });
  const file = fileURLToPath(new URL("../../docs/bench-pool.svg", import.meta.url));
  fs.writeFileSync(file, draw(panels, `Node ${process.version}, two workers, median of ${ROUNDS} rounds`));
  console.log("wrote docs/bench-pool.svg");
}

async function main(words: readonly string[]): Promise<void> {
  const keys = words.filter((word) => word !== "plot");
  const unknown = keys.find((key) => key !== "memory" && !rows.some((row) => row.key === key));
  if (unknown !== undefined) {
    console.error(`pool: no row is called ${unknown}; there are ${rows.map(({ key }) => key).join(" ")} memory`);
    process.exitCode = 1;
    return;
  }
  const wanted = (key: string): boolean => keys.length === 0 || keys.includes(key);
  const load = os.loadavg()[0]!.toFixed(1);
  console.log(`pool, Node ${process.version}, two workers each, median of ${ROUNDS} rounds, load before ${load}`);
  const pools: Pools = { all: await openAll(heddle, rivals), bare: new Bare() };
  const found = new Map<string, Times>();
  for (const row of rows) {
    if (!wanted(row.key)) continue;
    console.log(row.heading);
    const times = await row.measure(pools);
    found.set(row.key, times);
    report(row, times);
  }
  if (wanted("memory")) await reportMemory(pools);
  if (words.includes("plot")) plot(found);
  // Not by closing them: one of the pools does not always come to its end.
  process.exit();
}

if (isMain(import.meta)) await main(process.argv.slice(2));
