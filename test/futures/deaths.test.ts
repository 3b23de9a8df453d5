/* oxlint-disable unicorn/no-thenable -- thenables are what is tested */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMain } from "heddle";
import { ThreadDiedError } from "heddle/errors";
import { BrokenThreadPool, type Future, ThreadPoolExecutor } from "heddle/futures";
import { Queue } from "heddle/queue";
import { activeCount, currentThread, enumerate, Event, getIdent, spawn } from "heddle/threading";
import { expect } from "./child.ts";

/** Tells in which worker it runs, for ever. */
function announce(names: Queue<string>): void {
  names.putSync(currentThread().name);
  for (;;);
}

async function terminate(name: string): Promise<void> {
  await enumerate()
    .find((thread) => thread.name === name)!
    .terminate();
}

/** Ends its worker, each time after telling who it was. */
const deaths: readonly (readonly [name: string, task: () => unknown, message: RegExp, exitCode: number | undefined])[] =
  [
    ["calls process.exit(3)", () => process.exit(3), /process\.exit\(3\)/, 3],
    ["calls process.exit(0)", () => process.exit(0), /process\.exit\(0\)/, 0],
    [
      "calls process.exit(4) from a timer",
      () => new Promise(() => setTimeout(() => process.exit(4), 1)),
      /process\.exit\(4\)/,
      4,
    ],
    [
      "waits for a promise that nothing can settle",
      () => new Promise(() => undefined),
      /nothing can settle/,
      undefined,
    ],
    ["returns a future that nobody settles", () => ({ then: () => undefined }), /nothing can settle/, undefined],
  ];

/** How the caller waits: both must see the same. */
const waits: Record<string, (future: Future<unknown>) => unknown> = {
  exception: async (future) => await future.exception(),
  exceptionSync: (future) => future.exceptionSync(),
};

function isLost(error: unknown, message: RegExp, exitCode?: number): asserts error is BrokenThreadPool {
  assert.ok(error instanceof BrokenThreadPool, String(error));
  assert.match(error.message, /The worker \S+ that ran this task ended before the task was done/);
  assert.match(error.message, message);
  const { cause } = error;
  assert.ok(cause instanceof ThreadDiedError, String(cause));
  if (exitCode !== undefined) {
    assert.deepEqual([cause.exitCode, error.exitCode], [exitCode, exitCode]);
    assert.match(error.message, new RegExp(`exit code ${exitCode}`));
  }
}

if (isMain(import.meta)) {
  describe("a task that ends its worker", () => {
    for (const [waiting, exception] of Object.entries(waits)) {
      for (const [name, task, message, exitCode] of deaths) {
        test(`${name}, the caller in ${waiting}: only its own future fails, another worker takes over`, async () => {
          await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
          const before = await pool.submit(getIdent);
          const [first, second] = [pool.submit(task), pool.submit(getIdent)];
          isLost(await exception(first), message, exitCode);
          assert.notEqual(await second, before);
          assert.equal(await exception(pool.submit(getIdent)), undefined);
        });
      }

      test(`throws from a timer while it waits, the caller in ${waiting}: that error is the cause`, async () => {
        await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
        const first = pool.submit(
          () =>
            new Promise(() =>
              setTimeout(() => {
                throw Object.assign(new RangeError("from a timer"), { code: "E_TIMER" });
              }, 1),
            ),
        );
        const error = (await exception(first)) as BrokenThreadPool;
        assert.ok(error instanceof BrokenThreadPool && error.exitCode === 1, String(error));
        assert.match(error.message, /caught by nobody: RangeError: from a timer/);
        const cause = error.cause as RangeError & { code: string };
        assert.ok(cause instanceof RangeError);
        assert.deepEqual([cause.message, cause.code], ["from a timer", "E_TIMER"]);
        assert.equal(await pool.submit(Math.abs, -1), 1);
      });

      test(`leaves a rejection to nobody while it waits, the caller in ${waiting}: the same`, async () => {
        await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
        const first = pool.submit(() => {
          void Promise.reject(new RangeError("nobody's"));
          return new Promise((resolve) => setTimeout(resolve, 60_000));
        });
        const error = (await exception(first)) as BrokenThreadPool;
        assert.ok(error instanceof BrokenThreadPool && error.exitCode === 1, String(error));
        assert.ok(error.cause instanceof RangeError && error.cause.message === "nobody's");
        assert.equal(await pool.submit(Math.abs, -1), 1);
      });

      test(`terminated by another thread, the caller in ${waiting}: the same`, async () => {
        await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
        const [names, other] = [new Queue<string>(), new Event()];
        const looping = pool.submit(announce, names);
        const untouched = pool.submit((other: Event) => (other.waitSync(), "untouched"), other);
        const killer = spawn(terminate, await names.get());
        isLost(await exception(looping), /terminated/);
        await killer.join();
        other.set();
        assert.equal(await untouched, "untouched");
      });
    }

    test("that never yields is terminated with its worker, by main", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: "looping" });
      const names = new Queue<string>();
      const [looping, next] = [pool.submit(announce, names), pool.submit(() => currentThread().name)];
      await terminate(await names.get());
      isLost(await looping.exception(), /terminated/);
      assert.equal(await next, "looping_1");
    });

    test("in a map: that item fails, after the results before it; the map ends, and the pool goes on", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const results = pool.map((n: number) => (n === 2 ? process.exit(7) : n * 10), [0, 1, 2, 3], { chunksize: 1 });
      assert.deepEqual([(await results.next()).value, (await results.next()).value], [0, 10]);
      isLost(await results.next().catch((error: unknown) => error), /process\.exit\(7\)/, 7);
      assert.equal((await results.next()).done, true);
      assert.deepEqual(await pool.map(Math.abs, [-1, -2]), [1, 2]);
    });
  });

  describe("a worker that ends with nothing in hand", () => {
    test("idle and terminated: the next task has another", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: "idle" });
      assert.equal(await pool.submit(() => currentThread().name), "idle_0");
      await terminate("idle_0");
      assert.equal(await pool.submit(() => currentThread().name), "idle_1");
    });

    test("terminated before it had begun: the pool is not broken, another worker does it", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: "early" });
      const future = pool.submit(() => currentThread().name);
      await terminate("early_0");
      assert.equal(await future, "early_1");
    });

    test("a timer of a finished task throws: no other task is lost", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: "later" });
      await pool.submit(() => {
        setTimeout(() => {
          throw new RangeError("after the task");
        }, 1);
      });
      const worker = enumerate().find((thread) => thread.name === "later_0");
      await worker?.join().catch(() => undefined);
      assert.equal(await pool.submit(() => currentThread().name), "later_1");
    });

    test("a task that cancels its own worker is done all the same; the next has another", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const before = await pool.submit(() => (currentThread().cancel(), getIdent()));
      assert.notEqual(await pool.submit(getIdent), before);
    });
  });

  test("out of memory in a task: only its own future fails", async () => {
    await expect("out-of-memory", [], { stdout: /^BrokenThreadPool true\n3\n$/, stderr: /(?:)/ });
  });

  test("all workers are gone after all this", () => {
    assert.equal(activeCount(), 1);
  });
}
