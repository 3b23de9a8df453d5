import { isMain } from "heddle";
import { Queue } from "heddle/queue";
import { queueSuite } from "./queue-suite.ts";
import { threads } from "./thread-backend.ts";

if (isMain(import.meta)) {
  queueSuite(threads, { name: "Queue", make: (maxsize) => new Queue(maxsize), order: [111, 333, 222] });
}
