// Two threads increase one value. Each reads it, takes its time and writes it back: the lock makes that one step.
// Python: with lock: local_copy = database_value; ...; database_value = local_copy
import { setTimeout as sleep } from "node:timers/promises";
import { isMain } from "heddle";
import { currentThread, Lock, spawn } from "heddle/threading";

export async function increase(database: Int32Array, lock: Lock): Promise<void> {
  using _ = await lock.acquire(); // released at the end of the block, also after an error
  const value = database[0]!;
  await sleep(100);
  database[0] = value + 1;
  console.log(`${currentThread().name}: ${value} -> ${value + 1}`);
}

export async function main(): Promise<void> {
  // Memory that threads share. An array on it and a lock arrive in a thread as the same array and the same lock.
  const database = new Int32Array(new SharedArrayBuffer(4));
  const lock = new Lock();

  console.log(`start value: ${database[0]}`);
  const first = spawn(increase, database, lock);
  const second = spawn(increase, database, lock);
  await first.join();
  await second.join();
  console.log(`end value: ${database[0]}`);
}

if (isMain(import.meta)) await main();
