/** A computation; and the program of a bare Worker that does it, to compare a heddle thread with. */
import { parentPort, workerData } from "node:worker_threads";

export function heavy(ms: number): number {
  const until = performance.now() + ms;
  let x = 0;
  while (performance.now() < until) for (let i = 0; i < 1000; i++) x = (x * 1_103_515_245 + 12_345) % 2_147_483_648;
  return x;
}

const given = workerData as { readonly heavy?: number } | null;
if (typeof given?.heavy === "number") parentPort!.postMessage(heavy(given.heavy));
