import { isMain } from "heddle";
import { Queue } from "heddle/multiprocessing";

import { processes } from "./process-backend.ts";
import { queueSuite } from "./queue-suite.ts";

if (isMain(import.meta)) {
  queueSuite(processes, { name: "Queue", make: (maxsize) => new Queue(maxsize), order: [111, 333, 222] });
}
