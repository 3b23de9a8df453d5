// A producer and a consumer share a shelf with three places. A Condition lets each wait for the other without polling.
// Python: with condition: condition.wait_for(lambda: ...); ...; condition.notify()
import { isMain } from "heddle";
import { Condition, spawn } from "heddle/threading";

const places = 3;

export class Shelf {
  readonly changed: Condition = new Condition();
  /** How many numbers were put and taken so far. */
  readonly counts: Int32Array = new Int32Array(new SharedArrayBuffer(2 * 4));
  readonly numbers: Int32Array = new Int32Array(new SharedArrayBuffer(places * 4));

  get used(): number {
    return this.counts[0]! - this.counts[1]!;
  }

  put(n: number): void {
    using _ = this.changed.acquireSync();
    this.changed.waitForSync(() => this.used < places);
    this.numbers[this.counts[0]! % places] = n;
    this.counts[0]! += 1;
    console.log(`put ${n}, ${this.used} on the shelf`);
    this.changed.notify();
  }

  take(): number {
    using _ = this.changed.acquireSync();
    this.changed.waitForSync(() => this.used > 0);
    const n = this.numbers[this.counts[1]! % places]!;
    this.counts[1]! += 1;
    console.log(`took ${n}, ${this.used} on the shelf`);
    this.changed.notify();
    return n;
  }
}

export function produce(shelf: Shelf, count: number): void {
  for (let n = 1; n <= count; n++) shelf.put(n);
}

export function consume(shelf: Shelf, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += shelf.take();
  return sum;
}

export async function main(count = 10): Promise<void> {
  const shelf = new Shelf();
  const consumer = spawn(consume, shelf, count);
  const producer = spawn(produce, shelf, count);
  await producer.join();
  console.log(`the consumer's sum: ${await consumer.join()}`);
}

if (isMain(import.meta)) await main(Number(process.argv[2] ?? 10));
