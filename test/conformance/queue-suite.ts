/** Conformance of Queue: Q-1 … Q-14, SD-1 … SD-7. @module */

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { Empty, Full, ShutDown, ValueError } from "heddle/errors";
import { type Backend, forms, Kit, settled, timed, watch } from "./kit.ts";

export interface QueueLike {
  put(item: unknown, options?: object): Promise<void>;
  putSync(item: unknown, options?: object): void;
  putNowait(item: unknown): void;
  get(options?: object): Promise<unknown>;
  getSync(options?: object): unknown;
  getNowait(): unknown;
  taskDone(): void;
  join(options?: object): Promise<unknown>;
  joinSync(options?: object): unknown;
  shutdown(options?: { immediate?: boolean }): void;
  readonly qsize: number;
  readonly empty: boolean;
  readonly full: boolean;
  maxsize: number;
  [Symbol.asyncIterator](): AsyncIterator<unknown>;
}

export interface QueueKind {
  readonly name: string;
  make(maxsize?: number): QueueLike;
  /** The order in which 111, 333, 222, put in that order, come out. */
  readonly order: readonly number[];
}

function produce(queue: QueueLike, first: number, count: number): void {
  for (let i = 0; i < count; i++) queue.putSync(first + i);
}

async function produceAsync(queue: QueueLike, first: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await queue.put(first + i);
}

function consume(queue: QueueLike): number[] {
  const items: number[] = [];
  for (;;) {
    const item = queue.getSync() as number;
    queue.taskDone();
    if (item < 0) return items;
    items.push(item);
  }
}

async function consumeAsync(queue: QueueLike): Promise<number[]> {
  const items: number[] = [];
  for (;;) {
    const item = (await queue.get()) as number;
    queue.taskDone();
    if (item < 0) return items;
    items.push(item);
  }
}

export function queueSuite(backend: Backend, kind: QueueKind): void {
  describe(`${kind.name} over ${backend.name}`, () => {
    const kit = new Kit(backend);
    after(() => kit.close());

    test("Q-1 the order of 111, 333, 222", async () => {
      const queue = kind.make();
      for (const item of [111, 333, 222]) queue.putNowait(item);
      assert.deepEqual([queue.qsize, queue.empty, queue.full], [3, false, false]);
      assert.deepEqual([queue.getNowait(), queue.getSync(), await queue.get()], kind.order);
      assert.deepEqual([queue.qsize, queue.empty], [0, true]);
      await kit.run((queue: QueueLike) => [111, 333, 222].forEach((item) => queue.putSync(item)), queue);
      assert.deepEqual([queue.getNowait(), queue.getNowait(), queue.getNowait()], kind.order);
    });

    for (const form of forms) {
      test(`Q-2 a full queue, ${form.name}: putNowait and timeouts are Full, not early, and put nothing`, async () => {
        const queue = kind.make(5);
        for (let i = 0; i < 5; i++) await form.wait(kit, i, queue, "put", i);
        assert.equal(queue.full, true);
        assert.throws(() => queue.putNowait(9), Full);
        await assert.rejects(form.wait(kit, 0, queue, "put", 9, { timeout: 0 }), Full);
        const { took } = await timed(() =>
          assert.rejects(form.wait(kit, 0, queue, "put", "late", { timeout: 30 }), Full),
        );
        assert.ok(took >= 30, `after ${took} ms`);
        const items = Array.from({ length: 5 }, () => queue.getNowait() as number);
        assert.deepEqual(
          items.toSorted((a, b) => a - b),
          [0, 1, 2, 3, 4],
        );
        assert.equal(kit.backend.waiting(queue), 0);
      });

      for (const options of [undefined, { timeout: 60_000 }]) {
        const how = options === undefined ? "" : " with a timeout";
        test(`Q-3 a blocked put${how} goes on when another gets, a blocked get when another puts, ${form.name}`, async () => {
          const queue = kind.make(1);
          queue.putNowait(1);
          const put = watch(form.wait(kit, 0, queue, "put", 2, options));
          await kit.waiting(queue, 1);
          assert.equal(put.state, "pending");
          assert.equal(await kit.run((queue: QueueLike) => queue.getSync(), queue), 1);
          await put.promise;
          assert.equal(queue.getNowait(), 2);
          const get = watch(form.wait(kit, 0, queue, "get", options));
          await kit.waiting(queue, 1);
          await kit.run((queue: QueueLike) => queue.putSync(3), queue);
          assert.equal(await get.promise, 3);
        });
      }

      test(`Q-4 an empty queue, ${form.name}: getNowait and timeouts are Empty, not early`, async () => {
        const queue = kind.make();
        assert.throws(() => queue.getNowait(), Empty);
        await assert.rejects(form.wait(kit, 0, queue, "get", { timeout: 0 }), Empty);
        const { took } = await timed(() => assert.rejects(form.wait(kit, 0, queue, "get", { timeout: 30 }), Empty));
        assert.ok(took >= 30, `after ${took} ms`);
        queue.putNowait("kept");
        assert.equal(queue.qsize, 1);
        assert.equal(kit.backend.waiting(queue), 0);
      });

      test(`Q-8 join waits until the last of 3 items is done, ${form.name}`, async () => {
        const queue = kind.make();
        for (let i = 0; i < 3; i++) queue.putNowait(i);
        const join = watch(form.wait(kit, 0, queue, "join"));
        await kit.waiting(queue, 1);
        for (let i = 0; i < 3; i++) {
          assert.equal(kit.backend.waiting(queue), 1);
          assert.equal(join.state, "pending");
          queue.getNowait();
          queue.taskDone();
        }
        await join.promise;
      });

      test(`Q-9 two who join are both released, ${form.name}`, async () => {
        const queue = kind.make();
        queue.putNowait("item");
        const joins = [0, 1].map((i) => watch(form.wait(kit, i, queue, "join")));
        await kit.waiting(queue, 2);
        await kit.run((queue: QueueLike) => {
          queue.getNowait();
          queue.taskDone();
        }, queue);
        await Promise.all(joins.map(({ promise }) => promise));
      });

      test(`Q-12 4 producers of 200 items through maxsize 5 to 4 consumers, ${form.name}: each once`, async () => {
        const queue = kind.make(5);
        const consumers = [0, 1, 2, 3].map((i) =>
          form.ownThread(i) ? kit.run(i === 2 ? consumeAsync : consume, queue) : consumeAsync(queue),
        );
        await Promise.all(
          [0, 1, 2, 3].map((i) =>
            form.ownThread(i)
              ? kit.run(i === 2 ? produceAsync : produce, queue, 200 * i, 200)
              : produceAsync(queue, 200 * i, 200),
          ),
        );
        await queue.join();
        for (let i = 0; i < 4; i++) await queue.put(-1);
        const got = await Promise.all(consumers);
        assert.deepEqual(
          got.flat().toSorted((a, b) => a - b),
          Array.from({ length: 800 }, (_, i) => i),
        );
        await queue.join();
      });

      test(`SD-1 a queue shut down while empty, ${form.name}: put and get are ShutDown`, async () => {
        const queue = kind.make();
        queue.shutdown();
        await assert.rejects(form.wait(kit, 0, queue, "put", 1), ShutDown);
        await assert.rejects(form.wait(kit, 0, queue, "get"), ShutDown);
        await assert.rejects(form.wait(kit, 0, queue, "get", { timeout: 10 }), ShutDown);
      });

      test(`SD-2 what is left can still be got, ${form.name}`, async () => {
        const queue = kind.make();
        queue.putNowait(1);
        queue.putNowait(2);
        queue.shutdown();
        const got = [await form.wait(kit, 0, queue, "get"), await form.wait(kit, 1, queue, "get")] as number[];
        assert.deepEqual(
          got.toSorted((a, b) => a - b),
          [1, 2],
        );
        await assert.rejects(form.wait(kit, 0, queue, "get"), ShutDown);
      });

      test(`SD-4 a blocked put and three blocked gets are ShutDown, ${form.name}`, async () => {
        const full = kind.make(1);
        full.putNowait("first");
        const put = watch(form.wait(kit, 0, full, "put", "second"));
        await kit.waiting(full, 1);
        full.shutdown();
        await assert.rejects(put.promise, ShutDown);
        assert.deepEqual([full.qsize, full.getNowait()], [1, "first"]);
        const empty = kind.make();
        const gets = [0, 1, 2].map((i) => watch(form.wait(kit, i, empty, "get")));
        await kit.waiting(empty, 3);
        await kit.run((queue: QueueLike) => queue.shutdown(), empty);
        for (const { promise } of gets) await assert.rejects(promise, ShutDown);
      });
    }

    test("Q-5 heddle: a negative timeout is always a ValueError, and puts or takes nothing", async () => {
      for (const queue of [kind.make(), kind.make(2)]) {
        for (const timeout of [-1, NaN]) {
          assert.throws(() => queue.putSync(1, { timeout }), ValueError);
          await assert.rejects(queue.put(1, { timeout }), ValueError);
          assert.throws(() => queue.getSync({ timeout }), ValueError);
          await assert.rejects(queue.get({ timeout }), ValueError);
          await assert.rejects(queue.join({ timeout }), ValueError);
        }
        assert.throws(() => queue.putSync(1, 5 as never), TypeError);
        assert.equal(queue.qsize, 0);
      }
    });

    test("Q-6 taskDone more often than items were put is a ValueError, and join still works", async () => {
      const queue = kind.make();
      assert.throws(() => queue.taskDone(), ValueError);
      queue.putNowait(1);
      queue.getNowait();
      queue.taskDone();
      assert.throws(() => queue.taskDone(), ValueError);
      await assert.rejects(
        kit.run((queue: QueueLike) => queue.taskDone(), queue),
        ValueError,
      );
      await queue.join();
    });

    test("Q-7 join waits for 100 items handled by two threads, and can be used again", async () => {
      const queue = kind.make();
      const consumers = [kit.run(consume, queue), kit.run(consumeAsync, queue)];
      for (let round = 0; round < 2; round++) {
        for (let i = 0; i < 100; i++) queue.putNowait(i);
        await queue.join();
        assert.equal(queue.qsize, 0);
      }
      queue.putNowait(-1);
      queue.putNowait(-1);
      const got = (await Promise.all(consumers)).flat();
      assert.equal(
        got.reduce((a, b) => a + b, 0),
        2 * 4950,
      );
      queue.joinSync();
    });

    test("Q-8 join with a timeout: false while items are unfinished, not early", async () => {
      const queue = kind.make();
      queue.putNowait(1);
      for (const join of [() => queue.join({ timeout: 20 }), async () => queue.joinSync({ timeout: 20 })]) {
        const { took, value } = await timed(join);
        assert.equal(value, false);
        assert.ok(took >= 20, `after ${took} ms`);
      }
      queue.getNowait();
      queue.taskDone();
      assert.equal(await queue.join({ timeout: 20 }), true);
    });

    test("Q-10 a smaller maxsize than qsize: Full, items intact; a larger one lets waiting puts in", async () => {
      const queue = kind.make(4);
      for (let i = 0; i < 3; i++) queue.putNowait(i);
      queue.maxsize = 2;
      assert.equal(queue.full, true);
      assert.throws(() => queue.putNowait(9), Full);
      assert.equal(queue.qsize, 3);
      assert.equal(await kit.run((queue: QueueLike) => queue.maxsize, queue), 2);
      const put = watch(kit.run((queue: QueueLike) => queue.putSync(3), queue));
      await kit.waiting(queue, 1);
      queue.maxsize = 0;
      await put.promise;
      const items = Array.from({ length: 4 }, () => queue.getNowait() as number);
      assert.deepEqual(
        items.toSorted((a, b) => a - b),
        [0, 1, 2, 3],
      );
    });

    test("Q-11 an item that cannot be sent: its put fails, queue and count stay as they were", async () => {
      const queue = kind.make(2);
      const unsendable = { inside: Promise.resolve(1) };
      const refused = { code: "ERR_HEDDLE_NOT_SENDABLE", message: /^item\.inside: / };
      assert.throws(() => queue.putSync(unsendable), refused);
      assert.throws(() => queue.putNowait(unsendable), refused);
      await assert.rejects(queue.put(unsendable), refused);
      assert.equal(queue.qsize, 0);
      await queue.join();
      queue.putNowait("fine");
      assert.equal(queue.getNowait(), "fine");
    });

    test("Q-13 null and falsy items are delivered, to this thread and to others", async () => {
      const queue = kind.make();
      for (const item of [null, undefined, 0, -0, NaN, "", false, 0n]) {
        queue.putNowait(item);
        assert.ok(Object.is(queue.getNowait(), item), String(item));
        queue.putNowait(item);
        const same = await kit.run((queue: QueueLike, item: unknown) => Object.is(queue.getSync(), item), queue, item);
        assert.equal(same, true, String(item));
      }
    });

    test("Q-14 join on an untouched queue returns at once", async () => {
      assert.notEqual(await kind.make().join(), false);
      assert.notEqual(kind.make().joinSync(), false);
    });

    test("Q a full queue's waiting puts come in the order of their calls", async () => {
      const queue = kind.make(1);
      queue.putNowait(0);
      const puts: Promise<void>[] = [];
      for (let i = 1; i <= 4; i++) {
        puts.push(i % 2 === 0 ? queue.put(i) : kit.run((queue: QueueLike, i: number) => queue.putSync(i), queue, i));
        await kit.waiting(queue, i);
      }
      for (let i = 0; i <= 4; i++) assert.equal(await queue.get(), i);
      await Promise.all(puts);
    });

    test("Q a signal takes no item and puts none", async () => {
      const queue = kind.make(1);
      const aborter = new AbortController();
      const get = watch(queue.get({ signal: aborter.signal }));
      const other = watch(kit.run((queue: QueueLike) => queue.getSync(), queue));
      await kit.waiting(queue, 2);
      aborter.abort();
      await assert.rejects(get.promise, { name: "AbortError" });
      queue.putNowait("for the other");
      assert.equal(await other.promise, "for the other");
      queue.putNowait("full now");
      const putAborter = new AbortController();
      const put = watch(queue.put("never", { signal: putAborter.signal }));
      await kit.waiting(queue, 1);
      putAborter.abort(new RangeError("enough"));
      await assert.rejects(put.promise, RangeError);
      assert.equal(queue.getNowait(), "full now");
      assert.equal(queue.empty, true);
    });

    test("SD-3 immediate: items are dropped, join waits only for what is in flight", async () => {
      const idle = kind.make();
      for (let i = 0; i < 3; i++) idle.putNowait([i, { i }]);
      idle.shutdown({ immediate: true });
      assert.equal(idle.qsize, 0);
      assert.throws(() => idle.getSync(), ShutDown);
      await idle.join();
      const busy = kind.make();
      for (let i = 0; i < 3; i++) busy.putNowait([i, { i }]);
      const joins = [watch(busy.join()), watch(kit.run((queue: QueueLike) => queue.joinSync(), busy))];
      await kit.waiting(busy, 2);
      busy.getNowait();
      busy.shutdown({ immediate: true });
      assert.equal(settled(joins), 0);
      assert.equal(kit.backend.waiting(busy), 2);
      busy.taskDone();
      await Promise.all(joins.map(({ promise }) => promise));
    });

    test("SD-5 getNowait after a drained shutdown is ShutDown, not Empty; putNowait ShutDown, not Full", () => {
      const queue = kind.make(1);
      queue.putNowait(1);
      queue.shutdown();
      assert.throws(() => queue.putNowait(2), ShutDown);
      assert.equal(queue.getNowait(), 1);
      assert.throws(() => queue.getNowait(), ShutDown);
    });

    test("SD-6 shutdown, immediate shutdown, shutdown: all allowed", () => {
      const queue = kind.make();
      queue.putNowait(1);
      queue.shutdown();
      assert.equal(queue.qsize, 1);
      queue.shutdown({ immediate: true });
      assert.equal(queue.qsize, 0);
      queue.shutdown();
      assert.throws(() => queue.getNowait(), ShutDown);
    });

    test("SD-7 taskDone too many after an immediate shutdown is a ValueError", () => {
      const queue = kind.make();
      queue.putNowait(1);
      queue.putNowait(2);
      queue.getNowait();
      queue.shutdown({ immediate: true });
      queue.taskDone();
      assert.throws(() => queue.taskDone(), ValueError);
    });

    test("SD heddle: for await ends when the queue is shut down and drained", async () => {
      const queue = kind.make();
      const body = async (queue: QueueLike): Promise<unknown[]> => {
        const items: unknown[] = [];
        for await (const item of { [Symbol.asyncIterator]: () => queue[Symbol.asyncIterator]() }) items.push(item);
        return items;
      };
      const there = kit.run(body, queue);
      const here = body(queue);
      for (let i = 0; i < 6; i++) await queue.put(i);
      queue.shutdown();
      const items = [...(await there), ...(await here)] as number[];
      assert.deepEqual(
        items.toSorted((a, b) => a - b),
        [0, 1, 2, 3, 4, 5],
      );
    });
  });
}
