/** Conformance of SimpleQueue: SQ-1 … SQ-6. @module */

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { Empty, ValueError } from "heddle/errors";
import { type Backend, forms, Kit, timed, watch } from "./kit.ts";

export interface SimpleQueueLike {
  put(item: unknown, options?: object): Promise<void>;
  putSync(item: unknown, options?: object): void;
  putNowait(item: unknown): void;
  get(options?: object): Promise<unknown>;
  getSync(options?: object): unknown;
  getNowait(): unknown;
  readonly qsize: number;
  readonly empty: boolean;
}

function produce(queue: SimpleQueueLike, first: number, count: number): void {
  for (let i = 0; i < count; i++) queue.putSync(first + i);
}

function consume(queue: SimpleQueueLike, count: number): number[] {
  return Array.from({ length: count }, () => queue.getSync() as number);
}

async function consumeAsync(queue: SimpleQueueLike, count: number): Promise<number[]> {
  const items: number[] = [];
  while (items.length < count) items.push((await queue.get()) as number);
  return items;
}

export function simpleQueueSuite(backend: Backend, kind: { make(): SimpleQueueLike }): void {
  describe(`SimpleQueue over ${backend.name}`, () => {
    const kit = new Kit(backend);
    after(() => kit.close());

    test("SQ-1 first in, first out", async () => {
      const queue = kind.make();
      for (const item of [111, 333, 222]) queue.putNowait(item);
      assert.deepEqual([queue.qsize, queue.empty], [3, false]);
      assert.deepEqual([queue.getNowait(), queue.getSync(), await queue.get()], [111, 333, 222]);
      assert.deepEqual([queue.qsize, queue.empty], [0, true]);
    });

    for (const form of forms) {
      test(`SQ-2 get, ${form.name}: Empty after the timeout, not early; a blocked one goes on when another puts`, async () => {
        const queue = kind.make();
        assert.throws(() => queue.getNowait(), Empty);
        await assert.rejects(form.wait(kit, 0, queue, "get", { timeout: 0 }), Empty);
        const { took } = await timed(() => assert.rejects(form.wait(kit, 0, queue, "get", { timeout: 30 }), Empty));
        assert.ok(took >= 30, `after ${took} ms`);
        const get = watch(form.wait(kit, 0, queue, "get"));
        await kit.waiting(queue, 1);
        await kit.run((queue: SimpleQueueLike) => queue.putSync([{ some: "thing" }]), queue);
        assert.deepEqual(await get.promise, [{ some: "thing" }]);
        assert.equal(kit.backend.waiting(queue), 0);
      });
    }

    test("SQ-2 a negative timeout of get is a ValueError", async () => {
      const queue = kind.make();
      queue.putNowait(1);
      assert.throws(() => queue.getSync({ timeout: -1 }), ValueError);
      await assert.rejects(queue.get({ timeout: -1 }), ValueError);
      assert.equal(queue.getNowait(), 1);
    });

    test("SQ-3 put ignores options: it never waits", async () => {
      const queue = kind.make();
      queue.putSync(1, { timeout: -5 });
      await queue.put(2, { timeout: -5 });
      assert.deepEqual([queue.getNowait(), queue.getNowait()], [1, 2]);
    });

    test("SQ-3 an item that cannot be sent leaves the queue as it was", async () => {
      const queue = kind.make();
      const refused = { code: "ERR_HEDDLE_NOT_SENDABLE", message: /^item\.inside: / };
      assert.throws(() => queue.putNowait({ inside: Promise.resolve() }), refused);
      await assert.rejects(queue.put({ inside: Promise.resolve() }), refused);
      assert.equal(queue.empty, true);
    });

    test("SQ-4 one producer and one consumer keep the order", async () => {
      const queue = kind.make();
      const consumer = kit.run(consume, queue, 2000);
      await kit.run(produce, queue, 0, 2000);
      assert.deepEqual(
        await consumer,
        Array.from({ length: 2000 }, (_, i) => i),
      );
    });

    test("SQ-5 4 × 500 items from threads to threads and loops, each delivered once", async () => {
      const queue = kind.make();
      const consumers = [0, 1, 2, 3].map((i) =>
        i === 3 ? consumeAsync(queue, 500) : kit.run(i === 2 ? consumeAsync : consume, queue, 500),
      );
      await Promise.all([0, 1, 2, 3].map((i) => kit.run(produce, queue, 500 * i, 500)));
      const got = (await Promise.all(consumers)).flat().toSorted((a, b) => a - b);
      assert.deepEqual(
        got,
        Array.from({ length: 2000 }, (_, i) => i),
      );
    });

    test("SQ heddle: nothing but put, get, qsize and empty", () => {
      const queue = kind.make() as unknown as Record<string, unknown>;
      for (const name of ["maxsize", "full", "taskDone", "join", "joinSync", "shutdown"])
        assert.equal(queue[name], undefined);
    });
  });
}
