/** Programs that deadlock in their main thread, or are warned of it. The test says which. */
import { isMain } from "heddle";
import { DeadlockError } from "heddle/errors";
import { Barrier, Event, Lock, mainThread, RLock, spawn } from "heddle/threading";

function cross(first: Lock | RLock, second: Lock | RLock, both: Barrier): string {
  first.acquireSync();
  both.waitSync();
  try {
    second.acquireSync();
    second.release();
    return "acquired";
  } catch (error) {
    return (error as Error).name;
  } finally {
    first.release();
  }
}

/** Two Locks, taken in opposite order. When asked to on stdin, this thread releases one of them. */
async function locks(): Promise<void> {
  const [a, b, both] = [new Lock(), new Lock(), new Barrier(2)];
  const threads = [spawn(cross, a, b, both), spawn(cross, b, a, both)];
  for await (const _ of process.stdin) break;
  // Long enough for more looks at the same deadlock.
  await a.acquire({ timeout: 3_500 });
  a.release();
  const ends = await Promise.allSettled(threads.map((thread) => thread.join()));
  console.log(ends.map((end) => (end.status === "fulfilled" ? end.value : (end.reason as Error).message)).join("\n"));
}

/** The main thread awaits a thread that joins the main thread. */
async function main(): Promise<void> {
  const thread = spawn(async () => {
    try {
      await mainThread().join();
    } catch (error) {
      return (error as Error).message;
    }
    return "the main thread ended";
  });
  try {
    console.log("joined:", await thread.join());
  } catch (error) {
    console.log(error instanceof DeadlockError, (error as Error).message);
  }
}

/** The main thread awaits a thread that joins it, but a message from its parent may still end that. */
async function served(): Promise<void> {
  const message = new Promise((resolve) => process.once("message", resolve));
  const thread = spawn(() => mainThread().join());
  const first = await Promise.race([message, thread.join().catch((error: Error) => error.message)]);
  console.log("first:", first);
  process.disconnect();
}

/** The main thread blocks, holding what its thread wants. */
function blocked(): void {
  const [lock, begun] = [new RLock(), new Event()];
  lock.acquireSync();
  const thread = spawn(
    (lock: RLock, begun: Event) => {
      begun.set();
      try {
        lock.acquireSync();
        return "acquired";
      } catch (error) {
        return (error as Error).message;
      }
    },
    lock,
    begun,
  );
  begun.waitSync();
  try {
    console.log("thread:", thread.joinSync());
  } catch (error) {
    console.log("main:", (error as Error).message);
  }
  lock.release();
}

if (isMain(import.meta)) {
  const programs: Record<string, () => unknown> = { locks, main, served, blocked };
  await programs[process.argv[2]!]!();
}
