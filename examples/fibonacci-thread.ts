// A Thread subclass that computes: each thread finds its Fibonacci number and prints it.
// Python: class FibonacciThread(Thread): def run(self): ...
import { isMain } from "heddle";
import { Thread } from "heddle/threading";

export class FibonacciThread extends Thread<[], void> {
  readonly n: number;
  value = 0n;

  constructor(n: number) {
    super();
    this.n = n;
  }

  override run(): void {
    this.value = fibonacci(this.n);
    console.log(`${this.name}: fibonacci(${this.n}) = ${this.value}`);
  }
}

export function fibonacci(n: number): bigint {
  let [current, next] = [0n, 1n];
  for (let i = 0; i < n; i++) [current, next] = [next, current + next];
  return current;
}

export async function main(): Promise<void> {
  const threads = [10, 50, 100].map((n) => new FibonacciThread(n).start());
  for (const thread of threads) await thread.join();
  console.log(`back in the main thread: ${threads.map((thread) => thread.value).join(", ")}`);
}

if (isMain(import.meta)) await main();
