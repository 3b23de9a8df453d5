import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMain } from "heddle";
import { CancelledError, TimeoutError, ValueError } from "heddle/errors";
import { type Future, ThreadPoolExecutor, wait } from "heddle/futures";
import { Queue } from "heddle/queue";
import { activeCount, currentThread, Event, getIdent, Lock } from "heddle/threading";
import { countCall, words } from "../conformance/futures-kit.ts";

/** Computes, and looks now and then whether it should stop. */
function poll(running: Event): string {
  running.set();
  while (!currentThread().cancelRequested);
  return "stopped";
}

/** Computes, and never looks. */
function ignore(running: Event): never {
  running.set();
  for (;;);
}

function waitFor(running: Event, gate: Event): string {
  running.set();
  gate.waitSync();
  return "passed";
}

async function waitAsync(running: Event, gate: Event): Promise<string> {
  running.set();
  await gate.wait();
  return "passed";
}

/** Waits for something that is no wait of heddle's. */
async function listen(running: Event): Promise<never> {
  const { signal } = currentThread();
  running.set();
  return await new Promise((_, reject) => {
    const timer = setInterval(() => undefined, 1000);
    signal.addEventListener("abort", () => {
      clearInterval(timer);
      reject(signal.reason as Error);
    });
  });
}

/** Tasks that wait, in all ways there are. */
const waits: Record<string, (running: Event, gate: Event) => unknown> = { waitFor, waitAsync, listen };

/** What a task sees of a cancellation that was meant for the one before it. */
async function untouched(): Promise<unknown[]> {
  const thread = currentThread();
  const lock = new Lock();
  await lock.acquire();
  lock.release();
  lock.acquireSync().release();
  return [thread.cancelRequested, thread.signal.aborted];
}

async function errorOf(future: Future<unknown>): Promise<unknown> {
  return await future.then(
    () => "no error",
    (error: unknown) => error,
  );
}

class Reason extends Error {
  override name = "Reason";
}

if (isMain(import.meta)) {
  describe("future.cancel", () => {
    for (const [name, task] of Object.entries(waits)) {
      test(`of a running task that ${name}s: it stops, and counts as cancelled; the worker goes on`, async () => {
        await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
        const [running, gate] = [new Event(), new Event()];
        const before = await pool.submit(getIdent);
        const future = pool.submit(task, running, gate);
        const next = pool.submit(untouched);
        await running.wait();
        assert.deepEqual([future.cancel(), future.running, future.cancelled], [false, true, false]);
        assert.ok((await errorOf(future)) instanceof CancelledError);
        assert.equal(future.cancelled, true);
        assert.deepEqual(await next, [false, false]);
        assert.equal(await pool.submit(getIdent), before);
      });
    }

    test("a loop that polls cancelRequested sees it, and its result is kept", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const running = new Event();
      const future = pool.submit(poll, running);
      await running.wait();
      assert.equal(future.cancel(), false);
      assert.equal(await future, "stopped");
      assert.deepEqual(await pool.submit(untouched), [false, false]);
    });

    test("only the task that was meant is told: the others of the pool go on", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const gate = new Event();
      const both = [new Event(), new Event()].map((running) => ({
        running,
        future: pool.submit(waitFor, running, gate),
      }));
      for (const { running } of both) await running.wait();
      both[0]!.future.cancel();
      assert.ok((await errorOf(both[0]!.future)) instanceof CancelledError);
      assert.equal(both[1]!.future.done, false);
      gate.set();
      assert.equal(await both[1]!.future, "passed");
    });

    test("a task that catches the cancellation may go on, and finish", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const running = new Event();
      const future = pool.submit((running: Event) => {
        running.set();
        try {
          new Event().waitSync();
        } catch (error) {
          return `cleaned up after ${(error as Error).name}`;
        }
        return "";
      }, running);
      await running.wait();
      future.cancel();
      assert.equal(await future, "cleaned up after CancelledError");
    });

    test("an error that is not the cancellation's stays the task's", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const running = new Event();
      const future = pool.submit((running: Event) => {
        running.set();
        while (!currentThread().cancelRequested);
        throw new RangeError("in the cleanup");
      }, running);
      await running.wait();
      future.cancel();
      assert.match(String(await errorOf(future)), /RangeError: in the cleanup/);
    });

    test("1 000 tasks cancelled as they run: none takes another with it", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const counts = words(1000);
      const task = (i: number, counts: Int32Array): number => {
        Atomics.add(counts, i, 1);
        if (i % 2 === 0) return currentThread().cancelRequested ? -i : i;
        // A wait that takes no time, unless it was told.
        new Event().waitSync({ timeout: 0 });
        return i;
      };
      const futures = Array.from({ length: 1000 }, (_, i) => pool.submit(task, i, counts));
      for (const [i, future] of futures.entries()) {
        if (i % 3 !== 0) continue;
        if (i % 2 === 0) await futures[Math.max(0, i - 2)]!.then(undefined, () => undefined);
        future.cancel();
      }
      await wait(futures);
      for (const [i, future] of futures.entries()) {
        if (i % 3 !== 0) assert.equal(future.resultSync(), i);
        else if (future.cancelled) assert.ok(counts[i]! <= 1);
        else assert.equal(Math.abs(future.resultSync()), i);
      }
    });
  });

  describe("with({ signal })", () => {
    test("queued: removed at once, and never runs, though its block lies in the ring of a busy worker", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const [running, gate, counts, controller] = [new Event(), new Event(), words(1), new AbortController()];
      const busy = pool.submit(waitFor, running, gate);
      const future = pool.with({ signal: controller.signal }).submit(countCall(counts), 0);
      await running.wait();
      const reason = new Reason("enough");
      controller.abort(reason);
      assert.equal(future.done, true);
      assert.equal(await errorOf(future), reason);
      gate.set();
      assert.equal(await busy, "passed");
      await pool.submit(getIdent);
      assert.equal(counts[0], 0);
    });

    test("running: the task sees the reason, and the future throws it", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      for (const task of Object.values(waits)) {
        const [running, controller] = [new Event(), new AbortController()];
        const before = await pool.submit(getIdent);
        const future = pool.with({ signal: controller.signal }).submit(task, running, new Event());
        await running.wait();
        const reason = new Reason("enough");
        controller.abort(reason);
        assert.equal(await errorOf(future), reason);
        assert.equal(await pool.submit(getIdent), before);
      }
      const running = new Event();
      const controller = new AbortController();
      const future = pool.with({ signal: controller.signal }).submit((running: Event) => {
        const { signal } = currentThread();
        running.set();
        while (!currentThread().cancelRequested);
        const { name, message } = currentThread().signal.reason as Error;
        return [signal.aborted, name, message];
      }, running);
      await running.wait();
      controller.abort(new Reason("enough"));
      assert.deepEqual(await future, [true, "Reason", "enough"]);
    });

    test("running and deaf: after the grace period its worker is replaced, and no other task is touched", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2, threadNamePrefix: "deaf" });
      const [running, other, gate, controller] = [new Event(), new Event(), new Event(), new AbortController()];
      const deaf = pool.with({ signal: controller.signal, grace: 50 }).submit(ignore, running);
      const untouched = pool.submit(waitFor, other, gate);
      await running.wait();
      await other.wait();
      const queued = pool.submit(() => currentThread().name);
      const reason = new Reason("enough");
      controller.abort(reason);
      assert.equal(await errorOf(deaf), reason);
      assert.equal(await queued, "deaf_2");
      assert.equal(untouched.done, false);
      gate.set();
      assert.equal(await untouched, "passed");
    });

    test("aborted before the call: the future has failed, and nothing was sent", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const counts = words(1);
      const view = pool.with({ signal: AbortSignal.abort(new Reason("before")) });
      const future = view.submit(countCall(counts), 0);
      assert.deepEqual([future.done, String(await errorOf(future))], [true, "Reason: before"]);
      await assert.rejects(async () => await view.map(countCall(counts), [0]), Reason);
      assert.equal(counts[0], 0);
    });

    test("aborted when all is done: nothing happens, and the signal has forgotten the call", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const controller = new AbortController();
      let [added, removed] = [0, 0];
      const { signal } = controller;
      const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
      signal.addEventListener = (...args: Parameters<typeof add>) => (added++, add(...args));
      signal.removeEventListener = (...args: Parameters<typeof remove>) => (removed++, remove(...args));
      const future = pool.with({ signal }).submit(Math.abs, -1);
      assert.equal(await future, 1);
      assert.deepEqual(await pool.with({ signal }).map(Math.abs, [-1, -2]), [1, 2]);
      controller.abort();
      assert.deepEqual([await future, added, removed], [1, 2, 2]);
      assert.equal(await pool.submit(Math.abs, -2), 2);
    });
  });

  describe("with({ timeout })", () => {
    test("counts from the submission: queued calls end without ever having run", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const [running, gate, counts] = [new Event(), new Event(), words(1)];
      const busy = pool.submit(waitFor, running, gate);
      const start = performance.now();
      const future = pool.with({ timeout: 30 }).submit(countCall(counts), 0);
      const error = await errorOf(future);
      assert.ok(error instanceof TimeoutError && /30 ms/.test(error.message), String(error));
      assert.ok(performance.now() - start >= 30);
      gate.set();
      await busy;
      await pool.submit(getIdent);
      assert.equal(counts[0], 0);
    });

    test("running: it is told, and the error says where it was", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      await pool.submit(getIdent);
      const running = new Event();
      const error = await errorOf(pool.with({ timeout: 300 }).submit(waitFor, running, new Event()));
      assert.ok(error instanceof TimeoutError, String(error));
      // On a machine too busy to begin with it in time, it never ran.
      if (running.isSet) {
        assert.ok(error.cause instanceof CancelledError);
        assert.match(error.cause.stack!, /waitFor/);
      }
      assert.deepEqual(await pool.submit(untouched), [false, false]);
    });

    for (const waiting of ["await", "resultSync"]) {
      test(`deaf, the caller in ${waiting}: its worker is replaced, and the next task runs`, async () => {
        await using pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: `late-${waiting}` });
        await pool.submit(getIdent);
        const running = new Event();
        const future = pool.with({ timeout: 300, grace: 30 }).submit(ignore, running);
        const next = pool.submit(() => currentThread().name);
        if (waiting === "await") assert.ok((await errorOf(future)) instanceof TimeoutError);
        else assert.throws(() => future.resultSync(), TimeoutError);
        const name = waiting === "await" ? await next : next.resultSync();
        // On a machine too busy, the worker had hardly taken it up, or not even that.
        assert.match(name, running.isSet ? /^late-\w+_1$/ : /^late-\w+_[01]$/);
      });
    }

    test("a result in time is a result, and the timer holds up nothing", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      assert.equal(await pool.with({ timeout: 3_600_000 }).submit(Math.abs, -1), 1);
      assert.equal(pool.with({ timeout: 3_600_000 }).submit(Math.abs, -2).resultSync(), 2);
      assert.deepEqual(await pool.with({ timeout: 3_600_000 }).map(Math.abs, [-1]), [1]);
    });

    test("of a map: what runs is stopped, what waits is removed, and the results end with the error", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const [gate, counts] = [new Event(), words(100)];
      const task = (i: number): number => {
        Atomics.add(counts, i, 1);
        gate.waitSync();
        return i;
      };
      const items = Array.from({ length: 100 }, (_, i) => i);
      const results = pool.with({ timeout: 100 }).map(task, items, { chunksize: 1 });
      await assert.rejects(results.next(), TimeoutError);
      assert.equal((await results.next()).done, true);
      assert.deepEqual(await pool.submit(untouched), [false, false]);
      assert.ok(counts.reduce((sum, n) => sum + n) <= 2);
      await assert.rejects(
        async () => await pool.with({ timeout: 10, grace: 10 }).map(ignore, [new Event()]),
        TimeoutError,
      );
    });

    test("of a map: what has come by then is given before", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const [gate, controller] = [new Event(), new AbortController()];
      const task = (i: number): number => (i === 0 || gate.waitSync() ? i : -1);
      const results = pool.with({ signal: controller.signal }).map(task, [0, 1, 2], { chunksize: 1 });
      assert.deepEqual(await results.next(), { done: false, value: 0 });
      const next = results.next();
      controller.abort(new Reason("enough"));
      await assert.rejects(next, Reason);
      assert.equal((await results.next()).done, true);
      assert.deepEqual(await pool.submit(untouched), [false, false]);
    });
  });

  describe("with({ priority })", () => {
    test("higher first, equal ones as submitted, 0 between", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const [running, gate, order] = [new Event(), new Event(), new Queue<string>()];
      const busy = pool.submit(waitFor, running, gate);
      await running.wait();
      const note = (name: string): void => order.putSync(name);
      const plan: [string, number][] = [
        ["low-1", -1],
        ["plain-1", 0],
        ["high-1", 1],
        ["lower", -2.5],
        ["high-2", 1],
        ["top", 1e9],
        ["plain-2", 0],
        ["low-2", -1],
        ["bottom", -Infinity],
      ];
      const futures = plan.map(([name, priority]) => pool.with({ priority }).submit(note, name));
      const cancelled = pool.with({ priority: 5 }).submit(note, "cancelled");
      assert.equal(cancelled.cancel(), true);
      gate.set();
      await Promise.all([busy, ...futures]);
      const seen: string[] = [];
      while (!order.empty) seen.push(order.getNowait());
      assert.deepEqual(seen, ["top", "high-1", "high-2", "plain-1", "plain-2", "low-1", "low-2", "lower", "bottom"]);
    });

    test("tasks of a priority wake idle workers as others do", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const warm = [new Event(), new Event()];
      const gate = new Event();
      const both = warm.map((running) => pool.submit(waitFor, running, gate));
      for (const running of warm) await running.wait();
      gate.set();
      await Promise.all(both);
      for (const priority of [-1, 1]) {
        for (let i = 0; i < 20; i++) {
          // Both must run at once, or neither gets on.
          const [a, b] = [new Event(), new Event()];
          const view = pool.with({ priority });
          const meet = (own: Event, other: Event): boolean => (own.set(), other.waitSync());
          assert.deepEqual(await Promise.all([view.submit(meet, a, b), view.submit(meet, b, a)]), [true, true]);
        }
      }
    });

    test("a map of high priority overtakes one of low priority", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const [running, gate, order] = [new Event(), new Event(), new Queue<string>()];
      const busy = pool.submit(waitFor, running, gate);
      await running.wait();
      const note = (name: string): void => order.putSync(name);
      const low = pool.with({ priority: -1 }).map(note, ["a", "b"], { chunksize: 1 });
      const high = pool.with({ priority: 1 }).map(note, ["c", "d"], { chunksize: 1 });
      gate.set();
      await Promise.all([busy, low, high]);
      assert.deepEqual([order.getNowait(), order.getNowait()], ["c", "d"]);
    });
  });

  describe("with({ transfer })", () => {
    test("the buffer moves to the worker, and back by the task's own transfer", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const bytes = new Uint8Array(1 << 16).fill(7);
      const future = pool.with({ transfer: [bytes.buffer] }).submit((b: Uint8Array) => b.length + b[5]!, bytes);
      assert.equal(bytes.length, 0);
      assert.equal(await future, (1 << 16) + 7);
      const items = [1, 2, 3].map((n) => new Uint8Array(100).fill(n));
      const view = pool.with({ transfer: items.map(({ buffer }) => buffer) });
      assert.deepEqual(await view.map((b: Uint8Array) => b[99], items, { chunksize: 1 }), [1, 2, 3]);
      assert.deepEqual(
        items.map(({ length }) => length),
        [0, 0, 0],
      );
    });
  });

  test("views nest, inner options win; a view's shutdown is the pool's", async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const [running, gate] = [new Event(), new Event()];
    const busy = pool.submit(waitFor, running, gate);
    await running.wait();
    const outer = pool.with({ timeout: 3_600_000, priority: 1 });
    const future = outer.with({ timeout: 20 }).submit(Math.abs, -1);
    const patient = outer.submit(Math.abs, -2);
    assert.ok((await errorOf(future)) instanceof TimeoutError);
    gate.set();
    assert.deepEqual(await Promise.all([busy, patient]), ["passed", 2]);
    await outer.shutdown();
    assert.throws(() => pool.submit(Math.abs, 1), /after shutdown/);
  });

  test("wrong options are refused by with itself", () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    for (const [options, error] of [
      [undefined, TypeError],
      [null, TypeError],
      [5, TypeError],
      [{ timeout: -1 }, ValueError],
      [{ timeout: Number.NaN }, ValueError],
      [{ timeout: "1" }, TypeError],
      [{ grace: -1 }, ValueError],
      [{ priority: Number.NaN }, ValueError],
      [{ priority: "high" }, TypeError],
      [{ signal: {} }, TypeError],
      [{ transfer: 5 }, TypeError],
    ] as const) {
      assert.throws(() => pool.with(options as never), error, JSON.stringify(options));
    }
  });

  test("nothing of all this is left running", () => {
    assert.equal(activeCount(), 1);
  });
}
