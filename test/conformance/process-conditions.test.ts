import { isMain } from "heddle";
import { Barrier, Condition, Event, Lock, RLock } from "heddle/multiprocessing";
import { barrierSuite } from "./barrier-suite.ts";
import { conditionSuite } from "./condition-suite.ts";
import { eventSuite } from "./event-suite.ts";
import { processes } from "./process-backend.ts";

if (isMain(import.meta)) {
  eventSuite(processes, { make: () => new Event() });
  barrierSuite(processes, { make: (parties, options) => new Barrier(parties, options) });
  conditionSuite(processes, {
    make: (lock) => new Condition(lock as Lock | undefined),
    lock: () => new Lock(),
    rlock: () => new RLock(),
  });
}
