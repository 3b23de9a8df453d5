import assert from "node:assert/strict";
import { test } from "node:test";
import { isMain } from "heddle";
import { Queue } from "heddle/queue";
import { Event, spawn } from "heddle/threading";
import { Kit } from "../conformance/kit.ts";
import { threads } from "../conformance/thread-backend.ts";

type Item = readonly [producer: number, n: number, extra: unknown] | { producer: number; n: number } | number;

const PRODUCERS = 4;
const ITEMS = 1500;

/** Numbers, arrays and objects of all sizes. */
function make(producer: number, n: number): Item {
  if (n % 3 === 0) return producer * 100_000 + n;
  if (n % 3 === 1) return [producer, n, "x".repeat(n % 200)];
  return { producer, n };
}

function read(item: Item): [producer: number, n: number] {
  if (typeof item === "number") return [Math.floor(item / 100_000), item % 100_000];
  if (Array.isArray(item)) return [item[0] as number, item[1] as number];
  const { producer, n } = item as { producer: number; n: number };
  return [producer, n];
}

function produce(queue: Queue<Item>, producer: number): void {
  for (let n = 0; n < ITEMS; n++) queue.putSync(make(producer, n));
}

async function produceAsync(queue: Queue<Item>, producer: number): Promise<void> {
  for (let n = 0; n < ITEMS; n++) await queue.put(make(producer, n));
}

function consume(queue: Queue<Item | null>): [number, number][] {
  const got: [number, number][] = [];
  for (let item = queue.getSync(); item !== null; item = queue.getSync()) got.push(read(item));
  return got;
}

async function consumeAsync(queue: Queue<Item | null>): Promise<[number, number][]> {
  const got: [number, number][] = [];
  for (let item = await queue.get(); item !== null; item = await queue.get()) got.push(read(item));
  return got;
}

if (isMain(import.meta)) {
  for (const [maxsize, form] of [
    [0, "blocking"],
    [0, "async"],
    [1, "blocking"],
    [7, "async"],
    [7, "mixed"],
    [1000, "mixed"],
  ] as const) {
    test(`4 producers, 4 consumers, maxsize ${maxsize}, ${form}: each item once, in order for each producer`, async () => {
      const queue = new Queue<Item | null>(maxsize);
      const blocks = (i: number): boolean => form === "blocking" || (form === "mixed" && i % 2 === 0);
      const consumers = [0, 1, 2, 3].map((i) => spawn(blocks(i) ? consume : consumeAsync, queue));
      const producers = [0, 1, 2, 3].map((i) =>
        spawn((blocks(i) ? produce : produceAsync) as typeof produceAsync, queue as Queue<Item>, i),
      );
      for (const producer of producers) await producer.join();
      for (let i = 0; i < 4; i++) await queue.put(null);
      const counts = new Map<string, number>();
      for (const consumer of consumers) {
        const last = Array.from({ length: PRODUCERS }, () => -1);
        for (const [producer, n] of await consumer.join()) {
          assert.ok(n > last[producer]!, `${producer}: ${n} after ${last[producer]}`);
          last[producer] = n;
          counts.set(`${producer} ${n}`, (counts.get(`${producer} ${n}`) ?? 0) + 1);
        }
      }
      assert.equal(counts.size, PRODUCERS * ITEMS);
      assert.ok([...counts.values()].every((count) => count === 1));
      assert.equal(queue.qsize, 0);
    });
  }

  test("threads killed in the middle of putting and getting lose at most one item each, and wedge nothing", async () => {
    const kit = new Kit(threads);
    for (let round = 0; round < 8; round++) {
      const queue = new Queue<number>(4);
      const [putting, getting] = [new Event(), new Event()];
      const words = new Int32Array(new SharedArrayBuffer(8));
      const producer = spawn(
        (queue: Queue<number>, words: Int32Array, putting: Event) => {
          for (let n = 0; ; n++) {
            queue.putSync(n);
            Atomics.store(words, 0, n + 1);
            if (n === 50) putting.set();
          }
        },
        queue,
        words,
        putting,
      );
      const consumer = spawn(
        (queue: Queue<number>, words: Int32Array, getting: Event) => {
          for (let n = 0; ; n++) {
            queue.getSync();
            Atomics.store(words, 1, n + 1);
            if (n === 50) getting.set();
          }
        },
        queue,
        words,
        getting,
      );
      await Promise.all([putting.wait(), getting.wait()]);
      const victims = round % 2 === 0 ? [consumer, producer] : [producer, consumer];
      for (const victim of victims) {
        await victim.terminate();
        // Killed, or ended by its cancellation just before.
        await assert.rejects(victim.join(), /ThreadDiedError|CancelledError/);
      }
      const left: number[] = [];
      while (!queue.empty) left.push(queue.getNowait());
      const [put, got] = words as unknown as [number, number];
      // The last put and the last get may have happened without being noted.
      const known = got + left.length;
      assert.ok(known >= put - 1 && known <= put + 1, `${put} put, ${got} got, ${left.length} left`);
      assert.deepEqual(
        left,
        left.map((_, i) => left[0]! + i),
        "what is left is in order",
      );
      queue.putSync(1, { timeout: 20_000 });
      assert.equal(await kit.run((queue: Queue<number>) => queue.getSync({ timeout: 20_000 }), queue), 1);
    }
    await kit.close();
  });
}
