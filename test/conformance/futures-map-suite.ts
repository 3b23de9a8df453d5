/** Conformance of map and starmap: EX-2 … EX-6, EX-10, EX-11, and what heddle's are beyond Python's. @module */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CancelledError, NotSendableError, TimeoutError, ValueError } from "heddle/errors";
import { countCall, drain, type ExecutorKind, type Gate, Numbers, pass, square, sum } from "./futures-kit.ts";
import { timed } from "./kit.ts";

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function failAt(bad: number): (i: number) => number {
  return (i) => {
    if (i === bad) throw new RangeError(`item ${i}`);
    return i;
  };
}

/** Passes the gate of the item, if there is one. */
async function gated([gate, value]: [Gate | undefined, string]): Promise<string> {
  if (gate !== undefined) await pass(gate);
  return value;
}

export function mapSuite(kind: ExecutorKind): void {
  describe(`map over ${kind.name}`, () => {
    test("EX-2 equals the built-in map; starmap takes the arguments from lists", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      assert.deepEqual(await pool.map(square, range(20)), range(20).map(square));
      assert.deepEqual(
        await pool.starmap(Math.pow, [
          [2, 3],
          [3, 2],
          [5, 0],
        ]),
        [8, 9, 1],
      );
      assert.deepEqual(await pool.map(square, new Set([3, 4])), [9, 16]);
      assert.deepEqual(await pool.map((c) => c + c, "aé😀"), ["aa", "éé", "😀😀"]);
      assert.deepEqual(await pool.map(square, []), []);
      assert.deepEqual(await drain(pool.map(square, range(3))), { values: [0, 1, 4] });
    });

    test("100 000 trivial items come back correct and in order", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      const squares = await pool.map((n) => n * 3, range(100_000));
      assert.equal(squares.length, 100_000);
      assert.equal(
        squares.findIndex((value, i) => value !== i * 3),
        -1,
      );
    });

    test("results that come one by one are the same, ordered or not, whatever the chunks", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      const expected = range(1000).map(square);
      for (const options of [
        {},
        { chunksize: 1 },
        { chunksize: 7 },
        { chunksize: 5000 },
        { buffersize: 3 },
        { chunksize: 9, buffersize: 4 },
      ]) {
        assert.deepEqual(
          (await drain(pool.map(square, range(1000), options))).values,
          expected,
          JSON.stringify(options),
        );
        const unordered = await drain(pool.map(square, range(1000), { ...options, ordered: false }));
        assert.deepEqual(
          unordered.values.sort((a, b) => a - b),
          expected,
          JSON.stringify(options),
        );
      }
    });

    test("a function may capture variables, and may be async", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      const [factor, names] = [7, new Map([[1, "one"]])];
      assert.deepEqual(await pool.map((n) => [n * factor, names.get(n)], [1, 2]), [
        [7, "one"],
        [14, undefined],
      ]);
      const results = pool.starmap(
        async (a: number, b: number) => await Promise.resolve(a * b * factor),
        [
          [1, 2],
          [3, 4],
        ],
      );
      assert.deepEqual(await results, [14, 84]);
    });

    test("EX-3 an error at the third item: two values, the error, then the end", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      for (const chunksize of [1, 2, 10]) {
        const results = pool.map(failAt(2), range(6), { chunksize });
        assert.deepEqual([(await results.next()).value, (await results.next()).value], [0, 1]);
        await assert.rejects(results.next(), /^RangeError: item 2$/);
        assert.equal((await results.next()).done, true);
        assert.equal((await results.next()).done, true);
        await assert.rejects(async () => await pool.map(failAt(2), range(6), { chunksize }), /^RangeError: item 2$/);
      }
    });

    test("EX-4 after an error what has not begun never runs, and the input is closed", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      const [counts, numbers] = [kind.words(200), new Numbers()];
      const results = pool.map(
        (i: number) => {
          Atomics.add(counts, i, 1);
          if (i === 1) throw new RangeError("item 1");
        },
        numbers.upTo(200),
        { chunksize: 1 },
      );
      await assert.rejects(async () => await results, /item 1/);
      await pool.shutdown();
      assert.ok(sum(counts) < 20, `${sum(counts)} ran`);
      assert.deepEqual([...counts.subarray(0, 2), numbers.closed], [1, 1, true]);
    });

    test("EX-5 nobody looks at the results: after shutdown all items were done", async () => {
      const counts = kind.words(500);
      const pool = kind.make({ maxWorkers: 2 });
      void pool.map(countCall(counts), range(500), { chunksize: 3 });
      await pool.shutdown();
      assert.deepEqual(
        [...counts],
        range(500).map(() => 1),
      );
    });

    test("EX-6 the timeout counts from the call; what is there by then is given, then TimeoutError, not early", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      const gate = kind.gate();
      await pool.submit(Math.abs, 1);
      const { took, value } = await timed(() =>
        drain(
          pool.map(
            gated,
            [
              [undefined, "a"],
              [undefined, "b"],
              [gate, "c"],
            ] as [Gate | undefined, string][],
            { timeout: 1500, chunksize: 1 },
          ),
        ),
      );
      assert.deepEqual([value.values, value.error instanceof TimeoutError], [["a", "b"], true]);
      assert.ok(took >= 1500, `${took} ms`);
      gate.set();
      assert.throws(() => pool.map(square, [1], { timeout: -1 }), ValueError);
    });

    test("EX-6 results that are there are given after the deadline, too, and then the end", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      const [later, done] = [kind.gate(), kind.gate()];
      await pool.submit(Math.abs, 1);
      const results = pool.starmap(
        (i: number, done: Gate) => (i === 2 && done.set(), i),
        [
          [0, done],
          [1, done],
          [2, done],
        ],
        {
          timeout: 1500,
        },
      );
      const first = await results.next();
      await done.wait();
      await pool.submit(Math.abs, 1);
      // Past the deadline: an event that nobody sets.
      await later.wait({ timeout: 1510 });
      assert.deepEqual([first.value, ...(await drain(results)).values], [0, 1, 2]);
    });

    test("EX-10 buffersize bounds what is taken beyond what was consumed", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      for (const input of ["upTo", "later"] as const) {
        for (const chunksize of [undefined, 1, 4]) {
          const numbers = new Numbers();
          const results = pool.map(square, numbers[input](), { buffersize: 3, ...(chunksize && { chunksize }) });
          let consumed = 0;
          for await (const value of results) {
            assert.equal(value, square(consumed++));
            assert.ok(numbers.taken <= consumed + 3, `${numbers.taken} taken, ${consumed} consumed`);
            if (consumed === 50) break;
          }
          assert.equal(numbers.closed, true, input);
        }
      }
      const numbers = new Numbers();
      const pending = pool.map(square, numbers.upTo(), { buffersize: 2 });
      assert.equal(numbers.taken, 2);
      await pending.next();
      assert.equal(numbers.taken, 3);
      await pending.return!();
    });

    test("EX-11 chunksize and buffersize: 0 and -1 are ValueErrors, 1.5 and a string are TypeErrors", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      for (const name of ["chunksize", "buffersize"]) {
        for (const value of [0, -1]) assert.throws(() => pool.map(square, [1], { [name]: value }), ValueError);
        for (const value of [1.5, "4", null]) assert.throws(() => pool.map(square, [1], { [name]: value }), TypeError);
      }
      for (const fn of [undefined, 5]) assert.throws(() => pool.map(fn as never, [1]), TypeError);
      for (const items of [undefined, null, 5, {}]) assert.throws(() => pool.map(square, items as never), TypeError);
      for (const options of [5, null]) assert.throws(() => pool.map(square, [1], options as never), TypeError);
    });

    test("an endless input, left early: few items are taken, it is closed, the pool is free (Python hangs)", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      for (const input of ["upTo", "later"] as const) {
        const numbers = new Numbers();
        const values: number[] = [];
        for await (const value of pool.map(square, numbers[input](), { chunksize: 1 })) {
          values.push(value);
          if (values.length === 20) break;
        }
        assert.deepEqual(values, range(20).map(square));
        assert.equal(numbers.closed, true);
        assert.equal(await pool.submit(square, 5), 25);
      }
    });

    test("an async input whose next step never comes does not hold up who leaves early", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      async function* stalls(): AsyncGenerator<number> {
        yield 4;
        await new Promise(() => undefined);
      }
      for await (const value of pool.map(square, stalls())) {
        assert.equal(value, 16);
        break;
      }
    });

    test("an async input: its items, in order", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      assert.deepEqual(await pool.map(square, new Numbers().later(300)), range(300).map(square));
    });

    test("an input that throws midway: the results of what it gave, then its error", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      function* bad(): Generator<number> {
        yield* [1, 2, 3];
        throw new RangeError("no more");
      }
      async function* badLater(): AsyncGenerator<number> {
        yield* [1, 2, 3];
        await Promise.reject(new RangeError("no more"));
      }
      for (const input of [bad, badLater]) {
        const { values, error } = await drain(pool.map(square, input()));
        assert.deepEqual([values, String(error)], [[1, 4, 9], "RangeError: no more"], input.name);
        await assert.rejects(async () => await pool.map(square, input()), /no more/);
      }
      const unreadable = {
        [Symbol.iterator]: () => {
          throw new RangeError("no iterator");
        },
      };
      assert.throws(() => pool.map(square, unreadable as never), /no iterator/);
      assert.equal(await pool.submit(square, 3), 9);
    });

    test("an error in closing the input reaches who leaves early, but hides no other", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      function* hard(): Generator<number> {
        try {
          for (let i = 0; ; i++) yield i;
        } finally {
          // oxlint-disable-next-line no-unsafe-finally -- an input that is hard to close
          throw new TypeError("cannot be closed");
        }
      }
      await assert.rejects(async () => {
        for await (const _ of pool.map(square, hard())) break;
      }, /cannot be closed/);
      await assert.rejects(async () => await pool.map(failAt(5), hard(), { chunksize: 1 }), /item 5/);
    });

    test(
      "an item that cannot be sent fails in its place, named by its number, after those before it",
      { skip: kind.here },
      async () => {
        await using pool = kind.make({ maxWorkers: 2 });
        const items = [1, 2, 3, { db: Promise.resolve() }, 5] as unknown[];
        for (const chunksize of [1, 2, 100]) {
          const { values, error } = await drain(pool.map((item) => item, items, { chunksize }));
          assert.deepEqual(values, [1, 2, 3]);
          assert.ok(error instanceof NotSendableError && error.message.startsWith("items[3].db: "), String(error));
        }
        const captured = Promise.resolve();
        assert.throws(
          () => pool.map(() => captured, [1]),
          (e) => e instanceof NotSendableError && e.message.includes("captured"),
        );
      },
    );

    test(
      "a result that cannot be sent, an error that can only in part: in their place, after those before",
      { skip: kind.here },
      async () => {
        await using pool = kind.make({ maxWorkers: 1 });
        for (const chunksize of [1, 10]) {
          const unsendable = await drain(
            pool.map((i) => (i === 3 ? { of: Promise.resolve(i) } : i), range(6), { chunksize }),
          );
          assert.deepEqual(unsendable.values, [0, 1, 2]);
          assert.ok(
            unsendable.error instanceof NotSendableError && /\.of: /.test(unsendable.error.message),
            String(unsendable.error),
          );
          const inPart = await drain(
            pool.map(
              (i) => {
                if (i === 3) throw Object.assign(new RangeError("in part"), { handle: Promise.resolve() });
                return i;
              },
              range(6),
              { chunksize },
            ),
          );
          assert.deepEqual([inPart.values, String(inPart.error)], [[0, 1, 2], "RangeError: in part"]);
          assert.ok(inPart.error instanceof RangeError);
        }
      },
    );

    test("shutdown lets a map in progress finish; with cancelFutures it ends with CancelledError, endless or not", async () => {
      const counts = kind.words(300);
      const pool = kind.make({ maxWorkers: 2 });
      const all = pool.map(countCall(counts), range(300), { chunksize: 1 });
      const ended = pool.shutdown();
      assert.deepEqual(await all, range(300));
      await ended;
      for (const input of ["upTo", "later"] as const) {
        const other = kind.make({ maxWorkers: 2 });
        const numbers = new Numbers();
        const endless = other.map(square, numbers[input]());
        assert.equal((await endless.next()).value, 0);
        await other.shutdown({ cancelFutures: true });
        const { values, error } = await drain(endless);
        assert.deepEqual(
          values,
          range(values.length).map((i) => square(i + 1)),
        );
        assert.ok(error instanceof CancelledError);
        assert.equal(numbers.closed, true);
      }
    });

    test("an item that an async input gives after cancelFutures is dropped", async () => {
      for (const give of ["value", "error", "end"]) {
        const pool = kind.make({ maxWorkers: 1 });
        const [counts, reached] = [kind.words(2), kind.gate()];
        let proceed: () => void = () => undefined;
        async function* input(): AsyncGenerator<number> {
          yield 0;
          reached.set();
          await new Promise<void>((resolve) => (proceed = resolve));
          if (give === "value") yield 1;
          if (give === "error") throw new RangeError("late");
        }
        const results = pool.map(countCall(counts), input());
        assert.equal((await results.next()).value, 0);
        await reached.wait();
        const ended = pool.shutdown({ cancelFutures: true });
        proceed();
        await ended;
        await assert.rejects(results.next(), CancelledError, give);
        assert.deepEqual([(await results.next()).done, ...counts], [true, 1, 0], give);
      }
    });

    test("two maps at once share the workers, and neither waits for the other", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      const gate = kind.gate();
      const slow = pool.map(gated, [[gate, "slow"]] as [Gate | undefined, string][]);
      assert.deepEqual(await pool.map(square, range(50)), range(50).map(square));
      gate.set();
      assert.deepEqual(await slow, ["slow"]);
    });

    test("a slow item does not hold back the items behind it, unordered", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      const gate = kind.gate();
      const items: [Gate | undefined, string][] = range(40).map((i) => [i === 0 ? gate : undefined, String(i)]);
      const seen: string[] = [];
      for await (const value of pool.map(gated, items, { ordered: false })) {
        seen.push(value);
        if (seen.length === 39) gate.set();
      }
      assert.deepEqual([seen.length, seen[39]], [40, "0"]);
    });
  });
}
