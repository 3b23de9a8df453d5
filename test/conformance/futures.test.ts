import { isMain } from "heddle";
import { BrokenThreadPool, CoroutineExecutor, ThreadPoolExecutor, type ThreadPoolOptions } from "heddle/futures";
import { Queue } from "heddle/queue";
import { Event } from "heddle/threading";
import { executorSuite } from "./futures-executor-suite.ts";
import { futureSuite } from "./futures-future-suite.ts";
import { type ExecutorKind, words } from "./futures-kit.ts";
import { mapSuite } from "./futures-map-suite.ts";
import { waitSuite } from "./futures-wait-suite.ts";

const threadPool: ExecutorKind = {
  name: "ThreadPoolExecutor",
  make: (options) => new ThreadPoolExecutor(options as ThreadPoolOptions),
  gate: () => new Event(),
  mailbox: () => new Queue<string>(),
  words,
  here: false,
  Broken: BrokenThreadPool,
};

const coroutines: ExecutorKind = {
  name: "CoroutineExecutor",
  make: (options) => new CoroutineExecutor(options),
  gate: () => new Event(),
  mailbox: () => new Queue<string>(),
  words,
  here: "runs where it is called: nothing is copied, and there are no workers",
  Broken: BrokenThreadPool,
};

if (isMain(import.meta)) {
  for (const kind of [threadPool, coroutines]) {
    futureSuite(kind);
    executorSuite(kind);
    mapSuite(kind);
    waitSuite(kind);
  }
}
