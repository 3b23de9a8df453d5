import { isMain } from "heddle";
import { LifoQueue, PriorityQueue, SimpleQueue } from "heddle/multiprocessing";
import { priorityQueueSuite } from "./priority-queue-suite.ts";
import { processes } from "./process-backend.ts";
import { queueSuite } from "./queue-suite.ts";
import { simpleQueueSuite } from "./simple-queue-suite.ts";

function byValue(a: unknown, b: unknown): number {
  return (a as number) - (b as number) || 0;
}

if (isMain(import.meta)) {
  queueSuite(processes, { name: "LifoQueue", make: (maxsize) => new LifoQueue(maxsize), order: [222, 333, 111] });
  queueSuite(processes, {
    name: "PriorityQueue with compare",
    make: (maxsize) => new PriorityQueue(maxsize, { compare: byValue }),
    order: [111, 222, 333],
  });
  priorityQueueSuite(processes, {
    make: (maxsize, options) => new PriorityQueue(maxsize, options),
  });
  simpleQueueSuite(processes, { make: () => new SimpleQueue() });
}
