import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMain } from "heddle";
import { ContextVar, copyContext } from "heddle/contextvars";
import { DeadlockError, TimeoutError } from "heddle/errors";
import { BrokenThreadPool, type Executor, type Future, ThreadPoolExecutor } from "heddle/futures";
import { activeCount, currentThread, enumerate, Event, getIdent, spawn } from "heddle/threading";
import { collectGarbage } from "../conformance/futures-kit.ts";
import { Kit } from "../conformance/kit.ts";
import { threads } from "../conformance/thread-backend.ts";

async function errorOf(future: Future<unknown>): Promise<unknown> {
  return await future.then(
    () => "no error",
    (error: unknown) => error,
  );
}

function fibonacci(pool: Executor, n: number): number | Promise<number> {
  if (n < 2) return n;
  const [a, b] = [pool.submit(fibonacci, pool, n - 1), pool.submit(fibonacci, pool, n - 2)];
  return Promise.all([a, b]).then(([a, b]) => a + b);
}

function leaveBehind(pool: Executor, ran: Event): void {
  void pool.submit((ran: Event) => ran.set(), ran);
}

const user: ContextVar<string> = new ContextVar<string>("user", { default: "nobody" });

if (isMain(import.meta)) {
  const kit = new Kit(threads);

  describe("a task that submits to the pool that runs it", () => {
    for (const form of ["await", "resultSync"]) {
      test(`waits by ${form} for what another worker does`, async () => {
        await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
        const outer = pool.submit(
          async (pool: ThreadPoolExecutor, form: string) => {
            const inner = pool.submit(getIdent);
            const other = form === "await" ? await inner : inner.resultSync();
            return [getIdent(), other];
          },
          pool,
          form,
        );
        const [own, other] = form === "await" ? await outer : outer.resultSync();
        assert.notEqual(own, other);
      });
    }

    test("by a captured variable, by map, several times in a row, and deeper", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 3 });
      const sums = await pool.submit(async () => {
        const factor = 3;
        const list = await pool.map((n: number) => n * factor, [1, 2, 3], { chunksize: 2 });
        const pairs = await pool.starmap(Math.pow, [
          [2, 3],
          [3, 2],
        ]);
        const seen: number[] = [];
        for await (const n of pool.map(Math.abs, [-1, -2, -3], { ordered: false })) seen.push(n);
        return [list, pairs, seen.sort((a, b) => a - b)];
      });
      assert.deepEqual(sums, [
        [3, 6, 9],
        [8, 9],
        [1, 2, 3],
      ]);
      const depth = (n: number): unknown => (n === 0 ? "bottom" : pool.submit(depth, n - 1));
      assert.equal(await pool.submit(depth, 2), "bottom");
    });

    test("what it does not wait for is done all the same", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const done = new Event();
      assert.equal(
        await pool.submit((done: Event) => String(pool.submit(() => done.set())), done),
        "<Future state=pending>",
      );
      assert.equal(await done.wait({ timeout: 20_000 }), true);
    });

    test("errors, cancellation, timeouts, priorities and contexts are as anywhere", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const seen = await pool.submit(async () => {
        const outcome = async (future: Future<unknown>): Promise<string> =>
          await future.then(String, (error: unknown) => String(error));
        const context = copyContext();
        context.run(() => user.set("ada"));
        const failing = pool.submit(() => {
          throw new RangeError("inside");
        });
        const waiting = pool.submit(() => new Event().waitSync());
        const asked = waiting.cancel();
        const refused = ((): string => {
          try {
            pool.submit((x) => x, { deep: [Promise.resolve()] });
            return "";
          } catch (error) {
            return String(error);
          }
        })();
        return [
          await outcome(failing),
          asked,
          (await outcome(waiting)).split(":")[0],
          waiting.cancelled,
          (await outcome(pool.with({ timeout: 50 }).submit(() => new Event().waitSync()))).split(":")[0],
          await outcome(pool.with({ context, priority: 1 }).submit(() => user.get())),
          await outcome(pool.with({ signal: AbortSignal.abort(new TypeError("before")) }).submit(getIdent)),
          refused,
        ];
      });
      assert.deepEqual(seen.slice(0, 7), [
        "RangeError: inside",
        false,
        "CancelledError",
        true,
        "TimeoutError",
        "ada",
        "TypeError: before",
      ]);
      assert.match(String(seen[7]), /^NotSendableError: args\[0\]\.deep\[0\]: /);
    });

    test("a worker that dies in a nested call: only that call fails", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const error = await pool.submit(async () => await pool.submit(() => process.exit(3)).exception());
      assert.ok(error instanceof BrokenThreadPool && error.exitCode === 3, String(error));
      assert.equal(await pool.submit(Math.abs, -1), 1);
    });

    test("one that dies itself leaves its calls to nobody, and the pool goes on", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      for (let i = 0; i < 5; i++) {
        const error = await errorOf(
          pool.submit(() => {
            for (let n = 0; n < 20; n++) pool.submit(Math.abs, -n);
            process.exit(1);
          }),
        );
        assert.ok(error instanceof BrokenThreadPool);
      }
      assert.equal(await pool.submit(Math.abs, -1), 1);
    });

    test("after shutdown, a nested call is refused by its future", async () => {
      const pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const [running, gate] = [new Event(), new Event()];
      const outer = pool.submit(
        async (running: Event, gate: Event) => {
          running.set();
          gate.waitSync();
          return await pool.submit(Math.abs, -1).exception();
        },
        running,
        gate,
      );
      await running.wait();
      const ended = pool.shutdown();
      gate.set();
      assert.match(String(await outer), /cannot schedule new futures after shutdown/);
      await ended;
    });
  });

  describe("all workers wait for calls of their own pool", () => {
    for (const maxWorkers of [1, 2]) {
      test(`${maxWorkers} blocked: DeadlockError in one of them, and the pool goes on`, async () => {
        await using pool = new ThreadPoolExecutor({ maxWorkers });
        const all = Array.from({ length: maxWorkers }, () => new Event());
        const block = (all: Event[], i: number): string => {
          all[i]!.set();
          for (const each of all) each.waitSync();
          try {
            return pool.submit(() => "inner").resultSync();
          } catch (error) {
            return (error as Error).name;
          }
        };
        const outcomes = await Promise.all(all.map((_, i) => pool.submit(block, all, i)));
        assert.ok(outcomes.includes("DeadlockError"), outcomes.join());
        assert.equal(outcomes.filter((outcome) => outcome === "inner").length, maxWorkers - 1);
        assert.equal(await pool.submit(Math.abs, -1), 1);
      });
    }

    test("on their event loops: the same, some moments later", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const error = await errorOf(pool.submit(async () => await pool.submit(() => "inner")));
      assert.ok(error instanceof DeadlockError, String(error));
      assert.match(error.message, /The only worker of the pool waits for calls of the same pool/);
      assert.equal(await pool.submit(Math.abs, -1), 1);
    });

    test("recursion without end of workers comes to its end", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      assert.ok((await errorOf(pool.submit(fibonacci, pool, 8))) instanceof DeadlockError);
      assert.equal(await pool.submit(Math.abs, -1), 1);
    });

    test("a call left behind, and a pool met anew after garbage collection, hide no deadlock", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const ran = new Event();
      const left = pool.submit(leaveBehind, pool, ran);
      const collected = pool.submit(collectGarbage);
      const knotted = pool.submit(async (pool: Executor) => await pool.submit(() => "inner"), pool);
      await collected;
      assert.ok((await errorOf(knotted)) instanceof DeadlockError);
      await left;
      // It was not what anybody waited for.
      assert.equal(await ran.wait({ timeout: 20_000 }), true);
    });

    test("TPE-10 with a timeout it times out, and is no deadlock", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const outer = pool.submit(() => {
        const inner = pool.submit(() => "inner");
        try {
          return inner.resultSync({ timeout: 50 });
        } catch (error) {
          return (error as Error).name;
        }
      });
      assert.equal(await outer, "TimeoutError");
      const late = pool.submit(async () => await pool.submit(() => "inner").result({ timeout: 50 }));
      assert.ok((await errorOf(late)) instanceof TimeoutError);
    });

    test("a worker that waits while another computes is no deadlock", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const gate = new Event();
      const busy = pool.submit((gate: Event) => gate.waitSync(), gate);
      const waiting = pool.submit(() => pool.submit(() => "inner").resultSync());
      assert.equal(waiting.done, false);
      await new Event().wait({ timeout: 30 });
      gate.set();
      assert.deepEqual([await busy, await waiting], [true, "inner"]);
    });
  });

  describe("the thread of the pool", () => {
    test("may block for something else meanwhile", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 3 });
      const done = new Event();
      const outer = pool.submit((done: Event) => {
        const result = pool.submit(() => pool.submit(() => "deepest")).resultSync({ timeout: 20_000 });
        done.set();
        return result;
      }, done);
      const own = pool.submit(Math.abs, -3);
      assert.equal(done.waitSync({ timeout: 20_000 }), true);
      assert.equal(outer.resultSync(), "deepest");
      assert.equal(await own, 3);
    });

    test("may be idle: another thread uses the pool", async () => {
      const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const other = spawn(async (pool: ThreadPoolExecutor) => await pool.submit(() => currentThread().name), pool);
      assert.match(await other.join(), /^ThreadPoolExecutor-\d+_0$/);
      assert.equal(spawn((pool: ThreadPoolExecutor) => pool.submit(Math.abs, -2).resultSync(), pool).joinSync(), 2);
      await pool.shutdown();
    });

    test("sees the same pool when it comes back, and only there it can be shut down", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      assert.equal(await pool.submit((pool: ThreadPoolExecutor) => pool, pool), pool);
      const refused = await pool.submit(async (pool: ThreadPoolExecutor) => await pool.shutdown().catch(String), pool);
      assert.match(String(refused), /Only the thread that made the pool/);
    });
  });

  test("nothing of all this is left running", async () => {
    await kit.until(
      () => activeCount() === 1,
      () => enumerate().map(String).join(),
    );
  });
}
