import { isMain } from "heddle";
import { BoundedSemaphore, Lock, RLock, Semaphore } from "heddle/threading";
import { lockSuite } from "./lock-suite.ts";
import { rlockSuite } from "./rlock-suite.ts";
import { semaphoreSuite } from "./semaphore-suite.ts";
import { threads } from "./thread-backend.ts";

if (isMain(import.meta)) {
  lockSuite(threads, { make: () => new Lock() });
  rlockSuite(threads, { make: () => new RLock() });
  semaphoreSuite(threads, {
    make: (value) => new Semaphore(value),
    makeBounded: (value) => new BoundedSemaphore(value),
  });
}
