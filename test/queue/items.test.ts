import assert from "node:assert/strict";
import { after, test } from "node:test";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { isMain, transfer } from "heddle";
import { NotSendableError } from "heddle/errors";
import { Queue } from "heddle/queue";
import { Condition, Event, Lock, Semaphore } from "heddle/threading";
import { Kit } from "../conformance/kit.ts";
import { threads } from "../conformance/thread-backend.ts";
import { double, OddError, Point } from "./shapes.ts";

/** The ways an item can be taken out of a queue in another thread. */
const ways = ["getSync", "get", "getNowait"] as const;
type Way = (typeof ways)[number];

export async function take<T>(queue: Queue<T>, way: Way): Promise<T> {
  return await queue[way]();
}

if (isMain(import.meta)) {
  const kit = new Kit(threads);
  after(() => kit.close());

  /** Sends the item to a thread and applies the function to it there. */
  async function there<T, R>(item: T, way: Way, fn: (item: T) => R | Promise<R>): Promise<Awaited<R>> {
    const queue = new Queue<T>();
    await queue.put(item);
    return await kit.run(
      async (queue: Queue<T>, way: Way, fn: (item: T) => R | Promise<R>) => await fn(await queue[way]()),
      queue,
      way,
      fn,
    );
  }

  for (const way of ways) {
    test(`heddle's own objects arrive as the same object, ${way}`, async () => {
      const lock = new Lock();
      assert.equal(await there(lock, way, (lock) => void lock.acquireSync()), undefined);
      assert.equal(lock.locked, true);
      lock.release();
      const all = { event: new Event(), inside: [new Semaphore(3)], condition: new Condition(lock) };
      await there(all, way, ({ event, inside, condition }) => {
        event.set();
        inside[0]!.acquireSync();
        condition.acquireSync();
      });
      assert.deepEqual([all.event.isSet, all.inside[0]!.value, lock.locked], [true, 2, true]);
    });

    test(`a queue in a queue, ${way}: reply there`, async () => {
      const replies = new Queue<string>();
      await there({ text: "hello", replies }, way, ({ text, replies }) => replies.putSync(text.toUpperCase()));
      assert.equal(replies.getNowait(), "HELLO");
      const itself = new Queue<unknown>();
      itself.putNowait(itself);
      assert.equal(itself.getNowait(), itself);
    });

    test(`a user's SharedArrayBuffer is shared, ${way}`, async () => {
      const words = new Int32Array(new SharedArrayBuffer(8));
      assert.equal(await there(words, way, (words) => Atomics.add(words, 1, 5)), 0);
      assert.equal(words[1], 5);
      const buffer = new SharedArrayBuffer(4);
      await there([buffer, { again: buffer }], way, ([first]) => {
        new Uint8Array(first as SharedArrayBuffer)[0] = 7;
      });
      assert.equal(new Uint8Array(buffer)[0], 7);
    });

    test(`a MessagePort moves, ${way}`, async () => {
      const { port1, port2 } = new MessageChannel();
      const answer = new Promise<unknown>((resolve) => port1.once("message", resolve));
      await there(transfer({ port: port2 }, [port2]), way, ({ port }: { port: MessagePort }) => {
        port.postMessage("from the thread");
        port.close();
      });
      assert.equal(await answer, "from the thread");
    });

    test(`functions and class instances, ${way}`, async () => {
      assert.equal(await there(double, way, (fn) => fn(21)), 42);
      const by = 3;
      assert.equal(
        await there(
          (n: number) => n * by,
          way,
          (fn) => fn(4),
        ),
        12,
      );
      assert.equal(await there(new Point(3, 4), way, (point) => point.length), 5);
      assert.deepEqual(await there(new OddError("odd", 3), way, (e) => [e instanceof Error, e.name, e.detail]), [
        true,
        "OddError",
        3,
      ]);
    });

    test(`an item of every kind comes back from a thread as it went, ${way}`, async () => {
      const [back, out] = [new Queue<unknown>(), new Queue<unknown>()];
      const items: unknown[] = [
        "text ☃ 𝄞",
        2 ** 40,
        -0,
        123_456_789_012_345_678_901_234n,
        new Date(0),
        /a+/gi,
        new Map<unknown, unknown>([[1, new Set([2])]]),
        new Uint8Array([1, 2, 3]),
        new Float64Array([0.5, NaN]),
        Object.assign([1], { 2: 3 }),
        { deep: { er: [null, undefined, true] } },
        "y".repeat(200_000),
        new Uint8Array(300_000).fill(9),
        new Point(1, 2),
      ];
      for (const item of items) out.putNowait(item);
      await kit.run(
        async (out: Queue<unknown>, back: Queue<unknown>, n: number, way: Way) => {
          for (let i = 0; i < n; i++) back.putSync(await out[way]());
        },
        out,
        back,
        items.length,
        way,
      );
      for (const item of items) assert.deepEqual(back.getNowait(), item);
    });
  }

  test("main gets what a thread attached: getSync while blocked, and get", async () => {
    const queue = new Queue<Int32Array>();
    const words = new Int32Array(new SharedArrayBuffer(8));
    const echo = (queue: Queue<Int32Array>, words: Int32Array): void => {
      Atomics.store(words, 0, 1);
      queue.putSync(words);
    };
    const first = kit.run(echo, queue, words);
    const got = await queue.get();
    Atomics.store(got, 1, 8);
    assert.deepEqual([...words], [1, 8]);
    await first;
    const second = kit.run(echo, queue, words);
    await kit.until(
      () => queue.qsize === 1,
      () => "nothing was put",
    );
    assert.equal(Atomics.load(queue.getSync(), 1), 8);
    await second;
  });

  test("a thread gets an attachment while main blocks", async () => {
    const [queue, done] = [new Queue<Int32Array>(), new Event()];
    const words = new Int32Array(new SharedArrayBuffer(4));
    const taking = kit.run(
      (queue: Queue<Int32Array>, done: Event) => {
        Atomics.store(queue.getSync(), 0, 3);
        done.set();
      },
      queue,
      done,
    );
    await kit.waiting(queue, 1);
    queue.putNowait(words);
    done.waitSync();
    assert.equal(words[0], 3);
    await taking;
  });

  test("an item from thread to thread with an attachment, main not looking", async () => {
    const [queue, ready] = [new Queue<SharedArrayBuffer>(), new Event()];
    const put = kit.run(
      (queue: Queue<SharedArrayBuffer>, ready: Event) => {
        const buffer = new SharedArrayBuffer(4);
        queue.putSync(buffer);
        ready.waitSync();
        return new Int32Array(buffer)[0];
      },
      queue,
      ready,
    );
    const got = kit.run(
      (queue: Queue<SharedArrayBuffer>, ready: Event) => {
        new Int32Array(queue.getSync())[0] = 11;
        ready.set();
      },
      queue,
      ready,
    );
    ready.waitSync();
    assert.equal(await put, 11);
    await got;
  });

  test("a thread reaches what lies beyond the memory it has seen", async () => {
    // Threads that are there already, and a memory that grows meanwhile.
    const look = async (queue: Queue<unknown>): Promise<string> => {
      const { enumerate } = await import("heddle/threading");
      const item = (await queue.get()) as { lock: Lock; words: Int32Array; queue: Queue<number> };
      item.lock.acquireSync();
      item.lock.release();
      return `${String(item.lock)} ${item.words.length} ${item.queue.getSync()} ${enumerate().length > 1}`;
    };
    const kept: Queue<unknown>[] = [];
    for (let round = 0; round < 4; round++) {
      const inbox = new Queue<unknown>();
      const looking = kit.run(look, inbox);
      await kit.waiting(inbox, 1);
      // Small blocks and large ones, all kept: those made next lie in new pages.
      for (let i = 0; i < 4; i++) {
        const full = new Queue<unknown>();
        for (let j = 0; j < 20_000; j++) full.putNowait(j % 20 === 0 ? { j, text: "z".repeat(j % 500) } : j);
        full.putNowait("z".repeat(2_000_000));
        kept.push(full);
      }
      const [lock, words, queue] = [new Lock(), new Int32Array(new SharedArrayBuffer(8)), new Queue<number>()];
      queue.putNowait(round);
      inbox.putNowait({ lock, words, queue });
      assert.equal(await looking, `<Lock unlocked> 2 ${round} true`);
      const drain = (queue: Queue<unknown>): number => {
        let n = 0;
        for (; !queue.empty; n++) queue.getSync();
        return n;
      };
      assert.equal(await kit.run(drain, kept.pop()!), 20_001);
    }
  });

  test("a discarded item takes its attachment with it", async () => {
    const queue = new Queue<Int32Array>();
    for (let i = 0; i < 50; i++) queue.putNowait(new Int32Array(new SharedArrayBuffer(4)));
    queue.shutdown({ immediate: true });
    assert.equal(queue.qsize, 0);
    await queue.join();
  });

  test("items are copies: what the putter changes later does not arrive", () => {
    const queue = new Queue<number[]>();
    const list = [1];
    queue.putNowait(list);
    list.push(2);
    const got = queue.getNowait();
    assert.deepEqual(got, [1]);
    assert.notEqual(got, list);
  });

  test("an item that cannot be sent leaves the queue as it was, also a full one", async () => {
    const queue = new Queue<unknown>(1);
    const bad = { list: [1, { handle: setTimeout(() => undefined, 0).unref() }] };
    for (const put of [() => queue.putSync(bad), () => queue.putNowait(bad)]) {
      assert.throws(put, (error: Error) => {
        assert.ok(error instanceof NotSendableError);
        assert.match(error.message, /^item\.list\[1\]\.handle: /);
        assert.match(error.stack!, /items\.test/);
        return true;
      });
    }
    queue.putNowait("first");
    await assert.rejects(queue.put(bad, { timeout: 5 }), NotSendableError);
    assert.deepEqual([queue.qsize, queue.unfinishedTasks, queue.getNowait()], [1, 1, "first"]);
  });
}
