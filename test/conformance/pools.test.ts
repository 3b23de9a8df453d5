import assert from "node:assert/strict";
import { test } from "node:test";
import { isMain } from "heddle";
import { BrokenProcessPool, BrokenThreadPool } from "heddle/errors";
import { Event, int32, Pool, SharedArray, ThreadPool } from "heddle/multiprocessing";
import { Event as ThreadEvent } from "heddle/threading";
import { defaultChunksize } from "../../src/multiprocessing/chunked-call.ts";
import { words } from "./futures-kit.ts";
import { poolSuite } from "./pool-suite.ts";

if (isMain(import.meta)) {
  poolSuite({
    name: "Pool",
    make: (processes, options) => new Pool(processes, options),
    gate: () => new Event(),
    words: (length) => new SharedArray(int32, length).data as Int32Array,
    Broken: BrokenProcessPool,
    endsWorkers: true,
  });
  poolSuite({
    name: "ThreadPool",
    make: (processes, options) => new ThreadPool(processes, options),
    gate: () => new ThreadEvent(),
    words,
    Broken: BrokenThreadPool,
    endsWorkers: false,
  });

  test("POOL-2 the size of chunks if nobody says", () => {
    const sizes = [0, 1, 12, 13, 100].map((length) => defaultChunksize(length, 3));
    assert.deepEqual(sizes, [0, 1, 1, 2, 9]);
  });
}
