/** Conformance of Pool and ThreadPool: POOL-1 … POOL-19. @module */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CancelledError, NotSendableError, TimeoutError, ValueError } from "heddle/errors";
import type { Pool, PoolOptions } from "heddle/multiprocessing";
import type { Gate } from "./futures-kit.ts";
import { timed } from "./kit.ts";

export interface PoolKind {
  readonly name: string;
  make(processes?: number, options?: PoolOptions): Pick<Pool, keyof Pool>;
  gate(): Gate;
  words(length: number): Int32Array;
  readonly Broken: abstract new (...args: never[]) => Error;
  /** Have workers an end of their own after so many tasks? */
  readonly endsWorkers: boolean;
}

function square(n: number): number {
  return n * n;
}

function failAt(bad: number): (n: number) => number {
  return (n) => {
    if (n === bad) throw new ValueError(`item ${n}`);
    return n;
  };
}

function* failingInput(): Generator<number> {
  yield 1;
  throw new RangeError("input");
}

let initialized = 0;

function initialize(value: number): void {
  initialized += value;
}

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

/** What `next` gives, with errors in their places, until it is done. */
async function steps(iterator: AsyncIterator<number>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (;;) {
    try {
      const { done, value } = await iterator.next();
      if (done === true) return seen;
      seen.push(value);
    } catch (error) {
      seen.push(String(error));
    }
  }
}

export function poolSuite(kind: PoolKind): void {
  describe(kind.name, () => {
    test("POOL-1 apply, map and starmap equal the built-ins, with chunks too, blocking or not", async () => {
      await using pool = kind.make(2);
      assert.equal(await pool.apply(Math.pow, [2, 5]), 32);
      assert.equal(pool.applySync(Math.pow, [2, 5]), 32);
      const expected = range(50).map(square);
      for (const options of [{}, { chunksize: 20 }]) {
        assert.deepEqual(await pool.map(square, range(50), options), expected);
        assert.deepEqual(pool.mapSync(square, new Set(range(50)), options), expected);
      }
      const pairs = [
        [2, 3],
        [3, 2],
      ] as [number, number][];
      assert.deepEqual(await pool.starmap(Math.pow, pairs), [8, 9]);
      assert.deepEqual(pool.starmapSync(Math.pow, pairs), [8, 9]);
      assert.deepEqual(await pool.starmapAsync(Math.pow, pairs).get(), [8, 9]);
    });

    test("POOL-3 no items: an empty list at once, and no callback is called", async () => {
      await using pool = kind.make(1);
      assert.deepEqual(await pool.map(square, []), []);
      assert.deepEqual(await steps(pool.imap(square, [])), []);
      assert.deepEqual(await steps(pool.imapUnordered(square, [])), []);
      const called: unknown[] = [];
      const result = pool.mapAsync(square, [], { callback: (values) => called.push(values) });
      assert.deepEqual([result.ready, result.successful], [true, true]);
      assert.deepEqual(called, []);
    });

    test("POOL-4 callbacks get the list, or the error", async () => {
      await using pool = kind.make(1);
      const seen: unknown[] = [];
      const callbacks = {
        callback: (values: unknown) => void seen.push(values),
        errorCallback: (error: unknown) => void seen.push(String(error)),
      };
      await pool.mapAsync(square, [3], callbacks).wait();
      await pool.mapAsync(failAt(1), [1], callbacks).wait();
      await pool.applyAsync(square, [4], callbacks).wait();
      assert.deepEqual(seen, [[9], "ValueError: item 1", 16]);
    });

    test("POOL-5 a map with a failing item ends with its error when all the others have run", async () => {
      await using pool = kind.make(2);
      const ran = kind.words(20);
      const run = (n: number): number => {
        Atomics.add(ran, n, 1);
        if (n === 0) throw new RangeError("first");
        return n;
      };
      await assert.rejects(pool.map(run, range(20), { chunksize: 1 }), /first/);
      assert.deepEqual(
        [...ran],
        Array.from({ length: 20 }, () => 1),
      );
    });

    test("POOL-6 imap keeps the order while tasks end in another; a timeout does not lose the item", async () => {
      await using pool = kind.make(2);
      const [gate, passed] = [kind.gate(), kind.gate()];
      const wait = (i: number): number => {
        if (i === 0) gate.waitSync();
        else passed.set();
        return i;
      };
      const results = pool.imap(wait, [0, 1]);
      await passed.wait();
      await assert.rejects(results.next({ timeout: 20 }), TimeoutError);
      assert.throws(() => results.nextSync({ timeout: 20 }), TimeoutError);
      gate.set();
      assert.deepEqual(await steps(results), [0, 1]);
    });

    test("POOL-7 an error in the middle of imap, and the results behind it", async () => {
      await using pool = kind.make(2);
      assert.deepEqual(await steps(pool.imap(failAt(2), range(4))), [0, 1, "ValueError: item 2", 3]);
    });

    test("POOL-8 an input that fails: map throws that, imap behind the items before it", async () => {
      await using pool = kind.make(1);
      assert.throws(() => pool.mapSync(square, failingInput()), /input/);
      assert.deepEqual(await steps(pool.imap(square, failingInput())), [1, "RangeError: input"]);
    });

    test("POOL-9 imapUnordered gives the same as map; an error in a chunk of imap is its end", async () => {
      await using pool = kind.make(2);
      const numbers: number[] = [];
      for await (const n of pool.imapUnordered(square, range(1000), { chunksize: 100 })) numbers.push(n);
      assert.deepEqual(
        numbers.sort((a, b) => a - b),
        range(1000).map(square),
      );
      assert.deepEqual(await steps(pool.imap(failAt(2), range(6), { chunksize: 2 })), [0, 1, "ValueError: item 2"]);
    });

    test("POOL-10 get times out no sooner than asked; successful is a ValueError until it is known", async () => {
      await using pool = kind.make(1);
      const gate = kind.gate();
      const result = pool.applyAsync((gate: Gate) => gate.waitSync(), [gate]);
      const { took } = await timed(() => assert.rejects(result.get({ timeout: 30 }), TimeoutError));
      assert.ok(took >= 30);
      assert.throws(() => result.successful, ValueError);
      assert.equal(await result.wait({ timeout: 1 }), false);
      assert.equal(result.waitSync({ timeout: 1 }), false);
      gate.set();
      assert.deepEqual([result.getSync(), result.successful], [true, true]);
    });

    test("POOL-11 close: no new work, what runs is finished; join before is a ValueError", async () => {
      const pool = kind.make(1);
      const gate = kind.gate();
      await assert.rejects(pool.join(), ValueError);
      const result = pool.applyAsync((gate: Gate) => gate.waitSync(), [gate]);
      const imap = pool.imap(square, range(20));
      pool.close();
      assert.throws(() => pool.applyAsync(square, [1]), /Pool not running/);
      gate.set();
      assert.equal(pool.joinSync(), true);
      assert.equal(result.ready, true);
      assert.deepEqual(await steps(imap), range(20).map(square));
      await pool.join();
    });

    test("POOL-12 terminate ends at once what runs and what waits; all of it settles", async () => {
      const pool = kind.make(2);
      const [gate, running] = [kind.gate(), kind.gate()];
      const result = pool.mapAsync(
        (_: number) => {
          running.set();
          return gate.waitSync();
        },
        range(10_000),
        { chunksize: 1 },
      );
      const imap = pool.imap(square, range(100));
      await running.wait();
      pool.terminate();
      await pool.join();
      await assert.rejects(result.get(), CancelledError);
      assert.match(String((await steps(imap)).at(-1)), /terminated|^\d*$/);
    });

    test("POOL-13 an error has its class, message and the stack of the worker", async () => {
      await using pool = kind.make(1);
      const error = await pool.apply(failAt(7), [7]).catch((thrown: unknown) => thrown as Error);
      assert.ok(error instanceof ValueError);
      assert.match(error.stack!, /item 7[^]*pool-suite\.[jt]s[^]*submitted from/);
    });

    test("POOL-14 results that cannot be sent, 20 times: NotSendableError each, and the pool goes on", async () => {
      await using pool = kind.make(1);
      for (let i = 0; i < 20; i++) {
        await assert.rejects(
          pool.apply(() => ({ of: Promise.resolve() })),
          NotSendableError,
        );
      }
      assert.equal(await pool.apply(square, [3]), 9);
      assert.throws(() => pool.applyAsync((p: unknown) => p, [Promise.resolve()]), /args\[0\]/);
      assert.throws(() => pool.mapSync((p: unknown) => p, [1, Promise.resolve()]), /items\[1\]/);
      assert.throws(() => pool.applyAsync((p: unknown) => p, [pool]), NotSendableError);
    });

    test("POOL-15 maxtasksperchild: a worker for each so many chunks", { skip: !kind.endsWorkers }, async () => {
      await using pool = kind.make(1, { maxtasksperchild: 1 });
      const pids = await pool.map((_: number) => process.pid, range(3), { chunksize: 1 });
      assert.equal(new Set(pids).size, 3);
      await using pairs = kind.make(1, { maxtasksperchild: 2 });
      const each = await pairs.map((_: number) => process.pid, range(12), { chunksize: 3 });
      assert.equal(new Set(each).size, 2);
      assert.equal(each[0], each[5]);
      assert.notEqual(each[5], each[6]);
    });

    test("POOL-16 await using terminates it", async () => {
      let left: ReturnType<PoolKind["make"]>;
      {
        await using pool = kind.make(1);
        left = pool;
        assert.deepEqual(await pool.map(square, [2]), [4]);
      }
      assert.throws(() => left.mapSync(square, [2]), ValueError);
    });

    test("POOL-17 what the initializer left is there in every task", async () => {
      await using pool = kind.make(2, { initializer: initialize, initargs: [42] });
      assert.deepEqual(new Set(await pool.map((_: number) => initialized, range(20), { chunksize: 1 })), new Set([42]));
    });

    test("POOL-18 a task that ends its worker fails (in Python: never), and the next runs on another", async () => {
      await using pool = kind.make(1);
      await assert.rejects(
        pool.apply(() => process.exit(3)),
        (error) => error instanceof kind.Broken && /exit code 3/.test(error.message),
      );
      assert.equal(await pool.apply(square, [5]), 25);
    });

    test("POOL-19 counts that are none: ValueError", () => {
      for (const processes of [0, -1, 0.5]) assert.throws(() => kind.make(processes), ValueError);
      assert.throws(() => kind.make(1, { initializer: 5 as never }), TypeError);
      if (!kind.endsWorkers) return;
      for (const maxtasksperchild of [0, -1, 0.5]) assert.throws(() => kind.make(1, { maxtasksperchild }), ValueError);
      assert.throws(() => kind.make(1, { maxtasksperchild: "12" as never }), TypeError);
    });
  });
}
