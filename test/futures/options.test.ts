import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMain } from "heddle";
import { type Context, ContextVar, copyContext } from "heddle/contextvars";
import { NotSendableError, ValueError } from "heddle/errors";
import { BrokenThreadPool, ThreadPoolExecutor } from "heddle/futures";
import { activeCount, currentThread, enumerate, Event, getIdent } from "heddle/threading";
import { Kit } from "../conformance/kit.ts";
import { threads } from "../conformance/thread-backend.ts";

const user: ContextVar<string> = new ContextVar<string>("user", { default: "nobody" });

function who(): string {
  const before = user.get();
  user.set("changed");
  return before;
}

async function whoLater(suffix: string): Promise<string> {
  await Promise.resolve();
  return user.get() + suffix;
}

function workersOf(prefix: string): string[] {
  return enumerate()
    .map(({ name }) => name)
    .filter((name) => name.startsWith(prefix));
}

if (isMain(import.meta)) {
  const kit = new Kit(threads);
  const gone = (prefix: string): Promise<void> =>
    kit.until(
      () => workersOf(prefix).length === 0,
      () => workersOf(prefix).join(),
    );

  describe("idleTimeout", () => {
    test("a worker without work ends; the next task has another", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2, threadNamePrefix: "idle", idleTimeout: 20 });
      assert.equal(await pool.submit(() => currentThread().name), "idle_0");
      await gone("idle");
      assert.equal(await pool.submit(() => currentThread().name), "idle_1");
      await gone("idle");
      assert.equal(pool.submit(() => currentThread().name).resultSync(), "idle_2");
    });

    test("of 0, every pause is the end, and no task is lost by it", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2, idleTimeout: 0 });
      for (let i = 0; i < 10; i++) {
        assert.equal(await pool.submit(Math.abs, -i), i);
        assert.deepEqual(await pool.map(Math.abs, [-1, -2, -3]), [1, 2, 3]);
      }
    });

    test("a worker whose last task left a timer ends, too, and the timer with it", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: "ticking", idleTimeout: 20 });
      await pool.submit(() => void setInterval(() => undefined, 1));
      await gone("ticking");
      assert.equal(await pool.submit(() => currentThread().name), "ticking_1");
    });
  });

  describe("maxTasksPerWorker", () => {
    test("a worker ends after so many tasks, and is replaced", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: "two", maxTasksPerWorker: 2 });
      const names = Array.from({ length: 5 }, () => pool.submit(() => currentThread().name));
      assert.deepEqual(await Promise.all(names), ["two_0", "two_0", "two_1", "two_1", "two_2"]);
    });

    test("the caller may block meanwhile, and what a task left running ends with its worker", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1, maxTasksPerWorker: 1 });
      const idents = Array.from({ length: 3 }, () => pool.submit(() => (setInterval(() => undefined, 1), getIdent())));
      assert.equal(new Set(idents.map((ident) => ident.resultSync())).size, 3);
      await pool.shutdown();
      await using mapping = new ThreadPoolExecutor({ maxTasksPerWorker: 1 });
      assert.deepEqual(await mapping.map(Math.abs, [-1, -2, -3, -4]), [1, 2, 3, 4]);
    });
  });

  test("resourceLimits reach the workers", async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1, resourceLimits: { maxOldGenerationSizeMb: 77 } });
    const limit = pool.submit(async () => (await import("node:worker_threads")).resourceLimits.maxOldGenerationSizeMb);
    assert.equal(await limit, 77);
  });

  test("an initializer that fails in a worker that comes later breaks the pool as well", async () => {
    const pool = new ThreadPoolExecutor({
      maxWorkers: 1,
      maxTasksPerWorker: 1,
      initializer: (first: Event) => {
        if (first.isSet) throw new RangeError("the second time");
        first.set();
      },
      initargs: [new Event()],
    });
    assert.equal(await pool.submit(Math.abs, -1), 1);
    const error = await pool.submit(Math.abs, -1).then(undefined, (e: unknown) => e);
    assert.ok(error instanceof BrokenThreadPool && /the second time/.test(String(error.cause)), String(error));
    await pool.shutdown();
  });

  describe("with({ context })", () => {
    test("variables travel with the call, and what it sets stays with it", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const context: Context = copyContext();
      context.run(() => user.set("ada"));
      const view = pool.with({ context });
      assert.equal(await view.submit(who), "ada");
      assert.equal(await view.submit(who), "ada");
      assert.equal(await view.submit(whoLater, "!"), "ada!");
      assert.deepEqual(await view.map(whoLater, ["?", "."], { chunksize: 1 }), ["ada?", "ada."]);
      assert.equal(await pool.submit(who), "nobody");
      assert.equal(await pool.submit(who), "changed");
      context.run(() => user.set("bob"));
      assert.equal(await view.submit(who), "bob");
      assert.equal(user.get(), "nobody");
    });

    test("a value that cannot be sent is refused at the call, naming the variable", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const socket = new ContextVar<unknown>("socket");
      const context = copyContext();
      context.run(() => socket.set(Promise.resolve()));
      const refused = (error: unknown): boolean => error instanceof NotSendableError && /socket/.test(error.message);
      assert.throws(() => pool.with({ context }).submit(who), refused);
      await assert.rejects(async () => await pool.with({ context }).map(whoLater, ["a"]), refused);
      assert.throws(() => pool.with({ context: {} as Context }), TypeError);
    });
  });

  test("options that make no sense", () => {
    for (const [options, error] of [
      [{ maxTasksPerWorker: 0 }, ValueError],
      [{ maxTasksPerWorker: 1.5 }, ValueError],
      [{ maxTasksPerWorker: "2" }, TypeError],
      [{ idleTimeout: -1 }, ValueError],
      [{ idleTimeout: Number.NaN }, ValueError],
      [{ idleTimeout: "1" }, TypeError],
      [{ worker: 5 }, TypeError],
      [{ threadNamePrefix: 5 }, TypeError],
    ] as const) {
      assert.throws(() => new ThreadPoolExecutor(options as never), error, JSON.stringify(options));
    }
  });

  test("nothing of all this is left running", async () => {
    await kit.until(
      () => activeCount() === 1,
      () => enumerate().map(String).join(),
    );
  });
}
