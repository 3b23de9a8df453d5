/** Threads killed in the middle of putting and getting: no variant of the queue is wedged, damaged, or loses more than theirs. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMain } from "heddle";
import { ShutDown } from "heddle/errors";
import { LifoQueue, PriorityQueue, type Queue } from "heddle/queue";
import { spawn } from "heddle/threading";

type Item = readonly [priority: number, id: number];

interface Gear {
  readonly from: Queue<Item>;
  readonly to: Queue<Item>;
  /** How many were moved. */
  readonly moved: Int32Array;
}

function move({ from, to, moved }: Gear): void {
  for (;;) {
    let item: Item;
    try {
      item = from.getSync();
    } catch (error) {
      if (error instanceof ShutDown) return;
      throw error;
    }
    to.putSync(item);
    Atomics.add(moved, 0, 1);
  }
}

function byPriority(a: Item, b: Item): number {
  return a[0] - b[0];
}

const kinds: readonly { name: string; make(maxsize: number): Queue<Item>; sorted: boolean }[] = [
  { name: "LifoQueue", make: (maxsize) => new LifoQueue(maxsize), sorted: false },
  { name: "PriorityQueue", make: (maxsize) => new PriorityQueue(maxsize), sorted: true },
  {
    name: "PriorityQueue with a key",
    make: (maxsize) => new PriorityQueue(maxsize, { key: ([priority]) => priority }),
    sorted: true,
  },
  {
    name: "PriorityQueue with compare",
    make: (maxsize) => new PriorityQueue(maxsize, { compare: byPriority }),
    sorted: true,
  },
];

const KILLS = 12;

function suite(): void {
  for (const { name, make, sorted } of kinds) {
    describe(name, () => {
      test(
        `${KILLS} movers killed wherever they are: each loses at most the item in its hands`,
        { timeout: 60_000 },
        async () => {
          const gear: Gear = { from: make(8), to: make(8), moved: new Int32Array(new SharedArrayBuffer(4)) };
          const { from, to, moved } = gear;
          const survivor = spawn(move, gear);
          const seen = new Map<number, number>();
          let sent = 0;
          let producing = true;
          const producer = (async () => {
            for (; producing; sent++) await from.put([(sent * 7919) % 101, sent]);
          })();
          const consumer = (async () => {
            for await (const [, id] of to) seen.set(id, (seen.get(id) ?? 0) + 1);
          })();
          for (let killed = 0; killed < KILLS; killed++) {
            const victim = spawn(move, gear);
            const before = Atomics.load(moved, 0);
            // Anywhere will do, once it has moved some: a different number each time.
            while (Atomics.load(moved, 0) < before + 20 * (killed + 1))
              await new Promise((resolve) => setImmediate(resolve));
            await victim.terminate();
            await assert.rejects(victim.join());
          }
          producing = false;
          await producer;
          from.shutdown();
          await survivor.join();
          to.shutdown();
          await consumer;
          for (const [id, times] of seen) assert.equal(times, 1, `item ${id} came ${times} times`);
          const lost = sent - seen.size;
          assert.ok(lost >= 0 && lost <= KILLS, `${lost} of ${sent} items are lost with ${KILLS} threads`);
          assert.deepEqual([from.qsize, to.qsize], [0, 0]);
        },
      );

      if (!sorted) return;
      test("what killed putters leave behind is sorted, complete, and counted", { timeout: 60_000 }, async () => {
        const queue = make(0);
        const put = new Int32Array(new SharedArrayBuffer(4));
        const fill = (queue: Queue<Item>, put: Int32Array, seed: number): void => {
          for (let i = 0; ; i++) {
            queue.putSync([(i * 7919 + seed) % 211, 1000 * seed + i]);
            Atomics.add(put, 0, 1);
            // Keeps it from growing for as long as it takes to be killed.
            if (queue.qsize > 300) queue.getSync();
          }
        };
        for (let seed = 0; seed < 4; seed++) {
          const victim = spawn(fill, queue, put, seed);
          const before = Atomics.load(put, 0);
          while (Atomics.load(put, 0) < before + 200 + seed) await new Promise((resolve) => setImmediate(resolve));
          await victim.terminate();
          await assert.rejects(victim.join());
        }
        queue.putNowait([0, -1]);
        const n = queue.qsize;
        const items: Item[] = [];
        while (!queue.empty) items.push(queue.getNowait());
        assert.equal(items.length, n);
        assert.deepEqual(
          items.map(([priority]) => priority),
          items.map(([priority]) => priority).toSorted((a, b) => a - b),
        );
        assert.equal(new Set(items.map(([, id]) => id)).size, items.length);
      });
    });
  }
}

if (isMain(import.meta)) suite();
