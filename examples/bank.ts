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

export async function customer(balance: Int32Array, doors: Barrier, lock?: Lock): Promise<void> {
  await doors.wait(); // Threads take a while to start; the bank opens when all of them are there.
  if (lock === undefined) return deposit(balance);
  using _ = await lock.acquire();
  await deposit(balance);
}

/** Lets `count` customers in at the same time, and gives the balance after the last has left. */
export async function openBank(count: number, lock?: Lock): Promise<number> {
  const balance = new Int32Array(new SharedArrayBuffer(4));
  const doors = new Barrier(count);
  const threads = Array.from({ length: count }, () => spawn(customer, balance, doors, lock));
  for (const thread of threads) await thread.join();
  return balance[0]!;
}

export async function main(count = 100): Promise<void> {
  for (const lock of [undefined, new Lock()]) {
    const started = performance.now();
    const balance = await openBank(count, lock);
    const seconds = ((performance.now() - started) / 1000).toFixed(2);
    console.log(`${count} deposits of 1 ${lock ? "with a" : "without"} lock: balance ${balance} (${seconds} s)`);
  }
}

if (isMain(import.meta)) await main();
