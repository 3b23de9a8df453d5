import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMain } from "heddle";
import { Queue } from "heddle/queue";
import { activeCount, Event, Lock, spawn } from "heddle/threading";
import { Kit } from "../conformance/kit.ts";
import { threads } from "../conformance/thread-backend.ts";
import { usedPages } from "./used-pages.ts";

if (isMain(import.meta)) {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const kit = new Kit(threads);

  interface State {
    readonly pages: number;
    readonly osThreads: number;
    readonly handles: number;
  }

  function state(): State {
    const osThreads = process.platform === "linux" ? readdirSync("/proc/self/task").length : 0;
    return { pages: usedPages(), osThreads, handles: process.getActiveResourcesInfo().length };
  }

  async function settle(): Promise<void> {
    // Finalizers run between turns of the loop.
    for (let i = 0; i < 3; i++) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async function startAndJoin(n: number): Promise<void> {
    const lock = new Lock();
    for (let i = 0; i < n; i += 2) {
      const pair = [i, i + 1].map((j) =>
        spawn((lock: Lock, event: Event, j: number) => (event.set(), lock.locked, { j }), lock, new Event(), j),
      );
      assert.deepEqual(await pair[0]!.join(), { j: i });
      assert.deepEqual(pair[1]!.joinSync(), { j: i + 1 });
      // Handles give back what they hold when they are collected.
      if (i % 20 === 0) await settle();
    }
  }

  test("200 starts and joins leak no memory, handle or thread", async () => {
    // More than 64: until then each thread gets a record of its own, and afterwards those of its predecessors.
    await startAndJoin(80);
    await settle();
    const before = state();
    const rss = process.memoryUsage().rss;
    await startAndJoin(200);
    await settle();
    await kit.until(
      () => state().osThreads <= before.osThreads && state().handles <= before.handles,
      () => `${JSON.stringify(state())} after ${JSON.stringify(before)}`,
    );
    assert.ok(state().pages <= before.pages + 1, JSON.stringify([state(), before]));
    assert.equal(activeCount(), 1);
    const grown = (process.memoryUsage().rss - rss) / 2 ** 20;
    // 200 workers that stayed would be more than a gigabyte.
    assert.ok(grown < 100, `${grown} MiB more`);
  });

  test("threads that are terminated leak none either", async () => {
    const kill = async (n: number): Promise<void> => {
      for (let i = 0; i < n; i++) {
        const [ready, lock] = [new Event(), new Lock()];
        const thread = spawn(
          (ready: Event, lock: Lock) => {
            lock.acquireSync();
            ready.set();
            lock.acquireSync();
          },
          ready,
          lock,
        );
        await ready.wait();
        await thread.terminate();
        lock.recover().release();
      }
    };
    await kill(5);
    await settle();
    const before = state();
    await kill(25);
    await settle();
    await kit.until(
      () => state().osThreads <= before.osThreads,
      () => JSON.stringify([state(), before]),
    );
    assert.ok(state().pages <= before.pages + 1, JSON.stringify([state(), before]));
  });

  test("objects that come and go leave the shared memory flat", async () => {
    const round = async (): Promise<void> => {
      for (let i = 0; i < 500; i++) {
        const queue = new Queue<unknown>();
        queue.putNowait({ lock: new Lock(), text: "x".repeat(i % 300) });
        queue.putNowait([new Event()]);
        queue.getNowait();
      }
      await settle();
    };
    for (let i = 0; i < 4; i++) await round();
    const before = state();
    for (let i = 0; i < 20; i++) await round();
    assert.ok(state().pages <= before.pages + 2, JSON.stringify([state(), before]));
  });

  test("200 000 items through a queue leave the shared memory flat", async () => {
    const queue = new Queue<unknown>(100);
    const consumer = spawn((queue: Queue<unknown>) => {
      let n = 0;
      for (; queue.getSync() !== null; n++);
      return n;
    }, queue);
    const round = (n: number): void => {
      for (let i = 0; i < n; i++) queue.putSync(i % 10 === 0 ? { i, text: "some text" } : i);
    };
    round(20_000);
    const before = state();
    round(200_000);
    assert.ok(state().pages <= before.pages + 1, JSON.stringify([state(), before]));
    queue.putSync(null);
    assert.equal(await consumer.join(), 220_000);
  });
}
