/** What holds for ProcessPoolExecutor alone: deaths, limits, children that are killed at random. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { isMain } from "heddle";
import { BrokenProcessPool, CancelledError, TimeoutError, ValueError } from "heddle/errors";
import { activeChildren, Event, ProcessPoolExecutor } from "heddle/multiprocessing";
import { currentThread } from "heddle/threading";
import { poolKillRun } from "./kills.ts";

export function spin(running: Event): void {
  running.set();
  for (;;);
}

export function spinUntilCancelled(running: Event): string {
  running.set();
  while (!currentThread().cancelRequested);
  return currentThread().signal.aborted ? "aborted" : "not aborted";
}

function children(): number[] {
  const text = fs.readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z /.test(fs.readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

if (isMain(import.meta)) {
  test("PPE-1 a killed child: only its own task fails, and the pool goes on (in Python: everything)", async () => {
    await using pool = new ProcessPoolExecutor({ maxWorkers: 1 });
    const running = new Event();
    const lost = pool.submit(spin, running);
    const next = pool.submit(Math.abs, -3);
    await running.wait();
    process.kill(activeChildren()[0]!.pid!, "SIGKILL");
    await assert.rejects(
      async () => await lost,
      (error) => error instanceof BrokenProcessPool && error.exitCode === -9 && error.cause !== undefined,
    );
    assert.equal(await next, 3);
  });

  test("PPE-2 process.exit in a task, seen by a blocked main thread", () => {
    const pool = new ProcessPoolExecutor({ maxWorkers: 1 });
    const lost = pool.submit(() => process.exit(3));
    assert.throws(
      () => lost.resultSync(),
      (error) => error instanceof BrokenProcessPool && error.exitCode === 3,
    );
    assert.equal(pool.submit(Math.abs, -3).resultSync(), 3);
  });

  test("PPE-7 maxTasksPerChild: a process for each so many tasks; 0 is a ValueError", async () => {
    await using pool = new ProcessPoolExecutor({ maxWorkers: 1, maxTasksPerChild: 2 });
    const pids: number[] = [];
    for (let i = 0; i < 5; i++) pids.push(await pool.submit(() => process.pid));
    assert.deepEqual(
      [pids[0] === pids[1], pids[1] === pids[2], pids[2] === pids[3], pids[3] === pids[4]],
      [true, false, true, false],
    );
    assert.throws(() => new ProcessPoolExecutor({ maxTasksPerChild: 0 }), ValueError);
    assert.throws(() => new ProcessPoolExecutor({ maxTasksPerChild: "2" as never }), TypeError);
  });

  test("a running task is told to stop; one that does not listen is ended with its process", async () => {
    await using pool = new ProcessPoolExecutor({ maxWorkers: 1 });
    const [first, second] = [new Event(), new Event()];
    const polite = pool.submit(spinUntilCancelled, first);
    await first.wait();
    assert.equal(polite.cancel(), false);
    assert.equal(await polite, "aborted");
    const before = await pool.submit(() => process.pid);
    const deaf = pool.with({ timeout: 50, grace: 50 }).submit(spin, second);
    await assert.rejects(async () => await deaf, TimeoutError);
    assert.notEqual(await pool.submit(() => process.pid), before);
    const third = new Event();
    const waiting = pool.submit(
      (running: Event, never: Event) => (running.set(), never.waitSync()),
      third,
      new Event(),
    );
    await third.wait();
    waiting.cancel();
    await assert.rejects(async () => await waiting, CancelledError);
  });

  test("children killed at random: every future settles, no task runs twice, nothing is left behind", async () => {
    await poolKillRun(10);
    assert.deepEqual(activeChildren(), []);
    // What has ended is a zombie until Node asks for its exit code, in a turn of the loop.
    assert.deepEqual(children().filter(isAlive), []);
    while (children().length > 0) await new Promise(setImmediate);
  });
}
