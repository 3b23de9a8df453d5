/** Inputs of maps, and what tasks tell, that interfere with the pool they belong to. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMainThread } from "node:worker_threads";
import { isMain } from "heddle";
import { CancelledError, ValueError } from "heddle/errors";
import { CoroutineExecutor, type Executor, reportProgress, ThreadPoolExecutor } from "heddle/futures";
import { Pool, ThreadPool } from "heddle/multiprocessing";
import { int32, SharedArray } from "heddle/shared";

const ITEMS = 60;
const tripled = Array.from({ length: ITEMS }, (_, i) => 3 * i);

/** A class that the main thread does not know. */
export const OnlyThere: (new () => object) | undefined = isMainThread ? undefined : class OnlyThere {};

function tellsOfTheUnknown(): number {
  reportProgress(0.25, "known");
  reportProgress(0.5, new OnlyThere!());
  return 7;
}

/** Calls `hook` before it gives item `at`. `ended` is told when it was closed or is over. */
function* inputWith(at: number, hook: () => void, ended: { isOver: boolean }): Generator<number> {
  try {
    for (let i = 0; i < ITEMS; i++) {
      if (i === at) hook();
      yield i;
    }
  } finally {
    ended.isOver = true;
  }
}

/** Runs `map` over such an input, where the hook ends it. What was taken from then on must not run. */
async function endedFromWithin(
  at: number,
  map: (fn: (i: number) => number, input: Iterable<number>) => PromiseLike<unknown>,
  hook: () => void,
): Promise<unknown> {
  const ran = new SharedArray(int32, ITEMS).data as Int32Array;
  const ended = { isOver: false };
  const count = (i: number): number => Atomics.add(ran, i, 1);
  const outcome = await Promise.resolve(map(count, inputWith(at, hook, ended))).catch((error: unknown) => error);
  assert.ok(ended.isOver, "the input was not closed");
  assert.deepEqual(
    [...ran.subarray(at)],
    Array.from({ length: ITEMS - at }, () => 0),
  );
  return outcome;
}

async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

if (isMain(import.meta)) {
  describe("an input that waits for results of the same pool", () => {
    const factor = 3;

    test("map", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const input = function* (): Generator<number> {
        for (let i = 0; i < ITEMS; i++) yield pool.submit((x: number) => x / factor, i * factor).resultSync();
      };
      assert.deepEqual(await pool.map((x) => x * factor, input()), tripled);
    });

    test("imap", async () => {
      await using pool = new ThreadPool(2);
      const input = function* (): Generator<number> {
        for (let i = 0; i < ITEMS; i++) yield pool.applySync((x: number) => x / factor, [i * factor]);
      };
      assert.deepEqual(await listOf(pool.imap((x) => x * factor, input())), tripled);
      const results = pool.imap((x) => x * factor, input(), { chunksize: 4 });
      const list: number[] = [];
      for (let step = results.nextSync(); step.done !== true; step = results.nextSync()) list.push(step.value);
      assert.deepEqual(list, tripled);
    });
  });

  for (const at of [0, 1, 3]) {
    describe(`an input that ends its own map before item ${at}`, () => {
      const executors: [string, () => Executor][] = [
        ["threads", () => new ThreadPoolExecutor({ maxWorkers: 2 })],
        ["coroutines", () => new CoroutineExecutor({ maxWorkers: 2 })],
      ];
      for (const [name, make] of executors) {
        test(`${name}: by its signal`, async () => {
          await using pool = make();
          const controller = new AbortController();
          const reason = new EvalError("enough");
          const view = pool.with({ signal: controller.signal });
          const outcome = await endedFromWithin(
            at,
            (fn, input) => view.map(fn, input),
            () => controller.abort(reason),
          );
          assert.equal(outcome, reason);
        });

        test(`${name}: by shutdown`, async () => {
          const pool = make();
          let shutdown: Promise<void> | undefined;
          const outcome = await endedFromWithin(
            at,
            (fn, input) => pool.map(fn, input),
            () => {
              shutdown = pool.shutdown({ cancelFutures: true });
            },
          );
          assert.ok(outcome instanceof CancelledError);
          await shutdown;
        });
      }

      test("imap: by terminate", async () => {
        const pool = new ThreadPool(2);
        const outcome = await endedFromWithin(
          at,
          (fn, input) => listOf(pool.imap(fn, input, { chunksize: 2 })),
          () => pool.terminate(),
        );
        assert.ok(outcome instanceof CancelledError, String(outcome));
        await pool.join();
      });

      test("a Pool's map: by terminate", async () => {
        const pool = new ThreadPool(2);
        const outcome = await endedFromWithin(
          at,
          async (fn, input) => await pool.map(fn, input),
          () => pool.terminate(),
        );
        assert.ok(outcome instanceof ValueError);
        await pool.join();
      });
    });
  }

  for (const [name, make] of [
    ["threads", () => new ThreadPool(1)],
    ["processes", () => new Pool(1)],
  ] as const) {
    test(`imap over ${name}, terminated while its input is waited for, does not seem complete`, async () => {
      const pool = make();
      const input = async function* (): AsyncGenerator<number> {
        yield 1;
        await new Promise(() => undefined);
      };
      const results = pool.imap(Math.abs, input());
      assert.deepEqual(await results.next(), { done: false, value: 1 });
      const next = results.next();
      pool.terminate();
      await assert.rejects(next, CancelledError);
      await pool.join();
    });
  }

  test("imap that nobody wants any more takes nothing from an async input that was asked before", async () => {
    await using pool = new ThreadPool(1);
    const ran = new SharedArray(int32, 2).data as Int32Array;
    let give: (item: number) => void = () => undefined;
    const given = new Promise<number>((resolve) => (give = resolve));
    const input = async function* (): AsyncGenerator<number> {
      yield 0;
      yield await given;
    };
    const results = pool.imap((i: number) => {
      Atomics.add(ran, i, 1);
      Atomics.notify(ran, i);
      // Still at it when the iterator is left.
      if (i === 0) Atomics.wait(ran, 1, 0, 60_000);
    }, input());
    while (Atomics.load(ran, 0) === 0) await new Promise((resolve) => setImmediate(resolve));
    await results.return();
    give(1);
    await given;
    await new Promise((resolve) => setImmediate(resolve));
    Atomics.store(ran, 1, 100);
    Atomics.notify(ran, 1);
    await pool.apply(Math.abs, [1]);
    assert.equal(Atomics.load(ran, 1), 100);
  });

  test("progress that cannot be read does not cost the task", async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.equal(await pool.submit(tellsOfTheUnknown), 7);
    assert.equal(pool.submit(tellsOfTheUnknown).resultSync(), 7);
    assert.equal(await pool.submit(Math.abs, -3), 3);
  });
}
