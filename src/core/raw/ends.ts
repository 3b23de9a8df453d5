/**
 * The two ends of a queue in the order of puts, each under a guard of its own: while nobody waits, a put and a get do
 * not get into each other's way.
 *
 * ```
 *   the getters' guard                                        the putters' guard
 *   gets, seenPuts, heedGets ── ring[gets & mask] … ring[puts & mask] ── puts, seenGets, heedPuts
 * ```
 * All else that happens to the queue holds both guards, the getters' first, so that each end only has to find that it
 * concerns nobody else: no waiter that it would have to serve, room in the ring, not shut down. What an end does is
 * committed by its counter, so a guard taken over from a thread that died here protects nothing half done; one that died
 * with both guards left it to who takes over the getters'.
 *
 * An end reads nothing that the other writes, for that would fetch the other thread's cache line each time. It remembers
 * what it last saw of the other's counter, which only moves away from it (`putBack` excepted, which holds both guards and
 * sets it right). And who enters a list of waiters, or shuts the queue down, first says in `heedPuts` and `heedGets`,
 * under both guards, that puts or gets must look at all of the queue from now on; who finds all lists empty takes that
 * back. While a woken getter is on its way, a put need not look as long as the queue is empty.
 *
 * Source of the shape: Michael and Scott's two-lock queue; the remembered counters as in B-Queue and folly's SPSC ring.
 *
 * @module
 */

import { load, store } from "#atomics";
import { HEED, QUEUE } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { lockList, unlockList } from "./wait-list.ts";

/** Where a get leaves the cell. One thread, one call at a time: nothing can come in between. */
export const got: { cell: number } = { cell: 0 };

/** Adds a cell at the end. False, and nothing is changed: that takes both guards. */
export function addLast(memory: Memory, queue: number, cell: number): boolean {
  const list = queue + QUEUE.putters;
  const added = !lockList(memory, list) && !mustHeed(memory, queue) && tryAdd(memory, queue, cell);
  unlockList(memory, list);
  return added;
}

/** Must a put look at all of the queue? Under the guard of the putters' end. */
function mustHeed(memory: Memory, queue: number): boolean {
  const { words } = memory;
  const heed = words[queue + QUEUE.heedPuts]!;
  if (heed === HEED.nobody) return false;
  // Still so when the item is in: only a put could change that.
  return heed === HEED.everybody || load(words, queue + QUEUE.gets) !== words[queue + QUEUE.puts];
}

/** As {@link addLast}, though a getter may wait: whoever calls this sees to it that it is served. */
export function addUnheeded(memory: Memory, queue: number, cell: number): boolean {
  const list = queue + QUEUE.putters;
  const added = !lockList(memory, list) && tryAdd(memory, queue, cell);
  unlockList(memory, list);
  return added;
}

/** What changes under this guard only is read without Atomics, which cost a call each. */
function tryAdd(memory: Memory, queue: number, cell: number): boolean {
  let { words } = memory;
  const ring = memory.reach(words[queue + QUEUE.ring]!);
  words = memory.words;
  const mask = words[ring]!;
  const puts = words[queue + QUEUE.puts]!;
  const maxsize = words[queue + QUEUE.maxsize]!;
  const most = maxsize > 0 && maxsize <= mask ? maxsize - 1 : mask;
  if (((puts - words[queue + QUEUE.seenGets]!) | 0) > most) {
    const gets = load(words, queue + QUEUE.gets);
    if (((puts - gets) | 0) > most) return false;
    words[queue + QUEUE.seenGets] = gets;
  }
  const at = memory.reach(ring + 1 + (puts & mask));
  memory.words[at] = cell;
  store(memory.words, queue + QUEUE.puts, (puts + 1) | 0);
  return true;
}

export const REMOVED = {
  done: 0,
  /** Nothing is changed: that takes both guards, or there is nothing to get. */
  no: 1,
  /** The guard was taken over from a dead thread, and is still held: what that had begun must be settled. */
  takenOver: 2,
} as const;

/** Removes the first cell into {@link got}. Gives {@link REMOVED}. */
export function removeFirst(memory: Memory, queue: number): number {
  const list = queue + QUEUE.getters;
  if (lockList(memory, list)) return REMOVED.takenOver;
  const removed = tryRemove(memory, queue) ? REMOVED.done : REMOVED.no;
  unlockList(memory, list);
  return removed;
}

function tryRemove(memory: Memory, queue: number): boolean {
  let { words } = memory;
  if (words[queue + QUEUE.heedGets] !== 0) return false;
  const gets = words[queue + QUEUE.gets]!;
  if (((words[queue + QUEUE.seenPuts]! - gets) | 0) <= 0) {
    const puts = load(words, queue + QUEUE.puts);
    if (puts === gets) return false;
    words[queue + QUEUE.seenPuts] = puts;
  }
  const ring = memory.reach(words[queue + QUEUE.ring]!);
  words = memory.words;
  const at = memory.reach(ring + 1 + (gets & words[ring]!));
  words = memory.words;
  got.cell = words[at]!;
  store(words, queue + QUEUE.gets, (gets + 1) | 0);
  return true;
}

/** Both ends must look at all of the queue, for a putter will wait. Under both guards. */
export function heedBoth(memory: Memory, queue: number): void {
  store(memory.words, queue + QUEUE.heedGets, 1);
  heedPuts(memory, queue);
}

/** Puts must look at all of the queue, for a getter will wait, or the queue is being shut down. Under both guards. */
export function heedPuts(memory: Memory, queue: number): void {
  store(memory.words, queue + QUEUE.heedPuts, HEED.everybody);
}
