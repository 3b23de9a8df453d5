/** Conformance of executors: EX-1, EX-7 … EX-9, TPE-1 … TPE-12, IPE-1 … IPE-6. @module */

import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { describe, test } from "node:test";
import { CancelledError, NotSendableError, RuntimeError, TimeoutError, ValueError } from "heddle/errors";
import { type Future, ThreadPoolExecutor, wait } from "heddle/futures";
import { activeCount, currentThread } from "heddle/threading";
import {
  announce,
  countCall,
  type ExecutorKind,
  type Gate,
  type Mailbox,
  pass,
  passThrough,
  whoRuns,
} from "./futures-kit.ts";

/** Module state: each worker has its own. */
let counter = 0;

function count(): number {
  return ++counter;
}

/** Tells who it is, and stays busy until it may go. */
async function identify(idents: Mailbox, gate: Gate): Promise<string> {
  idents.putNowait(whoRuns());
  await pass(gate);
  return currentThread().name;
}

/** What the initializer left, in this worker. */
const initialized: unknown[] = [];

function initialize(...args: unknown[]): void {
  initialized.push(args);
}

function whatWasInitialized(): unknown[] {
  return initialized;
}

function failToInitialize(message: string): never {
  throw new RangeError(message);
}

export function executorSuite(kind: ExecutorKind): void {
  describe(`Executor: ${kind.name}`, () => {
    test("EX-1 submit calls the function with the arguments; no function is a TypeError", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      assert.equal(await pool.submit(Math.pow, 2, 8), 256);
      assert.deepEqual(await pool.submit((...args: unknown[]) => args, { self: 1 }, "fn", null), [
        { self: 1 },
        "fn",
        null,
      ]);
      for (const fn of [undefined, null, 1, "f", {}]) assert.throws(() => pool.submit(fn as never), TypeError);
    });

    test("EX-7 after shutdown, submit and map are a RuntimeError, also for no items; shutdown twice is well", async () => {
      const pool = kind.make({ maxWorkers: 1 });
      const future = pool.submit(Math.abs, -1);
      await pool.shutdown();
      assert.equal(future.resultSync(), 1);
      const refused = { name: "RuntimeError", message: /cannot schedule new futures after shutdown/ };
      assert.throws(() => pool.submit(Math.abs, -1), refused);
      assert.throws(() => pool.map(Math.abs, [1]), refused);
      assert.throws(() => pool.map(Math.abs, []), refused);
      await pool.shutdown();
      await Promise.all([pool.shutdown({ cancelFutures: true }), pool.shutdown({ wait: false })]);
      const unused = kind.make();
      await unused.shutdown();
      assert.throws(() => unused.submit(Math.abs, 1), RuntimeError);
    });

    test("EX-8 50 queued tasks, cancelFutures: those that run finish, all others are cancelled at once", async () => {
      const pool = kind.make({ maxWorkers: 2 });
      const [running, gate, counts] = [kind.gate(), kind.gate(), kind.words(1)];
      const first = pool.submit(announce, running, gate);
      await running.wait();
      const futures: Future<unknown>[] = [first];
      for (let i = 1; i < 50; i++) {
        futures.push(
          pool.submit(
            async (gate: Gate, counts: Int32Array) => (await pass(gate), Atomics.add(counts, 0, 1)),
            gate,
            counts,
          ),
        );
      }
      const ended = pool.shutdown({ cancelFutures: true });
      const cancelled = futures.filter((future) => future.cancelled).length;
      assert.ok(cancelled >= 48 && !first.cancelled, `${cancelled}`);
      gate.set();
      await ended;
      assert.equal(await first, "passed");
      assert.ok(futures.every((future) => future.done));
      assert.equal(counts[0], 49 - cancelled);
      await assert.rejects(async () => await futures[49], CancelledError);
    });

    test("EX-9 await using waits for a running task, also when the block throws, whose error it passes on", async () => {
      const [running, gate] = [kind.gate(), kind.gate()];
      let future: Future<string> | undefined;
      await assert.rejects(async () => {
        await using pool = kind.make({ maxWorkers: 1 });
        future = pool.submit(announce, running, gate);
        await running.wait();
        gate.set();
        throw new RangeError("in the block");
      }, /in the block/);
      assert.deepEqual([future!.done, future!.resultSync()], [true, "passed"]);
    });

    test("a task may wait for promises, and the worker then takes the next", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      const gate = kind.gate();
      const slow = pool.submit(async (gate: Gate) => (await gate.wait(), "slow"), gate);
      const next = pool.submit(() => "next");
      gate.set();
      assert.deepEqual(await Promise.all([slow, next]), ["slow", "next"]);
      assert.equal(
        await pool
          .submit(async () => await Promise.reject(new RangeError("x")))
          .exception()
          .then(String),
        "RangeError: x",
      );
    });

    test("TPE-1 no more workers than allowed under 15 times the load, and exactly as many when all block", async () => {
      await using pool = kind.make({ maxWorkers: 3 });
      const [idents, gate] = [kind.mailbox(), kind.gate()];
      const futures = Array.from({ length: 45 }, () => pool.submit(identify, idents, gate));
      const first = new Set([await idents.get(), await idents.get(), await idents.get()]);
      assert.equal(first.size, kind.here ? 1 : 3);
      assert.equal(idents.qsize, 0);
      assert.equal(futures.filter((future) => future.running).length, 3);
      gate.set();
      await Promise.all(futures);
      while (!idents.empty) first.add(idents.getNowait());
      assert.equal(first.size, kind.here ? 1 : 3);
    });

    test(
      "TPE-2 an idle worker is used again: five tasks one after the other, one worker",
      { skip: kind.here },
      async () => {
        await using pool = kind.make({ maxWorkers: 4 });
        const idents = new Set<string>();
        for (let i = 0; i < 5; i++) idents.add(await pool.submit(whoRuns));
        assert.equal(idents.size, 1);
      },
    );

    test(
      "TPE-5 IPE-6 an initializer that fails breaks the pool: futures, submit and map, with the cause",
      { skip: kind.here },
      async () => {
        const pool = kind.make({ maxWorkers: 2, initializer: failToInitialize, initargs: ["not today"] });
        const futures = Array.from({ length: 5 }, () => pool.submit(Math.abs, -1));
        await wait(futures);
        const broken = (error: unknown): boolean =>
          error instanceof kind.Broken && error.cause instanceof RangeError && error.cause.message === "not today";
        for (const future of futures) assert.throws(() => future.resultSync(), broken);
        assert.throws(() => pool.submit(Math.abs, -1), broken);
        assert.throws(() => pool.map(Math.abs, [1]), broken);
        await pool.shutdown();
      },
    );

    test("TPE-7 shutdown without waiting returns at once; what was submitted is done (TPE-12)", async () => {
      const pool = kind.make({ maxWorkers: 1 });
      const [running, gate] = [kind.gate(), kind.gate()];
      const futures = [pool.submit(announce, running, gate), pool.submit(passThrough, gate, "second")];
      await running.wait();
      await pool.shutdown({ wait: false });
      assert.deepEqual(
        futures.map((future) => future.done),
        [false, false],
      );
      gate.set();
      assert.deepEqual(await Promise.all(futures), ["passed", "second"]);
      await pool.shutdown();
    });

    test("TPE-8 maxWorkers: 0, -1, 1.5 and NaN are ValueErrors, a string is a TypeError", () => {
      for (const maxWorkers of [0, -1, 1.5, Number.NaN, Infinity])
        assert.throws(() => kind.make({ maxWorkers }), ValueError);
      for (const maxWorkers of ["4", null, {}])
        assert.throws(() => kind.make({ maxWorkers: maxWorkers as never }), TypeError);
      if (!kind.here) {
        assert.throws(() => kind.make({ initializer: "f" as never }), TypeError);
        assert.throws(() => kind.make({ initializer: () => 1, initargs: 5 as never }), TypeError);
      }
      assert.throws(() => kind.make(3 as never), TypeError);
    });

    test("TPE-9 a queued task that was cancelled is skipped when a worker comes to it", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      const [running, gate, counts] = [kind.gate(), kind.gate(), kind.words(3)];
      const first = pool.submit(announce, running, gate);
      await running.wait();
      const futures = [0, 1, 2].map((i) => pool.submit(countCall(counts), i));
      assert.equal(futures[1]!.cancel(), true);
      gate.set();
      await first;
      await wait(futures);
      assert.deepEqual([...counts], [1, 0, 1]);
      assert.deepEqual(
        futures.map((future) => future.cancelled),
        [false, true, false],
      );
    });

    test(
      "TPE-10 a task in a thread can be sent its own pool, one in a process cannot; and none a future",
      { skip: kind.here },
      async () => {
        await using pool = kind.make({ maxWorkers: 1 });
        const future = pool.submit(Math.abs, -1);
        if (kind.inProcesses) {
          const refused = { name: "NotSendableError", message: /an executor belongs to the thread that made it/ };
          assert.throws(() => pool.submit((pool) => pool, pool as unknown), refused);
          assert.throws(() => pool.submit(() => pool), refused);
        } else {
          assert.equal(await pool.submit((pool) => pool, pool as unknown), pool);
          assert.equal(await pool.submit(() => pool), pool);
        }
        assert.throws(
          () => pool.submit((f) => f, future as unknown),
          (e) => e instanceof NotSendableError && /^args\[0\].*Future/.test(e.message),
        );
        assert.equal(await future, 1);
      },
    );

    test("TPE-10 a result that does not come: resultSync and result time out, and the task goes on", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      const gate = kind.gate();
      const future = pool.submit(passThrough, gate, "late");
      assert.throws(() => future.resultSync({ timeout: 20 }), kind.here ? RuntimeError : TimeoutError);
      await assert.rejects(future.result({ timeout: 1 }), TimeoutError);
      gate.set();
      assert.equal(kind.here ? await future : future.resultSync(), "late");
    });

    test(
      "TPE-11 IPE-5 the initializer runs once in each worker, before its tasks, with its arguments",
      { skip: kind.here },
      async () => {
        await using pool = kind.make({ maxWorkers: 2, initializer: initialize, initargs: [{ a: 1 }, "b"] });
        const [idents, gate] = [kind.mailbox(), kind.gate()];
        const both = [pool.submit(identify, idents, gate), pool.submit(identify, idents, gate)];
        assert.notEqual(await idents.get(), await idents.get());
        gate.set();
        await Promise.all(both);
        const seen = await Promise.all(Array.from({ length: 6 }, () => pool.submit(whatWasInitialized)));
        for (const args of seen) assert.deepEqual(args, [[{ a: 1 }, "b"]]);
        assert.deepEqual(initialized, []);
        const later = kind.make({
          maxWorkers: 1,
          initializer: async () => await Promise.resolve().then(() => initialize("async")),
        });
        assert.deepEqual(await later.submit(whatWasInitialized), [["async"]]);
        await later.shutdown();
      },
    );

    test(
      "IPE-1 each worker has module state of its own, which lasts from task to task",
      { skip: kind.here },
      async () => {
        await using pools = {
          a: kind.make({ maxWorkers: 1 }),
          b: kind.make({ maxWorkers: 1 }),
          async [Symbol.asyncDispose]() {
            await Promise.all([this.a.shutdown(), this.b.shutdown()]);
          },
        };
        assert.deepEqual(
          [await pools.a.submit(count), await pools.a.submit(count), await pools.b.submit(count)],
          [1, 2, 1],
        );
        assert.equal(counter, 0);
      },
    );

    test("IPE-2 an argument that the task changes stays as it was", { skip: kind.here }, async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      const list = [1, 2];
      assert.deepEqual(await pool.submit((list: number[]) => (list.push(3), list), list), [1, 2, 3]);
      assert.deepEqual(list, [1, 2]);
    });

    test("IPE-3 an error keeps its class, fields, cause and both stacks", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      const future = pool.submit(failWithEverything, "x");
      const error = (await future.exception()) as TaskError;
      assert.ok(error instanceof TaskError);
      assert.deepEqual(
        [error.name, error.message, error.code, error.detail],
        ["TaskError", "failed: x", "E_TASK", { at: [1, 2] }],
      );
      assert.ok(error.cause instanceof AggregateError);
      assert.deepEqual(error.cause.errors.map(String), ["TypeError: one", "two"]);
      assert.match(error.stack!, /failWithEverything[^]*executor-suite\.[jt]s[^]*executor-suite\.[jt]s/);
      assert.equal(await future.exception(), error);
    });

    test(
      "IPE-4 a result that cannot be sent fails its own future; the worker goes on",
      { skip: kind.here },
      async () => {
        await using pool = kind.make({ maxWorkers: 1 });
        const future = pool.submit(() => ({ deep: [Promise.resolve(1)] }) as never);
        await assert.rejects(
          async () => await future,
          (e) => e instanceof NotSendableError && e.message.startsWith("result.deep[0]: "),
        );
        assert.equal(await pool.submit(Math.abs, -3), 3);
      },
    );
  });

  describe(`ThreadPoolExecutor`, { skip: kind.name !== "ThreadPoolExecutor" }, () => {
    test("TPE-3 the default size is what can run at once on this machine (in Python more)", async () => {
      await using pool = new ThreadPoolExecutor();
      const [idents, gate] = [kind.mailbox(), kind.gate()];
      const size = availableParallelism();
      const futures = Array.from({ length: size + 3 }, () => pool.submit(identify, idents, gate));
      const seen = new Set<string>();
      for (let i = 0; i < size; i++) seen.add(await idents.get());
      assert.equal(seen.size, size);
      assert.equal(idents.qsize, 0);
      gate.set();
      await Promise.all(futures);
    });

    test("TPE-4 workers are called PREFIX_n, by default ThreadPoolExecutor-K_n", async () => {
      for (const [threadNamePrefix, pattern] of [
        ["SpecialPool", /^SpecialPool_[01]$/],
        [undefined, /^ThreadPoolExecutor-\d+_[01]$/],
      ] as const) {
        await using pool = new ThreadPoolExecutor({ maxWorkers: 2, ...(threadNamePrefix && { threadNamePrefix }) });
        const [idents, gate] = [kind.mailbox(), kind.gate()];
        const futures = [pool.submit(identify, idents, gate), pool.submit(identify, idents, gate)];
        await idents.get();
        await idents.get();
        gate.set();
        const names = await Promise.all(futures);
        for (const name of names) assert.match(name, pattern);
        assert.equal(new Set(names).size, 2);
      }
    });

    test("TPE-6 whatever a task throws is stored, and the worker survives", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const before = await pool.submit(whoRuns);
      for (const thrown of [5, "text", null, undefined, { a: 1 }]) {
        const future = pool.submit((thrown: unknown) => {
          throw thrown;
        }, thrown);
        const outcome = await future.then(
          () => "no error",
          (error: unknown) => error,
        );
        if (thrown === null || thrown === undefined)
          assert.match(String(outcome), new RegExp(`threw ${String(thrown)}`));
        else assert.deepEqual(outcome, thrown);
      }
      assert.equal(await pool.submit(whoRuns), before);
    });

    test("workers are threads until shutdown has ended them", async () => {
      const before = activeCount();
      const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      await pool.submit(Math.abs, 1);
      assert.equal(activeCount(), before + 1);
      await pool.shutdown();
      assert.equal(activeCount(), before);
    });
  });
}

export class TaskError extends RangeError {
  override name = "TaskError";
  code = "E_TASK";
  detail: { at: number[] };

  constructor(message: string, options: ErrorOptions, detail: { at: number[] }) {
    super(message, options);
    this.detail = detail;
  }
}

function failWithEverything(what: string): never {
  const cause = new AggregateError([new TypeError("one"), "two"], "both");
  throw new TaskError(`failed: ${what}`, { cause }, { at: [1, 2] });
}
