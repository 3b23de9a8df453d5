/** What Python's cases of ProcessPoolExecutor say, and no suite; PPE-1, PPE-2 and PPE-7 are in test/multiprocessing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isMain } from "heddle";
import { BrokenProcessPool, NotSendableError, ValueError } from "heddle/errors";
import { wait } from "heddle/futures";
import { activeChildren, Event, int32, ProcessPoolExecutor, Semaphore, Value } from "heddle/multiprocessing";

class KeyError extends Error {
  override name = "KeyError";
  readonly key: string;

  constructor(key: string) {
    super(`no key ${key}`);
    this.key = key;
  }
}

function lookUp(key: string): never {
  throw new KeyError(key);
}

function double(n: number): number {
  return 2 * n;
}

function announce(running: Event, open: Event): string {
  running.set();
  open.waitSync();
  return "done";
}

/** Tells that it runs, and waits until it may end. */
function occupy(running: Semaphore, open: Event): number {
  running.release();
  open.waitSync();
  return process.pid;
}

function refuse(): never {
  throw new Error("the initializer does not like it");
}

function weigh(bytes: Uint8Array): number {
  return bytes.length;
}

if (isMain(import.meta)) {
  test("PPE-3 an error keeps its class and fields, and its stack names the line that threw it", async () => {
    await using pool = new ProcessPoolExecutor({ maxWorkers: 1 });
    const error = await pool.submit(lookUp, "remote").exception();
    assert.ok(error instanceof KeyError);
    assert.deepEqual([error.key, error.message], ["remote", "no key remote"]);
    assert.match(error.stack!, /at lookUp \(.*process-pool-cases\.test\.[jt]s:\d+:\d+\)/);
  });

  test("PPE-4 a lambda is sent like any function; what it cannot take along is an error at once; the next task works", async () => {
    await using pool = new ProcessPoolExecutor({ maxWorkers: 1 });
    const factor = 3;
    assert.equal(await pool.submit((n: number) => n * factor, 5), 15);
    const promise = Promise.resolve(1);
    assert.throws(
      () => pool.submit(() => promise),
      (error: Error) => error instanceof NotSendableError && /promise/.test(error.message),
    );
    // A result that cannot be sent is an error of its own task.
    await assert.rejects(
      async () => await pool.submit(() => ({ fn: new WeakMap() })),
      (error: Error) => error instanceof NotSendableError,
    );
    assert.equal(await pool.submit(double, 4), 8);
  });

  test("PPE-5 process.exit(9) in a task: that is told, and the pool goes on", async () => {
    await using pool = new ProcessPoolExecutor({ maxWorkers: 1 });
    await assert.rejects(
      async () => await pool.submit(() => process.exit(9)),
      (error: Error) => error instanceof BrokenProcessPool && error.exitCode === 9,
    );
    assert.equal(await pool.submit(double, 4), 8);
  });

  test("PPE-6 chunks of 6, 40 and 50 over 40 items give the same; 0 and -1 are a ValueError", async () => {
    await using pool = new ProcessPoolExecutor({ maxWorkers: 2 });
    const items = Array.from({ length: 40 }, (_, i) => i);
    for (const chunksize of [6, 40, 50, undefined]) {
      assert.deepEqual(await pool.map(double, items, chunksize === undefined ? {} : { chunksize }), items.map(double));
    }
    for (const chunksize of [0, -1]) assert.throws(() => pool.map(double, items, { chunksize }), ValueError);
  });

  test("PPE-8 one worker, five tasks: what no worker has begun can be cancelled (in Python one of them cannot)", async () => {
    await using pool = new ProcessPoolExecutor({ maxWorkers: 1 });
    const [running, open] = [new Event(), new Event()];
    const first = pool.submit(announce, running, open);
    const others = Array.from({ length: 4 }, () => pool.submit(double, 1));
    await running.wait();
    assert.deepEqual(
      [first, ...others].map((future) => future.running),
      [true, false, false, false, false],
    );
    assert.deepEqual(
      others.map((future) => future.cancel()),
      [true, true, true, true],
    );
    assert.ok(others.every((future) => future.cancelled));
    open.set();
    assert.equal(await first, "done");
    assert.equal(first.cancel(), false);
    assert.equal(await pool.submit(double, 4), 8);
  });

  test("PPE-9 an initializer that fails breaks the pool: what waits, and what comes", async () => {
    const pool = new ProcessPoolExecutor({ maxWorkers: 1, initializer: refuse });
    const futures = [pool.submit(double, 1), pool.submit(double, 2)];
    for (const future of futures) {
      await assert.rejects(
        async () => await future,
        (error: Error) => error instanceof BrokenProcessPool && /does not like it/.test(String(error.cause)),
      );
    }
    assert.throws(() => pool.submit(double, 3), BrokenProcessPool);
    await pool.shutdown();
  });

  test("PPE-10 a process is started when there is work and nobody idle: not all at the first submit", async () => {
    await using pool = new ProcessPoolExecutor({ maxWorkers: 3 });
    assert.equal(activeChildren().length, 0);
    const [running, open] = [new Semaphore(0), new Event()];
    const pid = await pool.submit(() => process.pid);
    assert.equal(activeChildren().length, 1);
    // One after the other: the one that there is has nothing else to do.
    assert.equal(await pool.submit(() => process.pid), pid);
    assert.equal(activeChildren().length, 1);
    const futures = Array.from({ length: 5 }, () => pool.submit(occupy, running, open));
    for (let i = 0; i < 3; i++) await running.acquire();
    assert.equal(activeChildren().length, 3);
    open.set();
    assert.equal(new Set(await Promise.all(futures)).size, 3);
  });

  test("PPE-11 a worker killed with much still to send: everything settles, and nothing hangs", async () => {
    await using pool = new ProcessPoolExecutor({ maxWorkers: 2 });
    const victim = pool.submit(() => process.kill(process.pid, "SIGKILL"));
    const futures = Array.from({ length: 40 }, () => pool.submit(weigh, new Uint8Array(1_000_000)));
    await assert.rejects(async () => await victim, BrokenProcessPool);
    assert.ok((await Promise.all(futures)).every((length) => length === 1_000_000));
  });

  test("PPE-12 a shutdown just after a cancel is over when what runs is", async () => {
    const pool = new ProcessPoolExecutor({ maxWorkers: 1 });
    const [running, open] = [new Event(), new Event()];
    const first = pool.submit(announce, running, open);
    const second = pool.submit(double, 1);
    await running.wait();
    assert.ok(second.cancel());
    const over = pool.shutdown();
    open.set();
    await over;
    const { done, notDone } = await wait<unknown>([first, second]);
    assert.deepEqual([done.size, notDone.size], [2, 0]);
    assert.equal(await first, "done");
    assert.equal(activeChildren().length, 0);
  });

  test("what is shared may be an argument of a task, and stays the same", async () => {
    await using pool = new ProcessPoolExecutor({ maxWorkers: 2 });
    const total = new Value(int32, 0);
    await pool.map((n: number) => total.add(n), [1, 2, 3, 4]);
    assert.equal(total.value, 10);
  });
}
