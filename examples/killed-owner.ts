// A process is killed (kill -9) while it holds a lock, and what its neighbours see.
// Python: the lock stays locked for ever, and everyone who waits for it hangs.
import { isMain } from "heddle";
import { OwnerDiedError } from "heddle/errors";
import { Event, int32, Lock, Process, Value } from "heddle/multiprocessing";

/** Takes the lock, does half of what it protects, and never comes back. */
async function half(lock: Lock, left: Value, taken: Event): Promise<void> {
  await lock.acquire();
  left.value -= 10;
  taken.set();
  await new Event().wait();
}

/** Waits for the lock, and sets right what its owner left behind. */
function neighbour(lock: Lock, left: Value, right: Value): void {
  try {
    lock.acquireSync();
  } catch (error) {
    if (!(error instanceof OwnerDiedError)) throw error;
    console.log(`the neighbour: ${error.name}`);
    lock.recover();
  }
  right.value = 100 - left.value;
  lock.release();
}

export async function main(): Promise<void> {
  const [lock, taken] = [new Lock(), new Event()];
  const [left, right] = [new Value(int32, 100), new Value(int32, 0)];
  const owner = new Process({ target: half, args: [lock, left, taken] }).start();
  await taken.wait();
  const waiting = new Process({ target: neighbour, args: [lock, left, right] }).start();

  console.log(`the owner has moved half: ${left.value} + ${right.value}, and is killed`);
  owner.kill();
  await owner.join().catch(() => undefined);
  console.log(`the owner's exit code: ${owner.exitcode}`);
  await waiting.join();
  console.log(`set right: ${left.value} + ${right.value}, the lock is ${lock.locked ? "locked" : "free"}`);
}

if (isMain(import.meta)) await main();
