/** What an executor does when it has nothing to do, and what it leaves to the event loops of its threads. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import { isMain } from "heddle";
import { ThreadPoolExecutor } from "heddle/futures";
import { Event } from "heddle/threading";

/** The part of a processor that this program uses while nothing is asked of it. */
async function usage(milliseconds: number): Promise<number> {
  const start = performance.now();
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / (performance.now() - start);
}

const MOST = 0.25;

function noop(): void {}

function waitFor(running: Event, gate: Event): void {
  running.set();
  gate.waitSync();
}

/** Counts in shared memory, by a timer that outlives the task. */
function tick(words: Int32Array): void {
  const timer = setInterval(() => {
    if (Atomics.add(words, 0, 1) === 20) clearInterval(timer);
  }, 1);
}

if (isMain(import.meta)) {
  describe("an executor uses no processor", () => {
    test("while its workers have nothing to do, after many tasks at once and many one by one", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      await Promise.all(Array.from({ length: 20_000 }, () => pool.submit(noop)));
      for (let i = 0; i < 500; i++) await pool.submit(noop);
      const used = await usage(600);
      assert.ok(used < MOST, `${used.toFixed(2)} of a processor`);
    });

    test("while the caller awaits a task that waits, and others are queued behind it", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      for (let i = 0; i < 500; i++) await pool.submit(noop);
      const [running, gate] = [new Event(), new Event()];
      const futures = [pool.submit(waitFor, running, gate), ...Array.from({ length: 10 }, () => pool.submit(noop))];
      await running.wait();
      const used = await usage(600);
      gate.set();
      await Promise.all(futures);
      assert.ok(used < MOST, `${used.toFixed(2)} of a processor`);
    });
  });

  describe("event loops go on", () => {
    test("of a worker, while one task follows the other", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const words = new Int32Array(new SharedArrayBuffer(4));
      await pool.submit(tick, words);
      // Always some in its ring, so that it never has to wait for one.
      const keep = async (): Promise<void> => {
        while (Atomics.load(words, 0) < 10) await pool.submit(noop);
      };
      await Promise.all(Array.from({ length: 200 }, keep));
      assert.ok(Atomics.load(words, 0) >= 10);
    });

    test("of a worker that has nothing else to do", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const words = new Int32Array(new SharedArrayBuffer(4));
      await pool.submit(tick, words);
      while (Atomics.load(words, 0) < 10) await new Promise((resolve) => setTimeout(resolve, 1));
      assert.equal(await pool.submit(Math.abs, -1), 1);
    });

    test("of the caller, who awaits one result after the other", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      await pool.submit(noop);
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      // Without turns of the loop the timer would never fire, and this never end.
      while (ticks < 5) await pool.submit(noop);
      clearInterval(timer);
      assert.ok(ticks >= 5);
    });
  });

  test("heddle/futures is all that a program has to import", async () => {
    const program = `
      import { ThreadPoolExecutor } from "heddle/futures";
      console.log(await new ThreadPoolExecutor({ maxWorkers: 1 }).submit(Math.abs, -2));
    `;
    const options = { cwd: new URL("../../../", import.meta.url), encoding: "utf8" } as const;
    assert.equal(execFileSync(process.execPath, ["--input-type=module", "-e", program], options), "2\n");
  });
}
