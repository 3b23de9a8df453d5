// Fifteen threads want a connection, but only five may be open at the same time: a BoundedSemaphore counts them.
// Python: pool = BoundedSemaphore(value=5); with pool: ...
import { setTimeout as sleep } from "node:timers/promises";
import { isMain } from "heddle";
import { Barrier, BoundedSemaphore, Lock, spawn } from "heddle/threading";

const limit = 5;

/** Counts the open connections, to see whether the limit held. An object like this arrives in a thread with its class. */
export class Gauge {
  readonly lock: Lock = new Lock();
  /** [open now, most open at the same time] */
  readonly counts: Int32Array = new Int32Array(new SharedArrayBuffer(8));

  add(change: number): void {
    using _ = this.lock.acquireSync();
    const open = this.counts[0]! + change;
    this.counts[0] = open;
    this.counts[1] = Math.max(this.counts[1]!, open);
  }

  get highest(): number {
    return this.counts[1]!;
  }
}

export async function client(n: number, rush: Barrier, connections: BoundedSemaphore, gauge: Gauge): Promise<void> {
  await rush.wait(); // so that all clients come at once
  using _ = await connections.acquire();
  gauge.add(+1);
  console.log(`client ${n} is connected`);
  await sleep(100);
  gauge.add(-1);
}

export async function main(clients = 15): Promise<void> {
  const connections = new BoundedSemaphore(limit);
  const rush = new Barrier(clients);
  const gauge = new Gauge();
  const threads = Array.from({ length: clients }, (_, n) => spawn(client, n + 1, rush, connections, gauge));
  for (const thread of threads) await thread.join();

  console.log(`most connections at the same time: ${gauge.highest} (the limit is ${limit})`);
  console.log(`free at the end: ${connections.value}`);
}

if (isMain(import.meta)) await main();
