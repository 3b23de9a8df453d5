import { isMain } from "heddle";
import { Barrier, Condition, Event, Lock, RLock } from "heddle/threading";
import { barrierSuite } from "./barrier-suite.ts";
import { conditionSuite } from "./condition-suite.ts";
import { eventSuite } from "./event-suite.ts";
import { threads } from "./thread-backend.ts";

if (isMain(import.meta)) {
  eventSuite(threads, { make: () => new Event() });
  barrierSuite(threads, { make: (parties, options) => new Barrier(parties, options) });
  conditionSuite(threads, {
    make: (lock) => new Condition(lock as Lock | undefined),
    lock: () => new Lock(),
    rlock: () => new RLock(),
  });
}
