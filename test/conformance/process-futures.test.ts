/** The suites of executors over processes; what holds for them alone is in process-pools.test.ts. */
import { isMain } from "heddle";
import { BrokenProcessPool } from "heddle/errors";
import { Event, int32, ProcessPoolExecutor, type ProcessPoolOptions, Queue, SharedArray } from "heddle/multiprocessing";
import { executorSuite } from "./futures-executor-suite.ts";
import { futureSuite } from "./futures-future-suite.ts";
import type { ExecutorKind } from "./futures-kit.ts";
import { mapSuite } from "./futures-map-suite.ts";
import { waitSuite } from "./futures-wait-suite.ts";

const processPool: ExecutorKind = {
  name: "ProcessPoolExecutor",
  make: (options) => new ProcessPoolExecutor(options as ProcessPoolOptions),
  gate: () => new Event(),
  mailbox: () => new Queue<string>(),
  words: (length) => new SharedArray(int32, length).data as Int32Array,
  here: false,
  inProcesses: true,
  Broken: BrokenProcessPool,
};

if (isMain(import.meta)) {
  futureSuite(processPool);
  executorSuite(processPool);
  mapSuite(processPool);
  waitSuite(processPool);
}
