import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMain } from "heddle";
import { currentTask, sleep, TaskGroup } from "heddle/asyncio";
import { ContextVar, copyContext } from "heddle/contextvars";
import { CancelledError, RuntimeError, TimeoutError, ValueError } from "heddle/errors";
import { CoroutineExecutor, type Future } from "heddle/futures";
import { reportProgress } from "heddle/progress";
import { Event } from "heddle/threading";

async function errorOf(future: Future<unknown>): Promise<unknown> {
  return await future.then(
    () => "no error",
    (error: unknown) => error,
  );
}

const user: ContextVar<string> = new ContextVar<string>("user", { default: "nobody" });

if (isMain(import.meta)) {
  describe("CoroutineExecutor", () => {
    test("runs so many at once, the others wait for their turn", async () => {
      await using executor = new CoroutineExecutor({ maxWorkers: 3 });
      let [now, most] = [0, 0];
      const work = async (n: number): Promise<number> => {
        most = Math.max(most, ++now);
        await sleep(1);
        now--;
        return n * 2;
      };
      assert.deepEqual(await executor.map(work, [1, 2, 3, 4, 5, 6, 7]), [2, 4, 6, 8, 10, 12, 14]);
      assert.equal(most, 3);
      most = 0;
      await Promise.all(Array.from({ length: 9 }, (_, i) => executor.submit(work, i)));
      assert.equal(most, 3);
    });

    test("nothing is copied: functions and arguments are what they are", async () => {
      await using executor = new CoroutineExecutor();
      const list: unknown[] = [];
      const promise = Promise.resolve(5);
      assert.equal(await executor.submit((l: unknown[]) => (l.push(promise), l), list), list);
      assert.equal(list[0], promise);
      assert.equal(await executor.submit(async () => await promise), 5);
    });

    test("each call is a task: it has a signal, may have groups, and reports its progress", async () => {
      await using executor = new CoroutineExecutor();
      const seen: unknown[] = [];
      const future = executor.submit(async () => {
        assert.equal(currentTask()!.signal.aborted, false);
        const done: number[] = [];
        {
          await using group = new TaskGroup();
          for (const n of [1, 2, 3]) group.createTask(async () => (await sleep(0), done.push(n)));
        }
        reportProgress(0.5, "half");
        await sleep(0);
        reportProgress(1);
        return done.length;
      });
      future.onProgress((...report) => seen.push(report));
      assert.equal(await future, 3);
      assert.deepEqual(seen, [
        [0.5, "half"],
        [1, undefined],
      ]);
    });

    test("cancel ends the wait a call is in, and its signal aborts; it counts as cancelled", async () => {
      await using executor = new CoroutineExecutor();
      for (const wait of [() => new Event().wait(), () => sleep(1e6), () => new Promise(() => undefined)]) {
        const begun = new Event();
        let aborted = false;
        const future = executor.submit(async () => {
          currentTask()!.signal.addEventListener("abort", () => (aborted = true));
          begun.set();
          await Promise.race([wait(), new Event().wait()]);
        });
        await begun.wait();
        assert.equal(future.cancel(), false);
        assert.ok((await errorOf(future)) instanceof CancelledError);
        assert.deepEqual([future.cancelled, aborted], [true, true]);
      }
    });

    test("a signal and a timeout insist: what does not react is given up, and its place is free", async () => {
      await using executor = new CoroutineExecutor({ maxWorkers: 1 });
      const deaf = executor.with({ timeout: 20, grace: 20 }).submit(() => new Promise(() => undefined));
      const queued = executor.with({ timeout: 10 }).submit(() => "never");
      const next = executor.submit(() => "next");
      assert.ok((await errorOf(queued)) instanceof TimeoutError);
      assert.ok((await errorOf(deaf)) instanceof TimeoutError);
      assert.equal(await next, "next");
      const controller = new AbortController();
      const waiting = executor.with({ signal: controller.signal }).submit(() => sleep(1e6));
      const reason = new RangeError("enough");
      setImmediate(() => controller.abort(reason));
      assert.equal(await errorOf(waiting), reason);
      await assert.rejects(
        async () => await executor.with({ timeout: 20 }).map((n: number) => sleep(n), [0, 1e6]),
        TimeoutError,
      );
    });

    test("priorities", async () => {
      await using executor = new CoroutineExecutor({ maxWorkers: 1 });
      const order: number[] = [];
      const note = (n: number): void => void order.push(n);
      const futures = [0, -1, 2, 0, 1, 2].map((priority, i) => executor.with({ priority }).submit(note, i));
      await Promise.all(futures);
      // The first had begun before the others came.
      assert.deepEqual(order, [0, 2, 5, 4, 3, 1]);
    });

    test("calls run in a copy of the caller's context, or of the one given", async () => {
      await using executor = new CoroutineExecutor();
      const who = async (): Promise<string> => {
        await sleep(0);
        const before = user.get();
        user.set("changed");
        return before;
      };
      const context = copyContext();
      context.run(() => user.set("ada"));
      assert.deepEqual(
        [await executor.with({ context }).submit(who), await executor.with({ context }).submit(who)],
        ["ada", "ada"],
      );
      assert.equal(await context.run(() => executor.submit(who)), "ada");
      assert.deepEqual(await context.run(() => executor.starmap(who, [[], []])), ["ada", "ada"]);
      assert.deepEqual([await executor.submit(who), user.get()], ["nobody", "nobody"]);
    });

    test("resultSync says why it cannot be; a slow consumer holds the input back", async () => {
      await using executor = new CoroutineExecutor({ maxWorkers: 2 });
      const future = executor.submit(() => sleep(1));
      assert.throws(
        () => future.resultSync(),
        (e) => e instanceof RuntimeError && /would block/.test(e.message),
      );
      await future;
      let taken = 0;
      function* endless(): Generator<number> {
        for (;;) yield taken++;
      }
      for await (const n of executor.map((n: number) => n, endless())) {
        if (n === 0) for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
        assert.ok(taken < n + 50, `${taken} taken at ${n}`);
        if (n === 100) break;
      }
    });

    test("a failure that nobody asks for is nobody's, as in a pool; wrong options", async () => {
      const executor = new CoroutineExecutor();
      executor.submit(() => {
        throw new RangeError("not asked for");
      });
      await executor.shutdown();
      for (const maxWorkers of [0, -1, 1.5]) assert.throws(() => new CoroutineExecutor({ maxWorkers }), ValueError);
      assert.throws(() => new CoroutineExecutor(5 as never), TypeError);
      assert.throws(() => new CoroutineExecutor({ maxWorkers: "2" as never }), TypeError);
    });
  });

  test("a slow consumer of a thread pool's map holds the input back, too", async () => {
    const { ThreadPoolExecutor } = await import("heddle/futures");
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    for (const chunksize of [1, 10]) {
      let taken = 0;
      function* endless(): Generator<number> {
        for (;;) yield taken++;
      }
      const results = pool.map(Math.abs, endless(), { chunksize });
      assert.equal((await results.next()).value, 0);
      // Whatever the workers do meanwhile, only so many chunks of results may wait.
      for (let i = 0; i < 20; i++) await pool.submit(Math.abs, i);
      assert.ok(taken <= 20 * chunksize, `${taken} taken`);
      for (let i = 1; i < 1000; i++) assert.equal((await results.next()).value, i);
      await results.return!();
    }
  });
}
