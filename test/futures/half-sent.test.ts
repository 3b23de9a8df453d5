/** A Pool's map of which one item cannot be sent, when a worker is at those before it. */
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { isMain } from "heddle";
import { NotSendableError } from "heddle/errors";
import { ThreadPool } from "heddle/multiprocessing";
import { int32, SharedArray } from "heddle/shared";
import { say, waitFor } from "./programs/gate.ts";

if (isMain(import.meta)) {
  test("the function is there until what runs has come back", async () => {
    process.env["HEDDLE_GATE"] = fs.mkdtempSync(path.join(os.tmpdir(), "heddle-gate-"));
    const pool = new ThreadPool(1);
    const ran = new SharedArray(int32, 4).data as Int32Array;
    const label = "x".repeat(100);
    const bad = {
      get value() {
        // By now the worker has the first item, and is loading the module of the function, which it has not read.
        waitFor("reached");
        return Symbol("not sendable");
      },
    };
    const work = (item: unknown): number => Atomics.add(ran, Number(item), label.length);
    assert.throws(() => pool.mapAsync(work, [1, bad, 2], { chunksize: 1 }), NotSendableError);
    // Where the function was, others are now.
    const others = Array.from({ length: 50 }, (_, i) => {
      const text = "y".repeat(100);
      return pool.applyAsync(() => text.length + i);
    });
    say("open");
    for (const [i, other] of others.entries()) assert.equal(await other.get(), 100 + i);
    assert.deepEqual([...ran], [0, 100, 0, 0]);
    pool.close();
    await pool.join();
    fs.rmSync(process.env["HEDDLE_GATE"], { recursive: true });
  });
}
