import { isMain } from "heddle";
import { BrokenThreadPool, ThreadPoolExecutor, type ThreadPoolOptions } from "heddle/futures";
import { Event } from "heddle/threading";
import { executorSuite } from "./futures-executor-suite.ts";
import { futureSuite } from "./futures-future-suite.ts";
import type { ExecutorKind } from "./futures-kit.ts";
import { mapSuite } from "./futures-map-suite.ts";
import { waitSuite } from "./futures-wait-suite.ts";

const threadPool: ExecutorKind = {
  name: "ThreadPoolExecutor",
  make: (options) => new ThreadPoolExecutor(options as ThreadPoolOptions),
  gate: () => new Event(),
  Broken: BrokenThreadPool,
};

if (isMain(import.meta)) {
  futureSuite(threadPool);
  executorSuite(threadPool);
  mapSuite(threadPool);
  waitSuite(threadPool);
}
