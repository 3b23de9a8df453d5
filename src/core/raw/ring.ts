/**
 * The ring of cells behind the queues that need no comparisons. It doubles when it is full.
 *
 * ```
 *   fifo   ring[puts & mask] ◄─ put        get ◄─ ring[gets & mask]
 *   lifo   ring[size] ◄─ put               get ◄─ ring[size - 1]            size = puts - gets
 * ```
 * Either is committed by its counter alone: the cell written before it is nobody's until then, the cell read before it
 * is still there until then.
 *
 * @module
 */

import { load, store } from "#atomics";
import { allocZeroed, free, sizeOf } from "../heap.ts";
import { QUEUE } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { ADDED, type QueueOrder } from "./queue-order.ts";

const FIRST_CAPACITY = 14;

export function createRing(memory: Memory): number {
  const ring = allocZeroed(memory, FIRST_CAPACITY + 1);
  store(memory.words, ring, 7);
  return ring;
}

/** Address of the ring. All of it is made reachable: it can span pages that were added after this thread last looked. */
function ringOf(memory: Memory, queue: number): number {
  const ring = memory.reach(load(memory.words, queue + QUEUE.ring));
  memory.reach(ring + memory.words[ring]! + 1);
  return ring;
}

/** Where in the ring the cells begin: a queue's first cell moves on, a stack's does not. */
type Start = (memory: Memory, queue: number) => number;

const firstOfQueue: Start = (memory, queue) => load(memory.words, queue + QUEUE.gets);
const firstOfStack: Start = () => 0;

/** The ring, with room for one more than `n` cells. */
function roomFor(memory: Memory, queue: number, n: number, first: Start): number {
  const ring = ringOf(memory, queue);
  const mask = memory.words[ring]!;
  if (n <= mask) return ring;
  const larger = allocZeroed(memory, 2 * mask + 3);
  const words = memory.words;
  const largerMask = 2 * mask + 1;
  words[larger] = largerMask;
  const start = first(memory, queue);
  for (let i = start; i !== ((start + n) | 0); i = (i + 1) | 0) {
    words[larger + 1 + (i & largerMask)] = words[ring + 1 + (i & mask)]!;
  }
  store(words, queue + QUEUE.ring, larger);
  free(memory, ring);
  return larger;
}

function cellAt(memory: Memory, queue: number, index: number): number {
  const ring = ringOf(memory, queue);
  return memory.words[ring + 1 + (index & memory.words[ring]!)]!;
}

function setCell(memory: Memory, ring: number, index: number, cell: number): void {
  memory.words[ring + 1 + (index & memory.words[ring]!)] = cell;
}

function sizeOfQueue(memory: Memory, queue: number): number {
  return (load(memory.words, queue + QUEUE.puts) - load(memory.words, queue + QUEUE.gets)) | 0;
}

function moveOn(memory: Memory, counter: number, by: number): void {
  store(memory.words, counter, (load(memory.words, counter) + by) | 0);
}

function removeOne(memory: Memory, queue: number): void {
  moveOn(memory, queue + QUEUE.gets, 1);
}

function removeAll(memory: Memory, queue: number): void {
  store(memory.words, queue + QUEUE.gets, load(memory.words, queue + QUEUE.puts));
}

/** What the ends remember of each other's counters must not stay behind until these have wrapped; see raw/ends.ts. */
function remember(memory: Memory, queue: number): void {
  memory.words[queue + QUEUE.seenGets] = load(memory.words, queue + QUEUE.gets);
  memory.words[queue + QUEUE.seenPuts] = load(memory.words, queue + QUEUE.puts);
}

export const fifo: QueueOrder = {
  add(memory, queue, cell, n) {
    const ring = roomFor(memory, queue, n, firstOfQueue);
    setCell(memory, ring, load(memory.words, queue + QUEUE.puts), cell);
    moveOn(memory, queue + QUEUE.puts, 1);
    remember(memory, queue);
    return ADDED.done;
  },
  next: (memory, queue) => cellAt(memory, queue, load(memory.words, queue + QUEUE.gets)),
  remove(memory, queue) {
    removeOne(memory, queue);
    remember(memory, queue);
  },
  putBack(memory, queue, cell, n) {
    const ring = roomFor(memory, queue, n, firstOfQueue);
    const before = (load(memory.words, queue + QUEUE.gets) - 1) | 0;
    setCell(memory, ring, before, cell);
    // Before the counter: a put must not take the cell for free should this thread die in between.
    memory.words[queue + QUEUE.seenGets] = before;
    moveOn(memory, queue + QUEUE.gets, -1);
  },
  cells(memory, queue) {
    const start = load(memory.words, queue + QUEUE.gets);
    return Array.from({ length: Math.max(0, sizeOfQueue(memory, queue)) }, (_, i) =>
      cellAt(memory, queue, (start + i) | 0),
    );
  },
  clear(memory, queue) {
    removeAll(memory, queue);
    remember(memory, queue);
  },
};

export const lifo: QueueOrder = {
  add(memory, queue, cell, n) {
    setCell(memory, roomFor(memory, queue, n, firstOfStack), n, cell);
    moveOn(memory, queue + QUEUE.puts, 1);
    return ADDED.done;
  },
  next: (memory, queue) => cellAt(memory, queue, sizeOfQueue(memory, queue) - 1),
  remove: removeOne,
  putBack(memory, queue, cell, n) {
    setCell(memory, roomFor(memory, queue, n, firstOfStack), n, cell);
    moveOn(memory, queue + QUEUE.gets, -1);
  },
  cells(memory, queue) {
    const n = Math.max(0, sizeOfQueue(memory, queue));
    return Array.from({ length: n }, (_, i) => cellAt(memory, queue, n - 1 - i));
  },
  clear: removeAll,
};

/** Bytes the ring takes: for tests of its growth. */
export function ringBytes(memory: Memory, queue: number): number {
  return 4 * sizeOf(memory, load(memory.words, queue + QUEUE.ring));
}
