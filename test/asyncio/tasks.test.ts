/** What tasks do beyond Python's cases: signals, contexts, threads that are cancelled, errors that nobody asks for. @module */

import assert from "node:assert/strict";
import { test } from "node:test";
import { isMain } from "heddle";
import {
  asCompleted,
  CancelledError,
  createTask,
  currentTask,
  gather,
  shield,
  sleep,
  type Task,
  TaskGroup,
  type Timeout,
  timeout,
  timeoutAt,
  TimeoutError,
  wait,
  waitFor,
} from "heddle/asyncio";
import { Context, ContextVar, copyContext } from "heddle/contextvars";
import { Future, ThreadPoolExecutor } from "heddle/futures";
import { currentThread, DeadlockError, Event, Lock, RLock, spawn } from "heddle/threading";
import { runProgram } from "../examples/run-example.ts";
import { door, LONG, rejects, turn } from "./turns.ts";

async function sleepLong(began: Event): Promise<string> {
  const task = createTask(async () => {
    began.set();
    await sleep(LONG);
  });
  await task.exception().catch(() => undefined);
  return `${task.cancelled} ${currentThread().cancelRequested}`;
}

function square(n: number): number {
  return n * n;
}

if (isMain(import.meta)) {
  test("the signal of a task aborts when it is cancelled, with the CancelledError as its reason", async () => {
    let signal: AbortSignal | undefined;
    const task = createTask(async () => {
      signal = currentTask()!.signal;
      await new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason as Error)));
    });
    await turn();
    assert.equal(signal!.aborted, false);
    task.cancel("enough");
    await rejects(task, (error: Error) => error instanceof CancelledError && error.message === "enough");
    assert.equal(task.cancelled, true);
  });

  test("after uncancel the signal is a new one", async () => {
    await createTask(async () => {
      const task = currentTask()!;
      const first = task.signal;
      task.cancel();
      await rejects(sleep(LONG), CancelledError);
      assert.equal(first.aborted, true);
      assert.equal(task.uncancel(), 0);
      assert.equal(task.signal.aborted, false);
      await sleep(1);
    });
  });

  test("uncancel before anybody was told takes the cancellation back", async () => {
    await createTask(async () => {
      currentTask()!.cancel();
      currentTask()!.uncancel();
      await sleep(1);
    });
  });

  test("what a task awaits that is not heddle's goes on; the task is cancelled all the same", async () => {
    const gate = door<string>();
    const task = createTask(() => gate.promise);
    await turn();
    task.cancel();
    await turn();
    assert.equal(task.done, false);
    gate.open("value");
    await rejects(task, CancelledError);
  });

  test("awaiting a future in a task that is cancelled cancels the future", async () => {
    const future = new Future<number>();
    const task = createTask(async () => await future);
    await turn();
    task.cancel();
    await rejects(task, CancelledError);
    assert.equal(future.cancelled, true);
    const [kept, waiting] = [new Future<number>(), new Event()];
    const result = createTask(async () => {
      waiting.set();
      await kept.result();
    });
    await waiting.wait();
    await turn();
    result.cancel();
    await rejects(result, CancelledError);
    assert.equal(kept.cancelled, false);
  });

  test("a pool's map ends when the task that goes through it is cancelled", async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const gate = door();
    async function* items(): AsyncGenerator<number> {
      yield 2;
      await gate.promise;
    }
    const seen: number[] = [];
    const task = createTask(async () => {
      for await (const n of pool.map(square, items())) seen.push(n);
    });
    while (seen.length === 0) await sleep(1);
    task.cancel();
    gate.open();
    await rejects(task, CancelledError);
    assert.deepEqual(seen, [4]);
  });

  test("a thread that is cancelled ends the sleep of its tasks", async () => {
    const began = new Event();
    const thread = spawn(sleepLong, began);
    await began.wait();
    thread.cancel();
    assert.equal(await thread.join(), "true true");
  });

  test("a task runs in a copy of its maker's context, or in the very context it is given", async () => {
    const v = new ContextVar("v", { default: "none" });
    const context = new Context();
    await createTask(() => void v.set("given"), { context });
    assert.equal(context.get(v), "given");
    const [inner, outer] = await copyContext().run(async () => {
      v.set("maker");
      const task = createTask(async () => {
        const seen = v.get();
        v.set("task");
        await sleep(1);
        return seen;
      });
      v.set("later");
      return [await task, v.get()];
    });
    assert.deepEqual(
      [inner, outer],
      ["later", "later"].map((_, i) => (i === 0 ? "maker" : "later")),
    );
  });

  test("CTX-11 what the tasks of a gather set, the caller does not see", async () => {
    const v = new ContextVar("v", { default: 0 });
    await gather(
      () => void v.set(1),
      () => void v.set(2),
    );
    assert.equal(v.get(), 0);
  });

  test("flows of one task share its RLock, other tasks wait for it", async () => {
    const lock = new RLock();
    const order: string[] = [];
    const first = createTask(async () => {
      await lock.acquire();
      await Promise.all([lock.acquire(), lock.acquire()]);
      order.push("first");
      await sleep(5);
      for (let i = 0; i < 3; i++) lock.release();
    });
    const second = createTask(async () => {
      using _ = await lock.acquire();
      order.push("second");
    });
    await gather(first, second);
    assert.deepEqual(order, ["first", "second"]);
    assert.equal(lock.locked, false);
  });

  test("timeoutAt, and what a timeout tells of itself", async () => {
    await createTask(async () => {
      const at = performance.now() + LONG;
      using limit = timeoutAt(at);
      assert.equal(limit.when, at);
      await rejects(
        timeoutAt(performance.now() - 1, () => sleep(1)),
        TimeoutError,
      );
      assert.throws(() => timeoutAt(NaN), TypeError);
      assert.throws(() => timeout(-1), { name: "ValueError" });
    });
  });

  test("a timeout ends whatever the block awaits: a task, a lock, a group", async () => {
    const lock = new Lock().acquireSync();
    const [child, left] = [createTask(() => sleep(LONG)), createTask(() => sleep(LONG))];
    for (const block of [
      async (): Promise<unknown> => await child,
      () => lock.acquire(),
      () => TaskGroup.run((group) => void group.createTask(() => sleep(LONG))),
      () => wait([left]),
      () => waitFor(() => sleep(LONG)),
      async (): Promise<unknown> => await shield(createTask(() => sleep(5))).then(() => sleep(LONG)),
      () => asCompleted([new Future()]).next(),
    ]) {
      await rejects(timeout(10, block), TimeoutError);
      await rejects(
        async () => {
          await createTask(async () => {
            using _ = timeout(10);
            await block();
          });
        },
        child.cancelled
          ? (error: Error) => error instanceof TimeoutError || error instanceof CancelledError
          : TimeoutError,
      );
    }
    assert.deepEqual([child.cancelled, left.done], [true, false]);
    left.cancel();
    lock.release();
  });

  test("a timeout that passes at an await of something else is told at the end of the block, or by its signal", async () => {
    const late = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
    await rejects(timeout(5, late), TimeoutError);
    await rejects(timeout(0, late), TimeoutError);
    const inBlock = (ms: number, fn: (limit: Timeout) => Promise<unknown>): Task<unknown> =>
      createTask(async () => {
        using limit = timeout(ms);
        await fn(limit);
      });
    await rejects(inBlock(5, late), TimeoutError);
    await rejects(inBlock(0, late), TimeoutError);
    const aborted = (limit: Timeout): Promise<void> =>
      new Promise((_, reject) => limit.signal.addEventListener("abort", () => reject(limit.signal.reason as Error)));
    await rejects(inBlock(5, aborted), (error: Error) => error instanceof TimeoutError);
    await rejects(timeout(5, aborted), TimeoutError);
    await rejects(
      timeout(5, async () => {
        await late();
        throw new RangeError("mine");
      }),
      RangeError,
    );
  });

  test("tasks that wait for each other's RLocks: one of the waits is an error", async () => {
    const [a, b] = [new RLock(), new RLock()];
    const cross = async (first: RLock, second: RLock): Promise<string> => {
      using _ = await first.acquire();
      await sleep(0);
      using _second = await second.acquire();
      return "both";
    };
    const tasks = [createTask(() => cross(a, b)), createTask(() => cross(b, a))];
    const results = await gather(tasks, { returnExceptions: true });
    assert.equal(results.filter((result) => result instanceof DeadlockError).length, 1);
    assert.ok(results.includes("both"));
  });

  test("many tasks that wait and are cancelled leave nothing behind", async () => {
    const lock = new Lock().acquireSync();
    for (let round = 0; round < 5; round++) {
      const tasks = Array.from({ length: 200 }, () => createTask(() => lock.acquire()));
      await turn();
      for (const task of tasks) task.cancel();
      const results = await gather(tasks, { returnExceptions: true });
      assert.ok(results.every((result) => result instanceof CancelledError));
    }
    lock.release();
    assert.equal(lock.tryAcquire(), lock);
  });

  test("an error that nobody asked for is told when the program ends, and once", async () => {
    const { code, lines, stderr } = await runProgram(new URL("programs/unasked.js", import.meta.url));
    assert.deepEqual([code, lines], [0, ["end"]]);
    assert.match(stderr, /^forgotten failed, and nobody awaited it:\nRangeError: nobody asked\n/);
    assert.equal(stderr.match(/nobody awaited/g)!.length, 1);
    assert.doesNotMatch(stderr, /: asked|CancelledError/);
  });

  test("or when the task is collected", async () => {
    const { lines, stderr } = await runProgram(new URL("programs/collected.js", import.meta.url));
    assert.deepEqual(lines, ["still running"]);
    assert.equal(stderr.match(/forgotten failed, and nobody awaited it/g)?.length, 1, stderr);
  });
}
