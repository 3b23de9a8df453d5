// Ten daemon threads work through twenty items. join() on the queue returns after the last taskDone(), and the
// program ends by itself although the workers never return.
// Python: Thread(target=worker, args=(q, lock), daemon=True).start(); q.join()
import { setTimeout as sleep } from "node:timers/promises";
import { isMain } from "heddle";
import { Queue } from "heddle/queue";
import { activeCount, currentThread, Thread } from "heddle/threading";

export async function worker(queue: Queue<number>): Promise<never> {
  for (;;) {
    const item = queue.getSync(); // waits for the next item
    await sleep(20);
    console.log(`${currentThread().name} got ${item}`);
    queue.taskDone();
  }
}

export async function main(): Promise<void> {
  const queue = new Queue<number>();
  for (let i = 0; i < 10; i++) {
    new Thread({ target: worker, args: [queue], daemon: true }).start();
  }
  for (let item = 1; item <= 20; item++) await queue.put(item);

  await queue.join();
  console.log(`all items done, ${queue.qsize} left, ${activeCount()} threads alive: the workers wait for more`);
}

if (isMain(import.meta)) await main();
