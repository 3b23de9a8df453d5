import { isMain } from "heddle";
import { LifoQueue, PriorityQueue, SimpleQueue } from "heddle/queue";
import { priorityQueueSuite } from "./priority-queue-suite.ts";
import { queueSuite } from "./queue-suite.ts";
import { simpleQueueSuite } from "./simple-queue-suite.ts";
import { threads } from "./thread-backend.ts";

function byValue(a: unknown, b: unknown): number {
  return (a as number) - (b as number) || 0;
}

if (isMain(import.meta)) {
  queueSuite(threads, { name: "LifoQueue", make: (maxsize) => new LifoQueue(maxsize), order: [222, 333, 111] });
  queueSuite(threads, { name: "PriorityQueue", make: (maxsize) => new PriorityQueue(maxsize), order: [111, 222, 333] });
  queueSuite(threads, {
    name: "PriorityQueue with compare",
    make: (maxsize) => new PriorityQueue(maxsize, { compare: byValue }),
    order: [111, 222, 333],
  });
  priorityQueueSuite(threads, {
    make: (maxsize, options) => new PriorityQueue(maxsize, options),
  });
  simpleQueueSuite(threads, { make: () => new SimpleQueue() });
}
