import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMain } from "heddle";
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
      if (i % 40 === 0) await settle();
    }
  }

  test("106 starts and joins leak no memory, handle or thread", async () => {
    // The first 64 get records of their own, the others those of their predecessors: these tell.
    await startAndJoin(66);
    await settle();
    const before = state();
    const rss = process.memoryUsage().rss;
    await startAndJoin(40);
    await settle();
    await kit.until(
      () => state().osThreads <= before.osThreads && state().handles <= before.handles,
      () => `${JSON.stringify(state())} after ${JSON.stringify(before)}`,
    );
    assert.ok(state().pages <= before.pages + 1, JSON.stringify([state(), before]));
    assert.equal(activeCount(), 1);
    const grown = (process.memoryUsage().rss - rss) / 2 ** 20;
    // 40 workers that stayed would be more than 200 megabytes.
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
    await kill(4);
    await settle();
    const before = state();
    await kill(16);
    await settle();
    await kit.until(
      () => state().osThreads <= before.osThreads,
      () => JSON.stringify([state(), before]),
    );
    assert.ok(state().pages <= before.pages + 1, JSON.stringify([state(), before]));
  });
}
