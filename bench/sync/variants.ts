/**
 * Every way of doing what the benchmarks measure, by name. Both threads load this module and run their side.
 */

import { MessageChannel, type MessagePort } from "node:worker_threads";
import { transfer } from "heddle";
import { Queue, SimpleQueue } from "heddle/queue";
import { Condition, Event, Lock, RLock, Semaphore } from "heddle/threading";
import type { Variant } from "./pair.ts";
import { awaitTurn, BlockRing, giveTurn, lockMutex, unlockMutex } from "./raw.ts";

const same = <T>(shared: T): { mine: T; sent: T } => ({ mine: shared, sent: shared });

/** The package asks for `navigator` as it loads, which Node 20 does not have. */
const rival = "navigator" in globalThis ? await import("multithreading") : undefined;

const words = (): Int32Array => new Int32Array(new SharedArrayBuffer(256));

// One thread.

const alone: Readonly<Record<string, Variant>> = {
  "cas pair": {
    share: () => same(words()),
    main(n, words: Int32Array) {
      for (let i = 0; i < n; i++) {
        if (Atomics.compareExchange(words, 0, 0, 1) !== 0) throw new Error("taken");
        if (Atomics.compareExchange(words, 0, 1, 0) !== 1) throw new Error("free");
      }
    },
  },
  Lock: {
    share: () => same(new Lock()),
    main(n, lock: Lock) {
      for (let i = 0; i < n; i++) {
        lock.acquireSync();
        lock.release();
      }
    },
  },
  RLock: {
    share: () => same(new RLock()),
    main(n, lock: RLock) {
      for (let i = 0; i < n; i++) {
        lock.acquireSync();
        lock.release();
      }
    },
  },
  Semaphore: {
    share: () => same(new Semaphore()),
    main(n, semaphore: Semaphore) {
      for (let i = 0; i < n; i++) {
        semaphore.acquireSync();
        semaphore.release();
      }
    },
  },
};

function filled(items: number): Variant {
  return {
    share() {
      const queue = new Queue<number>();
      for (let i = 0; i < items; i++) queue.putSync(i);
      return same(queue);
    },
    main(n, queue: Queue<number>) {
      for (let i = 0; i < n; i++) {
        queue.putSync(i);
        queue.getSync();
      }
    },
    check(_n, queue: Queue<number>) {
      if (queue.qsize !== items) throw new Error(`${queue.qsize} items instead of ${items}`);
    },
  };
}

// Two threads that want the same lock.

interface Counted<L> {
  readonly lock: L;
  readonly counter: Int32Array;
}

/** The lock protects a counter that is not atomic: a wrong count is a broken lock. */
function contended<L>(make: () => L, rounds: (n: number, shared: Counted<L>) => void): Variant {
  return {
    share: () => same({ lock: make(), counter: words() }),
    main: rounds,
    peer: rounds,
    check(n, { counter }: Counted<L>) {
      if (counter[0] !== 2 * n) throw new Error(`the lock let ${2 * n - counter[0]!} of ${2 * n} increments be lost`);
    },
  };
}

const contention: Readonly<Record<string, Variant>> = {
  "raw mutex": contended(words, (n, { lock, counter }) => {
    for (let i = 0; i < n; i++) {
      lockMutex(lock, 0);
      counter[0]!++;
      unlockMutex(lock, 0);
    }
  }),
  "Lock, contended": contended(
    () => new Lock(),
    (n, { lock, counter }) => {
      for (let i = 0; i < n; i++) {
        lock.acquireSync();
        counter[0]!++;
        lock.release();
      }
    },
  ),
  ...(rival && {
    "multithreading Mutex": contended(
      () => new SharedArrayBuffer(4),
      (n, { lock, counter }) => {
        const mutex = new rival.Mutex(undefined, lock);
        for (let i = 0; i < n; i++) {
          const guard = mutex.blockingLock();
          counter[0]!++;
          guard.dispose();
        }
      },
    ),
  }),
};

// Two threads that wake each other in turn: one operation is there and back.

function turns<S>(make: () => S, there: (shared: S, i: number) => void, back: (shared: S, i: number) => void): Variant {
  return {
    share: () => same(make()),
    main(n, shared: S) {
      for (let i = 0; i < n; i++) there(shared, i);
    },
    peer(n, shared: S) {
      for (let i = 0; i < n; i++) back(shared, i);
    },
  };
}

const two = <T>(make: () => T): readonly [T, T] => [make(), make()];

const handOffs: Readonly<Record<string, Variant>> = {
  "wait/notify": turns(
    words,
    (words, i) => {
      giveTurn(words, 0, i + 1);
      awaitTurn(words, 32, i + 1);
    },
    (words, i) => {
      awaitTurn(words, 0, i + 1);
      giveTurn(words, 32, i + 1);
    },
  ),
  "Lock hand-off": turns(
    () => two(() => new Lock().acquireSync()),
    ([there, back]) => {
      there.release();
      back.acquireSync();
    },
    ([there, back]) => {
      there.acquireSync();
      back.release();
    },
  ),
  "Semaphore hand-off": turns(
    () => two(() => new Semaphore(0)),
    ([there, back]) => {
      there.release();
      back.acquireSync();
    },
    ([there, back]) => {
      there.acquireSync();
      back.release();
    },
  ),
  "Event hand-off": turns(
    () => two(() => new Event()),
    ([there, back]) => {
      there.set();
      back.waitSync();
      back.clear();
    },
    ([there, back]) => {
      there.waitSync();
      there.clear();
      back.set();
    },
  ),
  "Condition hand-off": turns(
    () => ({ condition: new Condition(), turn: words() }),
    ({ condition, turn }, i) => passTurn(condition, turn, 2 * i),
    ({ condition, turn }, i) => passTurn(condition, turn, 2 * i + 1),
  ),
  "Queue hand-off": turns(
    () => two(() => new Queue<number>()),
    ([there, back], i) => {
      there.putSync(i);
      if (back.getSync() !== i) throw new Error("another item came back");
    },
    ([there, back]) => back.putSync(there.getSync()),
  ),
};

/** Waits until it is `mine`, then makes it the other's turn. */
function passTurn(condition: Condition, turn: Int32Array, mine: number): void {
  condition.acquireSync();
  while (turn[0] !== mine) condition.waitSync();
  turn[0] = mine + 1;
  condition.notify();
  condition.release();
}

// One thread sends, the other receives.

function throughQueue<T>(
  make: () => Queue<T> | SimpleQueue<T>,
  item: (i: number) => T,
  check: (item: T, i: number) => boolean,
): Variant {
  return {
    share: () => same(make()),
    main(n, queue: Queue<T>) {
      for (let i = 0; i < n; i++) queue.putSync(item(i));
    },
    peer(n, queue: Queue<T>) {
      for (let i = 0; i < n; i++) {
        if (!check(queue.getSync(), i)) throw new Error(`item ${i} is wrong`);
      }
    },
  };
}

function throughPort<T>(item: (i: number) => T, check: (item: T, i: number) => boolean): Variant {
  return {
    share() {
      const { port1, port2 } = new MessageChannel();
      return { mine: port1, sent: transfer(port2, [port2]) };
    },
    main(n, port: MessagePort) {
      for (let i = 0; i < n; i++) port.postMessage(item(i));
    },
    peer(n, port: MessagePort) {
      return new Promise((resolve, reject) => {
        let i = 0;
        port.on("message", (message: T) => {
          if (!check(message, i)) reject(new Error(`message ${i} is wrong`));
          if (++i < n) return;
          port.close();
          resolve();
        });
      });
    },
  };
}

const integer = (i: number): number => i;
const isInteger = (item: number, i: number): boolean => item === i;

interface Small {
  readonly id: number;
  readonly name: string;
}
const small = (i: number): Small => ({ id: i, name: "an item" });
const isSmall = (item: Small, i: number): boolean => item.id === i && item.name === "an item";

export const BLOCK: number = 1 << 20;
const SLOTS = 8;
const block = new Uint8Array(BLOCK).fill(7);
const isBlock = (item: Uint8Array): boolean => item.length === BLOCK && item[BLOCK - 1] === 7;

const throughput: Readonly<Record<string, Variant>> = {
  "Queue, integers": throughQueue(() => new Queue<number>(), integer, isInteger),
  "Queue(1000), integers": throughQueue(() => new Queue<number>(1000), integer, isInteger),
  "SimpleQueue, integers": throughQueue(() => new SimpleQueue<number>(), integer, isInteger),
  "postMessage, integers": throughPort(integer, isInteger),
  "Queue, objects": throughQueue(() => new Queue<Small>(), small, isSmall),
  "Queue(1000), objects": throughQueue(() => new Queue<Small>(1000), small, isSmall),
  "postMessage, objects": throughPort(small, isSmall),
  "block ring": {
    share: () => same(new SharedArrayBuffer(BlockRing.bytes(BLOCK, SLOTS))),
    main(n, buffer: SharedArrayBuffer) {
      const ring = new BlockRing(buffer, BLOCK, SLOTS);
      for (let i = 0; i < n; i++) ring.write(block);
    },
    peer(n, buffer: SharedArrayBuffer) {
      const ring = new BlockRing(buffer, BLOCK, SLOTS);
      for (let i = 0; i < n; i++) if (!isBlock(ring.read())) throw new Error("the block is wrong");
    },
  },
  "Queue(8), 1 MiB": throughQueue(
    () => new Queue<Uint8Array>(SLOTS),
    () => block,
    isBlock,
  ),
  "postMessage, 1 MiB": throughPort(() => block, isBlock),
};

export const variants: Readonly<Record<string, Variant>> = {
  ...alone,
  "10 items": filled(10),
  "1000 items": filled(1000),
  "100000 items": filled(100_000),
  ...contention,
  ...handOffs,
  ...throughput,
};
