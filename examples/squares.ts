// Ten threads, each squares one number. They print in any order; join() gives the results in ours.
// Python: threads = [Thread(target=square, args=(i,)) for i in range(10)]
import { isMain } from "heddle";
import { currentThread, spawn } from "heddle/threading";

export function square(n: number): number {
  console.log(`${currentThread().name}: the square of ${n} is ${n * n}`);
  return n * n;
}

export async function main(): Promise<void> {
  const threads = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => spawn(square, n));
  const squares = [];
  for (const thread of threads) squares.push(await thread.join());
  console.log(`in order: ${squares.join(" ")}`);
}

if (isMain(import.meta)) await main();
