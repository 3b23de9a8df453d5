// The program of twenty-items with a worker that forgets one taskDone, run by queues.test.ts.
import { isMain } from "heddle";
import { Queue } from "heddle/queue";
import { Event, Thread } from "heddle/threading";

export function forgetfulWorker(queue: Queue<number>, taken: Queue<number>): void {
  for (;;) {
    const item = queue.getSync();
    if (item !== 13) queue.taskDone();
    taken.putNowait(item);
  }
}

if (isMain(import.meta)) {
  const [queue, taken] = [new Queue<number>(), new Queue<number>()];
  for (let i = 0; i < 10; i++) new Thread({ target: forgetfulWorker, args: [queue, taken], daemon: true }).start();
  for (let item = 1; item <= 20; item++) queue.putNowait(item);
  const items = new Set<number>();
  while (items.size < 20) items.add(await taken.get());
  console.log(`all ${items.size} items taken`);

  const joined = queue.join().then(() => "all done");
  // Nothing can end this wait but its timeout: nobody sets the event.
  const timeout = new Event().wait({ timeout: 500 }).then(() => "not yet");
  console.log(`join after 500 ms: ${await Promise.race([joined, timeout])}`);
  queue.taskDone();
  console.log(`join after the last taskDone: ${await joined}`);
}
