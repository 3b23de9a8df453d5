// The sum of 1…100 000 000 in eight processes, which put their parts into one queue.
// Python: Process(target=partial_sum, args=(from_, to, results)); results.get()
import { isMain } from "heddle";
import { Process, Queue } from "heddle/multiprocessing";
import { spawn } from "heddle/threading";
import { Queue as ThreadQueue } from "heddle/queue";

function partialSum(from: number, to: number, results: { putSync(part: number): void }): void {
  let sum = 0;
  for (let n = from; n <= to; n++) sum += n;
  results.putSync(sum);
}

const PARTS = 8;

export async function main(last = 100_000_000): Promise<void> {
  const slices = Array.from({ length: PARTS }, (_, i) => [(i * last) / PARTS + 1, ((i + 1) * last) / PARTS] as const);

  const one = await timed("one process", async () => {
    const results = new Queue<number>();
    await new Process({ target: partialSum, args: [1, last, results] }).start().join();
    return results.getNowait();
  });
  const eight = await timed("eight processes", async () => {
    const results = new Queue<number>();
    const children = slices.map(([from, to]) => new Process({ target: partialSum, args: [from, to, results] }).start());
    for (const child of children) await child.join();
    return drain(results);
  });
  const threads = await timed("eight threads", async () => {
    const results = new ThreadQueue<number>();
    const started = slices.map(([from, to]) => spawn(partialSum, from, to, results));
    for (const thread of started) await thread.join();
    return drain(results);
  });
  console.log(`eight processes: ${(one / eight).toFixed(2)} × as fast as one, threads ${(one / threads).toFixed(2)} ×`);
}

/** Everyone who puts has ended: what is not there now never comes. */
function drain(results: { readonly empty: boolean; getNowait(): number }): number {
  let sum = 0;
  while (!results.empty) sum += results.getNowait();
  return sum;
}

async function timed(what: string, run: () => Promise<number>): Promise<number> {
  const started = performance.now();
  const sum = await run();
  const seconds = (performance.now() - started) / 1000;
  console.log(`${what}: ${sum} in ${seconds.toFixed(3)} s`);
  return seconds;
}

if (isMain(import.meta)) await main(Number(process.argv[2] ?? 100_000_000));
