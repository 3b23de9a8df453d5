/**
 * Run as a program: `node fresh.js cold NAME` prints the milliseconds from the pool's import to its first result,
 * `node fresh.js memory NAME N` the bytes that each of N queued tasks takes.
 */

import { heddle, rivals } from "./entries.ts";

const [question, name, count] = process.argv.slice(2);
const entry = [heddle, ...rivals].find((each) => each.name === name);
if (entry === undefined) throw new Error(`no pool is called ${String(name)}`);

async function cold(): Promise<number> {
  const start = performance.now();
  const pool = await entry!.open();
  const result = await pool.run("increment", 1);
  const took = performance.now() - start;
  if (result !== 2) throw new Error(`1 + 1 = ${String(result)}`);
  return took;
}

/** This thread has no turn in between, so that all tasks are queued or unanswered when it looks. */
async function memory(n: number): Promise<number> {
  const pool = await entry!.open();
  await Promise.all(Array.from({ length: 100 }, () => pool.run("noop")));
  const before = process.memoryUsage().rss;
  const queued: PromiseLike<unknown>[] = [];
  for (let i = 0; i < n; i++) queued.push(pool.run("noop"));
  const after = process.memoryUsage().rss;
  await Promise.all(queued);
  return (after - before) / n;
}

const found = question === "cold" ? await cold() : await memory(Number(count));
// Not by process.exit: what was written to a pipe may be lost then.
process.stdout.write(`${found}\n`, () => process.exit());
