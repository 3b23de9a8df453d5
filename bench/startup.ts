/**
 * Cold start: from `import "heddle"` to the first result of a thread, against a bare `new Worker` that posts one message.
 * Each sample is a fresh process; the two take turns.
 */

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const ROUNDS = 15;

const programs = {
  bare: fileURLToPath(new URL("./startup/bare.js", import.meta.url)),
  thread: fileURLToPath(new URL("./startup/thread.js", import.meta.url)),
  pool: fileURLToPath(new URL("./startup/pool.js", import.meta.url)),
};

type Name = keyof typeof programs;

function sample(name: Name): number {
  return Number(execFileSync(process.execPath, [programs[name]], { encoding: "utf8" }));
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

const names = Object.keys(programs) as Name[];
const samples: Record<Name, number[]> = { bare: [], thread: [], pool: [] };
for (let round = 0; round < ROUNDS; round++) for (const name of names) samples[name].push(sample(name));

const bare = median(samples.bare);
console.log(`startup  bare Worker, one message             ${bare.toFixed(1)} ms  (median of ${ROUNDS} processes)`);
for (const name of ["thread", "pool"] as const) {
  const time = median(samples[name]);
  const what = name === "thread" ? "first result of a Thread" : "first result of a ThreadPoolExecutor";
  console.log(`startup  ${what.padEnd(36)} ${time.toFixed(1)} ms  ${(time / bare).toFixed(2)} × bare`);
}
