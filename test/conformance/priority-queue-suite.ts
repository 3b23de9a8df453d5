/** Conformance of PriorityQueue: PQ-1 … PQ-6, and the order of priorities. @module */

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { Full, RuntimeError } from "heddle/errors";
import { type Backend, forms, Kit, watch } from "./kit.ts";
import type { QueueLike } from "./queue-suite.ts";

interface Options {
  // oxlint-disable-next-line typescript/no-explicit-any -- items of any type
  key?: (item: any) => unknown;
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  compare?: (a: any, b: any) => number;
}

export interface PriorityQueueKind {
  make(maxsize?: number, options?: Options): QueueLike;
}

interface Job {
  readonly name: string;
  readonly due: number;
}

function drain(queue: QueueLike): unknown[] {
  const items: unknown[] = [];
  while (!queue.empty) items.push(queue.getNowait());
  return items;
}

const LEAST = 10;

/** Latest first, by a name of its own module and a captured number. */
function latestFirst(shift: number): (a: Job, b: Job) => number {
  return (a, b) => (b.due + shift) * LEAST - (a.due + shift) * LEAST;
}

/** In order, smallest first; neighbours in one row are equal. */
const order: readonly (readonly unknown[])[] = [
  [-Infinity],
  [-(2n ** 70n)],
  [-1.5],
  [-1, -1n],
  [0, -0, false],
  [Number.MIN_VALUE],
  [0.5],
  [1, true, 1n],
  [2 ** 53, 2n ** 53n],
  [2n ** 53n + 1n],
  [1e300],
  [Infinity],
];

const texts = [
  "",
  "\0",
  "A",
  "Z",
  "a",
  "a\0",
  "aa",
  "ab",
  "abc",
  "b",
  "é",
  "\u{d7ff}",
  "\u{e000}",
  "\u{ffff}",
  "\u{10000}",
  "😀",
  "\u{10ffff}",
];

const tuples: readonly unknown[] = [
  [],
  [0],
  [0, 0],
  [1, [], 9],
  [1, [0]],
  [1, [0], 5],
  [1, [0, 1]],
  [1, [1]],
  [2, null, 1],
  [2, null, 2],
  [2, undefined],
];

function shuffled<T>(items: readonly T[]): T[] {
  // A fixed permutation: the same on every run.
  const n = items.length;
  const step = [7, 5, 11, 13].find((s) => n % s !== 0)!;
  return items.map((_, i) => items[(i * step + 3) % n]!);
}

export function priorityQueueSuite(backend: Backend, kind: PriorityQueueKind): void {
  describe(`PriorityQueue over ${backend.name}`, () => {
    const kit = new Kit(backend);
    after(() => kit.close());

    /** A queue as it was: so many items, whose puts alone count. */
    function untouched(queue: QueueLike, items: unknown[]): void {
      assert.equal(queue.qsize, items.length);
      assert.deepEqual(drain(queue), items);
      for (const _ of items) queue.taskDone();
      assert.throws(() => queue.taskDone());
    }

    test("PQ-1 a string among numbers is a TypeError", async () => {
      for (const put of [
        (queue: QueueLike, item: unknown) => Promise.resolve().then(() => queue.putNowait(item)),
        (queue: QueueLike, item: unknown) => Promise.resolve().then(() => queue.putSync(item)),
        (queue: QueueLike, item: unknown) => queue.put(item),
      ]) {
        const queue = kind.make();
        await put(queue, 1);
        await assert.rejects(put(queue, "one"), TypeError);
        await assert.rejects(
          kit.run((queue: QueueLike) => queue.putSync("one"), queue),
          TypeError,
        );
        untouched(queue, [1]);
      }
    });

    test("PQ-2, PQ-4 heddle: [1, object] twice is a TypeError, and the queue stays as it was", () => {
      const queue = kind.make();
      queue.putNowait([1, { a: 1 }]);
      assert.throws(() => queue.putNowait([1, { a: 2 }]), TypeError);
      assert.throws(() => queue.putNowait([1, { a: 1 }]), TypeError);
      queue.putNowait([0, { a: 3 }]);
      untouched(queue, [
        [0, { a: 3 }],
        [1, { a: 1 }],
      ]);
    });

    test("PQ-2 what has no order may be alone: null, NaN, objects", () => {
      for (const item of [null, undefined, NaN, {}, [NaN], [null, {}]]) {
        const queue = kind.make();
        queue.putNowait(item);
        assert.throws(() => queue.putNowait(item), TypeError);
        assert.equal(queue.qsize, 1);
        assert.deepEqual(queue.getNowait(), item);
      }
    });

    test("PQ-3 equal priorities come out by the next field; what is equal in all, in the order of its puts", () => {
      const queue = kind.make();
      for (const item of [
        [1, 3],
        [1, 1],
        [1, 2],
      ])
        queue.putNowait(item);
      assert.deepEqual(drain(queue), [
        [1, 1],
        [1, 2],
        [1, 3],
      ]);
      const stable = kind.make(0, { key: (job: Job) => job.due });
      for (let i = 0; i < 60; i++) stable.putNowait({ name: `job ${i}`, due: i % 3 });
      const names = (drain(stable) as Job[]).map(({ name }) => name);
      const expected = [0, 1, 2].flatMap((due) => Array.from({ length: 20 }, (_, i) => `job ${3 * i + due}`));
      assert.deepEqual(names, expected);
    });

    test("PQ-5 the smallest of the moment", () => {
      const queue = kind.make();
      queue.putNowait(3);
      queue.putNowait(1);
      assert.equal(queue.getNowait(), 1);
      queue.putNowait(0);
      assert.equal(queue.getNowait(), 0);
      assert.equal(queue.getNowait(), 3);
    });

    test("PQ-6 taskDone and join count as in a Queue", async () => {
      const queue = kind.make();
      queue.putNowait(2);
      queue.putNowait(1);
      const join = watch(queue.join());
      await kit.waiting(queue, 1);
      for (const item of [1, 2]) {
        assert.equal(join.state, "pending");
        assert.equal(queue.getNowait(), item);
        queue.taskDone();
      }
      await join.promise;
    });

    test("PQ numbers, bigints and booleans by value", () => {
      const queue = kind.make();
      for (const item of shuffled(order.flat())) queue.putNowait(item);
      const sorted = drain(queue);
      for (const row of order) {
        const here = sorted.splice(0, row.length);
        for (const item of here)
          assert.ok(
            row.some((expected) => Object.is(expected, item)),
            `${String(item)} among ${row.join(", ")}`,
          );
      }
    });

    test("PQ strings by code points, as in Python", () => {
      const queue = kind.make();
      for (const text of shuffled(texts)) queue.putNowait(text);
      assert.deepEqual(drain(queue), texts);
    });

    test("PQ arrays as tuples", () => {
      const queue = kind.make();
      for (const tuple of shuffled(tuples.slice(0, -1))) queue.putNowait(tuple);
      assert.deepEqual(drain(queue), tuples.slice(0, -1));
      queue.putNowait(tuples.at(-1));
      assert.throws(() => queue.putNowait([2, null]), TypeError);
      const nested: unknown[] = [1];
      nested.push(nested);
      queue.getNowait();
      queue.putNowait(nested);
      assert.throws(() => queue.putNowait(nested), TypeError);
    });

    test("PQ 2000 items put by three threads at once come out sorted", async () => {
      const queue = kind.make();
      const put = (queue: QueueLike, first: number): void => {
        for (let i = 0; i < 600; i++) queue.putSync([(i * 7919 + first) % 1009, first]);
      };
      await Promise.all([1, 2, 3].map((first) => kit.run(put, queue, first)));
      const got = drain(queue) as [number, number][];
      assert.equal(got.length, 1800);
      assert.deepEqual(
        got,
        got.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]),
      );
    });

    test("PQ a put that waits for room gets its place by its priority, or a TypeError if it has none", async () => {
      for (const form of forms) {
        const queue = kind.make(2);
        queue.putNowait(5);
        queue.putNowait(6);
        const bad = watch(form.wait(kit, 0, queue, "put", "text"));
        await kit.waiting(queue, 1);
        const good = watch(form.wait(kit, 1, queue, "put", 1));
        await kit.waiting(queue, 2);
        assert.equal(queue.getNowait(), 5);
        await assert.rejects(bad.promise, TypeError);
        await good.promise;
        assert.deepEqual(drain(queue), [1, 6]);
        assert.equal(kit.backend.waiting(queue), 0);
      }
    });

    test("PQ key runs once for each item, where it is put; its error leaves the queue as it was", async () => {
      const calls: unknown[] = [];
      const key = (item: { n: unknown }): unknown => {
        calls.push(item.n);
        if (item.n === "bad") throw new RangeError("no key");
        return item.n;
      };
      const queue = kind.make(0, { key });
      for (const n of [2, 3, 1]) queue.putNowait({ n });
      assert.throws(() => queue.putNowait({ n: "bad" }), RangeError);
      await assert.rejects(queue.put({ n: "bad" }), RangeError);
      assert.throws(() => queue.putNowait({ n: NaN }), TypeError);
      assert.deepEqual(calls, [2, 3, 1, "bad", "bad", NaN]);
      await kit.run((queue: QueueLike) => queue.putSync({ n: 0 }), queue);
      await assert.rejects(
        kit.run((queue: QueueLike) => queue.put({ n: "bad" }), queue),
        RangeError,
      );
      untouched(queue, [{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }]);
    });

    for (const form of forms) {
      test(`PQ compare is used by every thread that puts, ${form.name}`, async () => {
        const queue = kind.make(3, { compare: latestFirst(5) });
        const puts = [1, 2, 3, 4, 5, 6, 7].map((due, i) => {
          const job = { name: `job ${due}`, due };
          return watch(form.wait(kit, i, queue, "put", job));
        });
        await kit.waiting(queue, 4);
        const got: number[] = [];
        for (let i = 0; i < 4; i++) {
          got.push(((await queue.get()) as Job).due);
          await kit.until(
            () => queue.qsize === 3,
            () => `${queue.qsize} items`,
          );
        }
        await Promise.all(puts.map(({ promise }) => promise));
        const rest = (drain(queue) as Job[]).map(({ due }) => due);
        assert.deepEqual(
          rest,
          rest.toSorted((a, b) => b - a),
        );
        assert.deepEqual(
          [...got, ...rest].toSorted((a, b) => a - b),
          [1, 2, 3, 4, 5, 6, 7],
        );
      });
    }

    test("PQ compare that throws, or gives no number, leaves the queue as it was, whoever puts", async () => {
      const compare = (a: { n: number }, b: { n: number }): number => {
        if (a.n < 0) throw new RangeError("negative");
        return a.n === 100 ? NaN : a.n - b.n;
      };
      const queue = kind.make(0, { compare });
      queue.putNowait({ n: 1 });
      assert.throws(() => queue.putNowait({ n: -1 }), RangeError);
      await assert.rejects(queue.put({ n: 100 }), TypeError);
      await assert.rejects(
        kit.run((queue: QueueLike) => queue.putSync({ n: -1 }), queue),
        RangeError,
      );
      untouched(queue, [{ n: 1 }]);
    });

    test("PQ compare that throws when there is room at last: the waiting put fails, the next goes on", async () => {
      for (const form of forms) {
        const compare = (a: { n: number }, b: { n: number }): number => {
          if (a.n < 0) throw new RangeError("negative");
          return a.n - b.n;
        };
        const queue = kind.make(2, { compare });
        queue.putNowait({ n: 1 });
        queue.putNowait({ n: 2 });
        const bad = watch(form.wait(kit, 0, queue, "put", { n: -1 }));
        await kit.waiting(queue, 1);
        const good = watch(form.wait(kit, 1, queue, "put", { n: 3 }));
        await kit.waiting(queue, 2);
        queue.getNowait();
        await assert.rejects(bad.promise, RangeError);
        await good.promise;
        assert.deepEqual(drain(queue), [{ n: 2 }, { n: 3 }]);
      }
    });

    test("PQ with compare, a put that waits ends by its timeout or signal, and leaves nothing behind", async () => {
      for (const form of forms) {
        const queue = kind.make(1, { compare: (a: number, b: number) => a - b });
        queue.putNowait(1);
        await assert.rejects(form.wait(kit, 0, queue, "put", 2, { timeout: 20 }), Full);
        const aborter = new AbortController();
        const put = watch(queue.put(3, { signal: aborter.signal }));
        await kit.waiting(queue, 1);
        // It is told to try again and to give up in one turn of its loop: it tries, and fits.
        queue.getNowait();
        aborter.abort();
        await put.promise;
        const late = watch(queue.put(4, { signal: aborter.signal }));
        await assert.rejects(late.promise, { name: "AbortError" });
        assert.deepEqual(drain(queue), [3]);
        assert.equal(kit.backend.waiting(queue), 0);
      }
    });

    test("PQ with compare, a put told to try again finds the place taken and its signal aborted: it ends", async () => {
      const queue = kind.make(1, { compare: (a: number, b: number) => a - b });
      queue.putNowait(1);
      const aborter = new AbortController();
      const put = watch(queue.put(2, { signal: aborter.signal }));
      const expired = watch(queue.put(3, { timeout: 30 }));
      await kit.waiting(queue, 2);
      queue.getNowait();
      queue.putNowait(9);
      aborter.abort(new RangeError("enough"));
      await assert.rejects(put.promise, RangeError);
      await assert.rejects(expired.promise, Full);
      assert.deepEqual(drain(queue), [9]);
      assert.equal(kit.backend.waiting(queue), 0);
    });

    test("PQ compare must not put into its own queue, and may use others", () => {
      const other = kind.make();
      const own: { queue?: QueueLike } = {};
      const queue = kind.make(0, {
        compare: (a: number, b: number) => {
          other.putNowait(a);
          if (a === 3) own.queue!.putNowait(4);
          return a - b;
        },
      });
      own.queue = queue;
      queue.putNowait(1);
      queue.putNowait(2);
      assert.throws(() => queue.putNowait(3), RuntimeError);
      assert.deepEqual(drain(queue), [1, 2]);
      assert.equal(other.empty, false);
    });

    test("PQ bad options", () => {
      assert.throws(() => kind.make(0, { key: 5 as never }), TypeError);
      assert.throws(() => kind.make(0, { compare: "a" as never }), TypeError);
      assert.throws(() => kind.make(0, { key: (x) => x, compare: () => 0 }), TypeError);
      assert.throws(() => kind.make(0, 5 as never), TypeError);
      const unsendable = Promise.resolve(1);
      assert.throws(() => kind.make(0, { key: () => unsendable }), {
        code: "ERR_HEDDLE_NOT_SENDABLE",
        message: /unsendable/,
      });
    });
  });
}
