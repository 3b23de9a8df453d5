import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMain } from "heddle";
import { CancelledError, TimeoutError } from "heddle/errors";
import { BrokenThreadPool, ThreadPoolExecutor } from "heddle/futures";
import { Event, spawn } from "heddle/threading";
import { fail } from "./programs/later.ts";

/** All of it in whatever thread calls it: blocks for results of a pool of its own. */
function blockForMany(n: number): number {
  const pool = new ThreadPoolExecutor({ maxWorkers: 2 });
  const futures = Array.from({ length: n }, (_, i) => pool.submit(Math.abs, -i));
  let total = 0;
  for (const future of futures.toReversed()) total += future.resultSync();
  return total;
}

if (isMain(import.meta)) {
  describe("resultSync", () => {
    test("500 results, last first, from the main thread", () => {
      assert.equal(blockForMany(500), 124_750);
    });

    test("from inside a thread, and from inside a task, with a pool of its own", async () => {
      assert.equal(await spawn(blockForMany, 50).join(), 1225);
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      assert.equal(pool.submit(blockForMany, 20).resultSync(), 190);
    });

    test("throws what the task threw, with the stacks of both sides", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const future = pool.submit(fail, "sync");
      assert.throws(
        () => future.resultSync(),
        (error: Error) =>
          error.name === "LaterError" &&
          error.message === "sync" &&
          /later\.[jt]s[^]*sync\.test\.[jt]s/.test(error.stack!),
      );
    });

    test("of an async task: the worker's loop goes on while this one is blocked", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const future = pool.submit(async () => {
        for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 1));
        return "done";
      });
      assert.equal(future.resultSync(), "done");
    });

    test("of a class whose module is not loaded here", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const make = async (): Promise<unknown> => new (await import("./programs/only-there.js" as string)).OnlyThere(5);
      const value = await pool.submit(make);
      assert.deepEqual([(value as object).constructor.name, (value as { n: number }).n], ["OnlyThere", 5]);
      const again = pool.submit(make).resultSync() as { n: number };
      assert.equal(again.n, 5);
    });

    test("of a queued task that a callback cancels meanwhile: CancelledError", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const [first, second] = [new Event(), new Event()];
      const pass = (gate: Event): boolean => gate.waitSync();
      const begun = pool.submit(pass, first);
      // Keeps the worker from the third.
      const blocking = pool.submit(pass, second);
      const victim = pool.submit(Math.abs, -1);
      begun.addDoneCallback(() => void victim.cancel());
      first.set();
      assert.throws(() => victim.resultSync(), CancelledError);
      second.set();
      assert.equal(blocking.resultSync(), true);
    });

    test("of a task whose worker exits, is terminated from a thread, or breaks the pool", async () => {
      const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      assert.throws(
        () => pool.submit(() => process.exit(9)).resultSync(),
        (e) => e instanceof BrokenThreadPool && /exit code 9/.test(e.message),
      );
      assert.equal(pool.submit(Math.abs, -2).resultSync(), 2);
      await pool.shutdown();
      const broken = new ThreadPoolExecutor({
        maxWorkers: 1,
        initializer: () => {
          throw new RangeError("initializer");
        },
      });
      const futures = [1, 2].map((n) => broken.submit(Math.abs, n));
      for (const future of futures) assert.throws(() => future.resultSync(), BrokenThreadPool);
      await broken.shutdown();
    });

    test("an aborted signal and a timeout of 0", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const gate = new Event();
      const future = pool.submit((gate: Event) => gate.waitSync(), gate);
      assert.throws(() => future.resultSync({ signal: AbortSignal.abort(new RangeError("enough")) }), /enough/);
      assert.throws(() => future.resultSync({ timeout: 0 }), TimeoutError);
      gate.set();
      assert.equal(future.resultSync(), true);
    });

    test("callbacks of what comes in meanwhile are called, and may block for more", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const seen: number[] = [];
      const futures = [1, 2, 3].map((n) => pool.submit(Math.abs, -n));
      futures[0]!.addDoneCallback((future) => seen.push(future.resultSync(), futures[1]!.resultSync()));
      assert.equal(futures[2]!.resultSync(), 3);
      assert.deepEqual(seen, [1, 2]);
    });
  });
}
