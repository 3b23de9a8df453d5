// A hundred threads pay 1 into one account. Without a lock most payments are lost; with one all hundred arrive.
// Python: with lock: new_balance = self.balance + money; time.sleep(0.01); self.balance = new_balance
import { setTimeout as sleep } from "node:timers/promises";
import { isMain } from "heddle";
import { Barrier, Lock, spawn } from "heddle/threading";

/** Reads the balance, thinks for 10 ms, writes it. Whoever pays in between is overwritten. */
export async function deposit(balance: Int32Array): Promise<void> {
  const before = balance[0]!;
  await sleep(10);
  balance[0] = before + 1;
}

export async function customer(open: Int32Array, locked: Int32Array, lock: Lock, doors: Barrier): Promise<void> {
  await doors.wait(); // Threads take a while to start: the bank opens when everybody is there.
  await deposit(open);

  await doors.wait();
  using _ = await lock.acquire();
  await deposit(locked);
}

export async function main(count = 100): Promise<void> {
  // Two accounts in shared memory: the threads get the same arrays, the same lock and the same barrier.
  const open = new Int32Array(new SharedArrayBuffer(4));
  const locked = new Int32Array(new SharedArrayBuffer(4));
  const lock = new Lock();
  const doors = new Barrier(count + 1); // the customers and this thread

  let started = performance.now();
  const threads = Array.from({ length: count }, () => spawn(customer, open, locked, lock, doors));
  await doors.wait();
  console.log(`${count} threads started in ${secondsSince(started)} s`);

  started = performance.now();
  await doors.wait();
  console.log(`without a lock: ${count} deposits of 1, balance ${open[0]}, ${secondsSince(started)} s`);

  for (const thread of threads) await thread.join();
  console.log(`with a lock: ${count} deposits of 1, balance ${locked[0]}, ${secondsSince(started)} s`);
}

function secondsSince(started: number): string {
  return ((performance.now() - started) / 1000).toFixed(2);
}

if (isMain(import.meta)) await main();
