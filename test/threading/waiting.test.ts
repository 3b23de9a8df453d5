import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { isMain } from "heddle";
import { CancelledError, Empty, Full } from "heddle/errors";
import { Queue } from "heddle/queue";
import { BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore, spawn, Thread } from "heddle/threading";
import { parker } from "../../src/core/program.ts";
import { Kit, PATIENCE } from "../conformance/kit.ts";
import { threads } from "../conformance/thread-backend.ts";
import { usedPages } from "./used-pages.ts";

/** One try to acquire: how long to wait, and when to abort. Milliseconds; -1: never. */
interface Try {
  readonly timeout: number;
  readonly abort: number;
}

const tries = fc.array(
  fc.record({ timeout: fc.constantFrom(-1, 0, 1, 2, 5), abort: fc.constantFrom(-1, -1, 0, 1, 3) }),
  { minLength: 20, maxLength: 40 },
);

interface Acquirable {
  acquire(options: object): Promise<unknown>;
  acquireSync(options: object): unknown;
  release(): void;
}

/** Makes the tries, all at once on this loop; `words` = inside, most inside, acquired, given up. */
export async function tryAll(lock: Acquirable, words: Int32Array, list: readonly Try[]): Promise<void> {
  await Promise.all(
    list.map(async ({ timeout, abort }) => {
      const aborter = new AbortController();
      const timer = abort < 0 ? undefined : setTimeout(() => aborter.abort(), abort);
      try {
        const got = await lock.acquire({ timeout: timeout < 0 ? undefined : timeout, signal: aborter.signal });
        if (got === undefined) {
          Atomics.add(words, 3, 1);
          return;
        }
      } catch (error) {
        assert.equal((error as Error).name, "AbortError");
        Atomics.add(words, 3, 1);
        return;
      } finally {
        clearTimeout(timer);
      }
      inside(words);
      await new Promise((resolve) => setImmediate(resolve));
      Atomics.sub(words, 0, 1);
      lock.release();
    }),
  );
}

function inside(words: Int32Array): void {
  const n = Atomics.add(words, 0, 1) + 1;
  for (let most = Atomics.load(words, 1); n > most; most = Atomics.load(words, 1)) {
    Atomics.compareExchange(words, 1, most, n);
  }
  Atomics.add(words, 2, 1);
}

/** As {@link tryAll}, one after the other, blocking. */
export function tryEach(lock: Acquirable, words: Int32Array, list: readonly Try[]): void {
  for (const { timeout } of list) {
    if (lock.acquireSync({ timeout: timeout < 0 ? undefined : timeout }) === undefined) {
      Atomics.add(words, 3, 1);
      continue;
    }
    inside(words);
    Atomics.sub(words, 0, 1);
    lock.release();
  }
}

/** Puts or gets with random timeouts and aborts; gives the items put, or got. */
async function trade(queue: Queue<number>, list: readonly Try[], first: number): Promise<number[]> {
  const done: number[] = [];
  await Promise.all(
    list.map(async ({ timeout, abort }, i) => {
      const aborter = new AbortController();
      const timer = abort < 0 ? undefined : setTimeout(() => aborter.abort(), abort);
      const options = { timeout: timeout < 0 ? 50 : timeout, signal: aborter.signal };
      try {
        if (first >= 0) done.push((await queue.put(first + i, options), first + i));
        else done.push(await queue.get(options));
      } catch (error) {
        const expected = error instanceof Empty || error instanceof Full || (error as Error).name === "AbortError";
        if (!expected) throw error;
      } finally {
        clearTimeout(timer);
      }
    }),
  );
  return done;
}

async function tradeThere(queue: Queue<number>, list: readonly Try[], first: number): Promise<number[]> {
  return await trade(queue, list, first);
}

if (isMain(import.meta)) {
  const kit = new Kit(threads);
  after(() => kit.close());

  for (const [name, make, most] of [
    ["Lock", () => new Lock(), 1],
    ["Semaphore(2)", () => new Semaphore(2), 2],
    ["BoundedSemaphore(3)", () => new BoundedSemaphore(3), 3],
  ] as const) {
    test(`${name}: random timeouts and aborts on two loops and a blocked thread lose nothing`, async () => {
      await fc.assert(
        fc.asyncProperty(tries, tries, tries, async (here, there, blocked) => {
          const [lock, words] = [make(), new Int32Array(new SharedArrayBuffer(16))];
          await Promise.all([
            tryAll(lock, words, here),
            kit.run(tryAll, lock, words, there),
            kit.run(tryEach, lock, words, blocked),
          ]);
          const [left, highest, acquired, gaveUp] = words;
          assert.equal(left, 0);
          assert.ok(highest! <= most, `${highest} inside`);
          assert.equal(acquired! + gaveUp!, here.length + there.length + blocked.length);
          assert.equal(threads.waiting(lock), 0);
          // All of it is there again.
          for (let i = 0; i < most; i++) assert.equal(lock.tryAcquire(), lock);
          assert.equal(lock.tryAcquire(), undefined);
        }),
        { numRuns: 12, endOnFailure: true },
      );
    });
  }

  test("Queue: random timeouts and aborts of puts and gets, here and there: what was put is got or still in it", async () => {
    await fc.assert(
      fc.asyncProperty(tries, tries, tries, tries, async (putHere, putThere, getHere, getThere) => {
        const queue = new Queue<number>(3);
        const [p1, p2, g1, g2] = await Promise.all([
          trade(queue, putHere, 0),
          kit.run(tradeThere, queue, putThere, 1000),
          trade(queue, getHere, -1),
          kit.run(tradeThere, queue, getThere, -1),
        ]);
        const left: number[] = [];
        while (!queue.empty) left.push(queue.getNowait());
        const byNumber = (a: number, b: number): number => a - b;
        assert.deepEqual([...g1, ...g2, ...left].toSorted(byNumber), [...p1, ...p2].toSorted(byNumber));
        assert.equal(threads.waiting(queue), 0);
      }),
      { numRuns: 12, endOnFailure: true },
    );
  });

  test("timeouts are never early: 200 waits of random length in a thread and here", async () => {
    const early = async (lengths: number[]): Promise<string[]> => {
      const [event, lock, queue] = [new Event(), new Lock(), new Queue()];
      lock.acquireSync();
      const found: string[] = [];
      const check = (name: string, start: number, length: number): void => {
        const took = performance.now() - start;
        if (took < length) found.push(`${name}: ${took} of ${length}`);
      };
      for (const length of lengths) {
        let start = performance.now();
        event.waitSync({ timeout: length });
        check("event.waitSync", start, length);
        start = performance.now();
        lock.acquireSync({ timeout: length });
        check("lock.acquireSync", start, length);
        start = performance.now();
        await event.wait({ timeout: length });
        check("event.wait", start, length);
        start = performance.now();
        await queue.get({ timeout: length }).catch(() => undefined);
        check("queue.get", start, length);
      }
      return found;
    };
    const lengths = Array.from({ length: 25 }, (_, i) => (i % 5) + i / 50);
    assert.deepEqual((await Promise.all([early(lengths), kit.run(early, lengths)])).flat(), []);
  });

  test("100 000 waits given up by abort and by timeout leave no memory and no wait behind", async () => {
    const [event, lock, queue] = [new Event(), new Lock(), new Queue(1)];
    lock.acquireSync();
    queue.putNowait(0);
    const round = async (n: number): Promise<void> => {
      const aborter = new AbortController();
      const { signal } = aborter;
      const waits: Promise<unknown>[] = [];
      for (let i = 0; i < n / 4; i++) {
        waits.push(
          event.wait({ signal }),
          lock.acquire({ signal }),
          queue.put(i, { signal }),
          event.wait({ timeout: 0 }),
        );
      }
      aborter.abort();
      const results = await Promise.allSettled(waits);
      assert.equal(results.filter(({ status }) => status === "rejected").length, (n / 4) * 3);
    };
    const pending = parker.pending;
    await round(1000);
    const before = usedPages();
    for (let i = 0; i < 100; i++) await round(1000);
    assert.equal(usedPages(), before);
    assert.equal(parker.pending, pending);
    assert.equal(threads.waiting(event) + threads.waiting(lock) + threads.waiting(queue), 0);
    lock.release();
    assert.equal(lock.tryAcquire(), lock);
    assert.equal(queue.qsize, 1);
  });

  test("10 000 blocking waits given up in a thread leave nothing behind", async () => {
    const event = new Event();
    const giveUp = (event: Event): number => {
      let n = 0;
      for (let i = 0; i < 10_000; i++) if (!event.waitSync({ timeout: i % 100 === 0 ? 0.2 : 0 })) n++;
      return n;
    };
    await kit.run(giveUp, event);
    const before = usedPages();
    assert.equal(await kit.run(giveUp, event), 10_000);
    assert.equal(usedPages(), before);
    assert.equal(threads.waiting(event), 0);
  });

  // ── cancel ───────────────────────────────────────────────────────────────────────────────────────────────────────

  const blockers: Record<string, (o: { event: Event; lock: Lock; queue: Queue; sem: Semaphore }) => unknown> = {
    "event.waitSync": ({ event }) => event.waitSync(),
    "event.wait": ({ event }) => event.wait(),
    "lock.acquireSync": ({ lock }) => lock.acquireSync(),
    "lock.acquire": ({ lock }) => lock.acquire(),
    "lock.acquire with a timeout": ({ lock }) => lock.acquire({ timeout: 3_600_000 }),
    "semaphore.acquireSync with a timeout": ({ sem }) => sem.acquireSync({ timeout: 3_600_000 }),
    "queue.getSync": ({ queue }) => queue.getSync(),
    "queue.get": ({ queue }) => queue.get(),
  };

  for (const [name, block] of Object.entries(blockers)) {
    test(`cancel(): ${name} in the thread throws CancelledError`, async () => {
      const all = { event: new Event(), lock: new Lock(), queue: new Queue(), sem: new Semaphore(0) };
      all.lock.acquireSync();
      const thread = spawn(block, all as never);
      await kit.until(
        () => Object.values(all).some((object) => threads.waiting(object) === 1),
        () => "it never waited",
      );
      thread.cancel();
      await assert.rejects(thread.join({ timeout: PATIENCE }), CancelledError);
      assert.equal(thread.isAlive, false);
      for (const object of Object.values(all)) assert.equal(threads.waiting(object), 0);
      all.lock.release();
      assert.equal(all.lock.tryAcquire(), all.lock);
    });
  }

  test("cancel(): many waits of one thread at once; its signal aborts with the reason", async () => {
    const event = new Event();
    const thread = spawn(async (event: Event) => {
      const { currentThread } = await import("heddle/threading");
      const { signal } = currentThread();
      const results = await Promise.allSettled([event.wait(), event.wait(), event.wait({ timeout: 3_600_000 })]);
      const names = results.map((result) => (result.status === "rejected" ? (result.reason as Error).name : "no"));
      return [...names, signal.aborted, String(signal.reason)];
    }, event);
    await kit.waiting(event, 3);
    thread.cancel("enough");
    assert.deepEqual(await thread.join(), ["CancelledError", "CancelledError", "CancelledError", true, "enough"]);
  });

  test("cancel() before the start: the thread ends without running its target", async () => {
    const words = new Int32Array(new SharedArrayBuffer(4));
    const thread = new Thread({ target: (words: Int32Array) => (words[0] = 1), args: [words] });
    thread.cancel();
    await assert.rejects(thread.start().join(), CancelledError);
    assert.equal(words[0], 0);
  });

  test("cancel() while a condition waits: its lock is held again when CancelledError leaves", async () => {
    const condition = new Condition(new RLock());
    const thread = spawn((condition: Condition) => {
      condition.acquireSync();
      try {
        condition.waitSync();
        return "notified";
      } catch (error) {
        return `${(error as Error).name}, held: ${condition.locked}`;
      } finally {
        condition.release();
      }
    }, condition);
    await kit.waiting(condition, 1);
    thread.cancel();
    assert.equal(await thread.join(), "CancelledError, held: true");
    assert.equal(condition.locked, false);
  });
}
