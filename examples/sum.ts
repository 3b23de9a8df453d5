// The sum of 1…100 000 000: in one loop, and in eight slices over all cores.
// Python: with ProcessPoolExecutor() as pool: sum(pool.map(sum_slice, slices))
import { availableParallelism } from "node:os";
import { isMain } from "heddle";
import { ThreadPoolExecutor } from "heddle/futures";

/** The numbers `from`…`to`, both included. */
export interface Slice {
  from: number;
  to: number;
}

export function sumSlice({ from, to }: Slice): number {
  let sum = 0;
  for (let n = from; n <= to; n++) sum += n;
  return sum;
}

export function cut(last: number, parts: number): Slice[] {
  const length = last / parts;
  return Array.from({ length: parts }, (_, i) => ({ from: i * length + 1, to: (i + 1) * length }));
}

export async function main(last = 100_000_000): Promise<void> {
  const [sum, single] = await timed(() => sumSlice({ from: 1, to: last }));
  console.log(`one loop: ${sum} in ${single.toFixed(3)} s`);

  const cores = availableParallelism();
  const slices = cut(last, 8);
  await using pool = new ThreadPoolExecutor({ maxWorkers: cores });
  // The first call also starts the threads; a program pays for that once.
  const [partials, first] = await timed(() => pool.map(sumSlice, slices, { chunksize: 1 }));
  partials.forEach((partial, k) => console.log(`  slice ${k}: ${partial}`));
  console.log(`eight slices: ${add(partials)} in ${first.toFixed(3)} s, with starting ${cores} threads`);

  const [again, ready] = await timed(() => pool.map(sumSlice, slices, { chunksize: 1 }));
  console.log(`and again: ${add(again)} in ${ready.toFixed(3)} s, speed-up ${(single / ready).toFixed(2)} ×`);
}

function add(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b);
}

/** Calls a function; gives its result and the seconds that it took. */
async function timed<T>(fn: () => T | PromiseLike<T>): Promise<[T, number]> {
  const started = performance.now();
  const result = await fn();
  return [result, (performance.now() - started) / 1000];
}

if (isMain(import.meta)) await main(Number(process.argv[2] ?? 100_000_000));
