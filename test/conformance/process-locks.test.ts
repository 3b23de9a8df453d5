import { isMain } from "heddle";
import { BoundedSemaphore, Lock, RLock, Semaphore } from "heddle/multiprocessing";
import { lockSuite } from "./lock-suite.ts";
import { processes } from "./process-backend.ts";
import { rlockSuite } from "./rlock-suite.ts";
import { semaphoreSuite } from "./semaphore-suite.ts";

if (isMain(import.meta)) {
  lockSuite(processes, { make: () => new Lock() });
  rlockSuite(processes, { make: () => new RLock() });
  semaphoreSuite(processes, {
    make: (value) => new Semaphore(value),
    makeBounded: (value) => new BoundedSemaphore(value),
  });
}
