/**
 * The queue of items: its cells in some order (raw/ring.ts, raw/priority.ts), and three wait lists. It changes under the
 * guards of the getters' list and the putters' list, both of them; only for what raw/ends.ts does, one is enough.
 *
 * ```
 *   put ─► add a cell, puts + 1 ────┐                      ┌─► first getter ─► granted with its cell
 *                                   ├─► settle while it can ┤
 *   get ◄─ remove the next, gets + 1 ┘                      └─► first putter's cell ─► added, granted
 *
 *   size = puts - gets        unfinished = puts - done        (all three only grow, and wrap)
 * ```
 * Each step is committed by one store of a counter. Moving a cell between the queue and a waiting slot takes two: the
 * counter, and the grant. So the slot is marked `moving` first, with the value the counter will have; whoever takes over
 * the guards from a thread that died in between sees from the counter whether the cell has moved, and completes or
 * forgets the move. Nothing that was put is lost or delivered twice; a getter that dies gives its cell back.
 *
 * A put that finds blocked getters leaves its item in the queue, wakes the first of them, and names it in `woken`: whoever
 * runs already may get the item and put another before that one has come, instead of waiting for a switch of threads each
 * time. No second item stays while somebody waits: it is given to the next in order. A getter that finds the item gone goes
 * back to the head of the list, and is given one next time. Getters on an event loop are always given theirs.
 *
 * A cell is one word: an odd number is a small integer itself, anything else the address of a message, or a constant
 * below {@link FIRST_ADDRESS}.
 *
 * @module
 */

import { load, store } from "#atomics";
import { GRANT, HEED, LIST, QUEUE, SLOT, TAG } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { channel } from "./channel.ts";
import { addLast, got, heedBoth, heedPuts, REMOVED, removeFirst } from "./ends.ts";
import { byPriority } from "./priority.ts";
import { ADDED, type Comparator, type QueueOrder } from "./queue-order.ts";
import { fifo, lifo } from "./ring.ts";
import { spinForSteps, spinWhile } from "./spin.ts";
import { isOrphaned } from "./threads.ts";
import {
  enqueue,
  FAIR,
  first,
  grant,
  grantAllAndUnlock,
  lockList,
  takeOut,
  unlockList,
  wakeAll,
  wantsHandOff,
} from "./wait-list.ts";

export { got } from "./ends.ts";
export { createRing, ringBytes } from "./ring.ts";

/** The last two as in `ADDED`. */
export const PUT = { done: 0, full: 1, shut: 2, queued: 3, refused: 4, asked: 5 } as const;
export const GET = { done: 0, empty: 1, shut: 2, queued: 3 } as const;

/** For so many items a put that spins in front of a full queue waits at most, so that it need not come back for each. */
const ROOM = 32;

/** Cells below this, if even, are constants: no block lies there. */
export const FIRST_ADDRESS = 128;

/** A shared object's type never changes: a plain read will do. */
function orderOf(memory: Memory, queue: number): QueueOrder {
  switch (memory.words[queue]) {
    case TAG.lifoQueue:
      return lifo;
    case TAG.priorityQueue:
    case TAG.priorityRing:
      return byPriority;
    case TAG.channel:
      return channel;
    default:
      return fifo;
  }
}

/** Do puts and gets each have an end of their own? */
function hasEnds(memory: Memory, queue: number): boolean {
  return orderOf(memory, queue) === fifo;
}

function size(memory: Memory, queue: number): number {
  return (load(memory.words, queue + QUEUE.puts) - load(memory.words, queue + QUEUE.gets)) | 0;
}

/** May the slot's thread spin, as it will block otherwise? A worker must not take another task after it was cancelled. */
function maySpin(memory: Memory, queue: number, slot: number): boolean {
  return memory.canBlock && memory.words[queue] !== TAG.ring && load(memory.words, slot + SLOT.async) === 0;
}

export function queueSize(memory: Memory, queue: number): number {
  return Math.max(0, size(memory, queue));
}

export function unfinished(memory: Memory, queue: number): number {
  return (load(memory.words, queue + QUEUE.puts) - load(memory.words, queue + QUEUE.done)) | 0;
}

/**
 * Puts a cell, or says why not. With a slot (not 0), a full queue enters the slot, which then carries the cell; `again`:
 * at the head of those who wait, since it was invited from there.
 */
export function putCell(
  memory: Memory,
  queue: number,
  cell: number,
  slot: number,
  compare?: Comparator,
  again = false,
): number {
  if (hasEnds(memory, queue)) {
    // Who comes with a slot has found the queue full a moment ago.
    if (slot === 0 && addLast(memory, queue, cell)) return PUT.done;
    // The counter of puts comes first: when the other was read there were no fewer items than this makes.
    const puts = load(memory.words, queue + QUEUE.puts);
    const gets = load(memory.words, queue + QUEUE.gets);
    const limit = load(memory.words, queue + QUEUE.maxsize);
    if (limit > 0 && ((puts - gets) | 0) >= limit && load(memory.words, queue + QUEUE.shut) === 0) {
      if (slot === 0) return PUT.full;
      const steps = Math.max(1, Math.min(limit >>> 3, ROOM));
      if (maySpin(memory, queue, slot)) spinForSteps(memory, queue + QUEUE.gets, gets, steps, slot);
    }
    if (slot !== 0 && addLast(memory, queue, cell)) return PUT.done;
  }
  lockQueue(memory, queue);
  if (load(memory.words, queue + QUEUE.shut) !== 0) {
    unlockQueue(memory, queue);
    return PUT.shut;
  }
  const n = size(memory, queue);
  const maxsize = load(memory.words, queue + QUEUE.maxsize);
  if (maxsize > 0 && n >= maxsize) {
    if (slot === 0) {
      unlockQueue(memory, queue);
      return PUT.full;
    }
    store(memory.words, slot + SLOT.payload, cell);
    heedBoth(memory, queue);
    enqueue(memory, queue + QUEUE.putters, slot, queue, again);
    unlockQueue(memory, queue);
    return PUT.queued;
  }
  let added: number;
  try {
    added = orderOf(memory, queue).add(memory, queue, cell, n, compare);
  } catch (error) {
    // No memory for a larger ring: the queue is as it was.
    settleAndUnlock(memory, queue);
    throw error;
  }
  // Who was invited and then refused leaves its place to the next.
  if (added === ADDED.refused) settleAndUnlock(memory, queue);
  else if (load(memory.words, queue + QUEUE.getters + LIST.head) === 0) unlockQueue(memory, queue);
  else settleAndUnlock(memory, queue);
  return added;
}

/**
 * Puts a cell into a queue without limit. Who waits and is given it is told after `before` was called with its identity,
 * which may send it something first.
 */
export function handCell(memory: Memory, queue: number, cell: number, before: (tid: number) => void): void {
  const woken: number[] = [];
  lockQueue(memory, queue);
  orderOf(memory, queue).add(memory, queue, cell, size(memory, queue));
  const given = settle(memory, queue, woken, cell);
  unlockQueue(memory, queue);
  if (given !== 0) before(given);
  wakeAll(memory, woken);
}

/** Gets all cells there are, in order, from a queue that nobody waits to put into. */
export function getCells(memory: Memory, queue: number): number[] {
  lockQueue(memory, queue);
  const order = orderOf(memory, queue);
  const cells = order.cells(memory, queue);
  order.clear(memory, queue);
  unlockQueue(memory, queue);
  return cells;
}

/**
 * Gets a cell into {@link got}, or says why not. With a slot (not 0), an empty queue enters the slot; `front`: before all
 * who wait already, for those to whom it is all the same who gets what.
 */
export function getCell(memory: Memory, queue: number, slot: number, front = false): number {
  const ends = hasEnds(memory, queue);
  if (ends && slot === 0 && getFirst(memory, queue)) return GET.done;
  const hasLost = slot !== 0 && load(memory.words, slot + SLOT.request) === FAIR;
  // The counter of gets comes first: it was then not beyond what is found of the other, so that they met at that moment.
  const gets = load(memory.words, queue + QUEUE.gets);
  if (load(memory.words, queue + QUEUE.puts) === gets && load(memory.words, queue + QUEUE.shut) === 0) {
    if (slot === 0) return GET.empty;
    if (ends && !hasLost && maySpin(memory, queue, slot)) spinWhile(memory, queue + QUEUE.puts, gets, slot);
  }
  // Who comes with a slot has found the queue empty a moment ago, and looks again only now.
  if (ends && slot !== 0 && !hasLost && getFirst(memory, queue)) return GET.done;
  lockQueue(memory, queue);
  if (hasLost && load(memory.words, queue + QUEUE.woken) === memory.self) {
    heedPuts(memory, queue);
    store(memory.words, queue + QUEUE.woken, 0);
  }
  if (size(memory, queue) > 0) {
    const order = orderOf(memory, queue);
    got.cell = order.next(memory, queue);
    order.remove(memory, queue);
    settleOthersAndUnlock(memory, queue);
    return GET.done;
  }
  if (load(memory.words, queue + QUEUE.shut) !== 0) {
    unlockQueue(memory, queue);
    return GET.shut;
  }
  if (slot !== 0) {
    store(memory.words, slot + SLOT.payload, 0);
    heedPuts(memory, queue);
    enqueue(memory, queue + QUEUE.getters, slot, queue, front || hasLost);
  }
  unlockQueue(memory, queue);
  return slot === 0 ? GET.empty : GET.queued;
}

function settleOthersAndUnlock(memory: Memory, queue: number): void {
  const { words } = memory;
  const waiting = words[queue + QUEUE.getters + LIST.head]! | words[queue + QUEUE.putters + LIST.head]!;
  if (waiting === 0) unlockQueue(memory, queue);
  else settleAndUnlock(memory, queue);
}

function getFirst(memory: Memory, queue: number): boolean {
  const removed = removeFirst(memory, queue);
  if (removed === REMOVED.takenOver) {
    lockList(memory, queue + QUEUE.putters);
    settleAndUnlock(memory, queue);
  }
  return removed === REMOVED.done;
}

/** Takes the getters' guard alone: enough for what is done with items that were got. */
function lockGets(memory: Memory, queue: number): void {
  while (lockList(memory, queue + QUEUE.getters)) {
    lockList(memory, queue + QUEUE.putters);
    settleAndUnlock(memory, queue);
  }
}

/** Takes both guards; if the holder of the getters' died, first completes what that had begun. */
function lockQueue(memory: Memory, queue: number): void {
  for (;;) {
    const tookOver = lockList(memory, queue + QUEUE.getters);
    lockList(memory, queue + QUEUE.putters);
    if (!tookOver) break;
    settleAndUnlock(memory, queue);
  }
  orderOf(memory, queue).repair?.(memory, queue);
}

/** The getters' guard last: who dies here leaves what it began to whoever takes over that one. */
function unlockQueue(memory: Memory, queue: number): void {
  const { words } = memory;
  const putters = words[queue + QUEUE.putters + LIST.head] !== 0;
  if (!putters && words[queue + QUEUE.heedGets] !== 0) store(words, queue + QUEUE.heedGets, 0);
  if (!putters && words[queue + QUEUE.shut] === 0 && words[queue + QUEUE.heedPuts] !== HEED.nobody) {
    const getters = words[queue + QUEUE.getters + LIST.head] !== 0;
    const heed = !getters ? HEED.nobody : onItsWay(memory, queue) !== 0 ? HEED.ifFilled : HEED.everybody;
    store(memory.words, queue + QUEUE.heedPuts, heed);
  }
  unlockList(memory, queue + QUEUE.putters);
  unlockList(memory, queue + QUEUE.getters);
}

/** The getter that was woken and has not looked yet, or 0. Under both guards. */
function onItsWay(memory: Memory, queue: number): number {
  const woken = memory.words[queue + QUEUE.woken]!;
  // Should it be dead, its reaper may have looked for getters before the last of them stood in the list.
  if (woken === 0 || !isOrphaned(memory, woken)) return woken;
  store(memory.words, queue + QUEUE.woken, 0);
  return 0;
}

/** May a getter be passed over by those who run already? */
function passesOver(memory: Memory, queue: number): boolean {
  return memory.words[queue] === TAG.queue || memory.words[queue] === TAG.simpleQueue;
}

function settleAndUnlock(memory: Memory, queue: number): void {
  const woken: number[] = [];
  settle(memory, queue, woken);
  unlockQueue(memory, queue);
  wakeAll(memory, woken);
}

/**
 * Serves waiting getters and putters as far as possible, first completing what a dead thread began. Under both guards.
 * Returns the thread that was given `cell`; 0: none.
 */
function settle(memory: Memory, queue: number, woken: number[], cell = 0): number {
  let given = 0;
  const getters = queue + QUEUE.getters;
  const putters = queue + QUEUE.putters;
  const order = orderOf(memory, queue);
  order.repair?.(memory, queue);
  for (let invited = 0; ;) {
    const getter = first(memory, getters);
    if (getter !== 0) {
      if (hasMoved(memory, getter, load(memory.words, queue + QUEUE.gets))) {
        serve(memory, getters, getter, woken);
        continue;
      }
      const awaited = onItsWay(memory, queue);
      const items = size(memory, queue);
      if (items > 0 && awaited === 0 && passesOver(memory, queue) && !wantsHandOff(memory, getter)) {
        const tid = load(memory.words, getter + SLOT.tid);
        serve(memory, getters, getter, woken, GRANT.retry);
        // Only now: had this thread died before, nobody would be on its way.
        store(memory.words, queue + QUEUE.woken, tid);
        continue;
      }
      if (items > (awaited === 0 ? 0 : 1)) {
        const gets = load(memory.words, queue + QUEUE.gets);
        const next = order.next(memory, queue);
        if (next === cell) given = load(memory.words, getter + SLOT.tid);
        store(memory.words, getter + SLOT.payload, next);
        store(memory.words, getter + SLOT.request, (gets + 1) | 0);
        store(memory.words, getter + SLOT.value, GRANT.moving);
        order.remove(memory, queue);
        serve(memory, getters, getter, woken);
        continue;
      }
    }
    if (load(memory.words, putters + LIST.head) === 0) return given;
    if (order.asks?.(memory, queue) === true) {
      if (!invite(memory, queue, putters, woken, invited)) return given;
      invited++;
    } else if (!admit(memory, queue, putters, woken)) {
      return given;
    }
  }
}

function admit(memory: Memory, queue: number, putters: number, woken: number[]): boolean {
  const putter = first(memory, putters);
  const maxsize = load(memory.words, queue + QUEUE.maxsize);
  const n = size(memory, queue);
  const moved = putter !== 0 && hasMoved(memory, putter, load(memory.words, queue + QUEUE.puts));
  const admitted = putter !== 0 && (moved || maxsize <= 0 || n < maxsize);
  if (admitted) {
    let added: number = ADDED.done;
    if (!moved) {
      store(memory.words, putter + SLOT.request, (load(memory.words, queue + QUEUE.puts) + 1) | 0);
      store(memory.words, putter + SLOT.value, GRANT.moving);
      try {
        added = orderOf(memory, queue).add(memory, queue, load(memory.words, putter + SLOT.payload), n);
      } catch {
        // No memory for a larger ring: there are items in this one, and whoever gets one comes here again.
        store(memory.words, putter + SLOT.value, GRANT.none);
        return false;
      }
      // A grant that stops half-way must not be taken for a move that was made.
      if (added !== ADDED.done) store(memory.words, putter + SLOT.value, GRANT.none);
    }
    // It is in the queue: a reaper that finds it granted must not put it back once more.
    if (added === ADDED.done) store(memory.words, putter + SLOT.payload, 0);
    serve(memory, putters, putter, woken, added === ADDED.done ? GRANT.done : GRANT.refused);
  }
  return admitted;
}

/** Tells the first putter to try again, if there is room besides what the `invited` will take. */
function invite(memory: Memory, queue: number, putters: number, woken: number[], invited: number): boolean {
  const putter = first(memory, putters);
  const maxsize = load(memory.words, queue + QUEUE.maxsize);
  const room = putter !== 0 && (maxsize <= 0 || size(memory, queue) + invited < maxsize);
  if (room) {
    // Its cell is its own again.
    store(memory.words, putter + SLOT.payload, 0);
    serve(memory, putters, putter, woken, GRANT.retry);
  }
  return room;
}

function hasMoved(memory: Memory, slot: number, counter: number): boolean {
  return load(memory.words, slot + SLOT.value) === GRANT.moving && load(memory.words, slot + SLOT.request) === counter;
}

function serve(memory: Memory, list: number, slot: number, woken: number[], value: number = GRANT.done): void {
  woken.push(slot, load(memory.words, slot + SLOT.async), load(memory.words, slot + SLOT.tid));
  grant(memory, list, slot, value);
}

/** A getter died with a cell it had been given: the cell goes back to where it was. */
export function giveBack(memory: Memory, queue: number, cell: number): void {
  lockQueue(memory, memory.reach(queue));
  try {
    orderOf(memory, queue).putBack(memory, queue, cell, size(memory, queue));
  } catch {
    // No memory for a larger ring: the item goes with the thread that it was given to.
  }
  settleAndUnlock(memory, queue);
}

/** For the reaper: a thread died, perhaps in the middle of serving this queue's waiters. */
export function settleQueue(memory: Memory, queue: number): void {
  lockQueue(memory, memory.reach(queue));
  settleAndUnlock(memory, queue);
}

/** A new limit; a higher one lets waiting putters in. */
export function setMaxsize(memory: Memory, queue: number, maxsize: number): void {
  lockQueue(memory, queue);
  store(memory.words, queue + QUEUE.maxsize, maxsize);
  settleAndUnlock(memory, queue);
}

/** Gives up a put. False: the item is in the queue already. */
export function cancelPut(memory: Memory, queue: number, slot: number): boolean {
  return cancelIn(memory, queue, queue + QUEUE.putters, slot);
}

/** Gives up a get. False: the slot was given an item already. */
export function cancelGet(memory: Memory, queue: number, slot: number): boolean {
  return cancelIn(memory, queue, queue + QUEUE.getters, slot);
}

/** Settles first: whoever died here may have given the slot its item, or put it into the queue, without saying so. */
function cancelIn(memory: Memory, queue: number, list: number, slot: number): boolean {
  const woken: number[] = [];
  lockQueue(memory, queue);
  settle(memory, queue, woken);
  const waiting = takeOut(memory, list, slot);
  unlockQueue(memory, queue);
  wakeAll(memory, woken);
  return waiting;
}

/** False: more items were reported done than put. */
export function markDone(memory: Memory, queue: number): boolean {
  lockGets(memory, queue);
  const left = unfinished(memory, queue);
  if (left > 0) store(memory.words, queue + QUEUE.done, (load(memory.words, queue + QUEUE.done) + 1) | 0);
  if (left === 1) releaseJoiners(memory, queue);
  unlockList(memory, queue + QUEUE.getters);
  return left > 0;
}

/** Lets those go who wait for all items to be done. */
function releaseJoiners(memory: Memory, queue: number): void {
  const list = queue + QUEUE.joiners;
  if (load(memory.words, list + LIST.head) === 0) return;
  lockList(memory, list);
  grantAllAndUnlock(memory, list, () => GRANT.done);
}

/** True: nothing is unfinished. False: the slot waits for that. */
export function joinOrEnqueue(memory: Memory, queue: number, slot: number): boolean {
  lockGets(memory, queue);
  const finished = unfinished(memory, queue) <= 0;
  if (!finished) {
    lockList(memory, queue + QUEUE.joiners);
    enqueue(memory, queue + QUEUE.joiners, slot, queue);
    unlockList(memory, queue + QUEUE.joiners);
  }
  unlockList(memory, queue + QUEUE.getters);
  return finished;
}

/** True: there is something to get, or never will be again. False: the slot waits for that. For a channel. */
export function readyOrEnqueue(memory: Memory, queue: number, slot: number): boolean {
  lockQueue(memory, queue);
  const ready = size(memory, queue) > 0 || load(memory.words, queue + QUEUE.shut) !== 0;
  if (!ready) {
    store(memory.words, slot + SLOT.payload, 0);
    heedPuts(memory, queue);
    lockList(memory, queue + QUEUE.joiners);
    enqueue(memory, queue + QUEUE.joiners, slot, queue);
    unlockList(memory, queue + QUEUE.joiners);
  }
  unlockQueue(memory, queue);
  return ready;
}

/** No more puts; gets drain what is left. `immediate` drops that too, handing each message to `discard`. */
export function shutDown(memory: Memory, queue: number, immediate: boolean, discard: (message: number) => void): void {
  lockQueue(memory, queue);
  heedPuts(memory, queue);
  store(memory.words, queue + QUEUE.shut, 1);
  const order = orderOf(memory, queue);
  const dropped = immediate ? order.cells(memory, queue) : [];
  if (immediate) {
    order.clear(memory, queue);
    store(memory.words, queue + QUEUE.done, (load(memory.words, queue + QUEUE.done) + dropped.length) | 0);
  }
  const finished = dropped.length > 0 && unfinished(memory, queue) <= 0;
  const woken: number[] = [];
  const getters = queue + QUEUE.getters;
  const putters = queue + QUEUE.putters;
  for (let slot = first(memory, putters); slot !== 0; slot = first(memory, putters)) {
    serve(memory, putters, slot, woken, GRANT.broken);
  }
  for (let slot = first(memory, getters); slot !== 0; slot = first(memory, getters)) {
    serve(memory, getters, slot, woken, GRANT.broken);
  }
  if (finished) releaseJoiners(memory, queue);
  unlockQueue(memory, queue);
  wakeAll(memory, woken);
  for (const cell of dropped) dropCell(memory, queue, cell, discard);
}

export function isShutDown(memory: Memory, queue: number): boolean {
  return load(memory.words, queue + QUEUE.shut) !== 0;
}

/** Is the cell the address of a message? */
export function isMessage(cell: number): boolean {
  return (cell & 1) === 0 && (cell < 0 || cell >= FIRST_ADDRESS);
}

/** Frees a cell that is in the queue no more, or never was, handing its message to `discard`. */
export function dropCell(memory: Memory, queue: number, cell: number, discard: (message: number) => void): void {
  const { unwrap } = orderOf(memory, queue);
  const item = unwrap === undefined ? cell : unwrap(memory, cell);
  if (isMessage(item)) discard(item);
}

/** Hands the messages still in the queue to `discard`: nobody refers to the queue any more. */
export function discardItems(memory: Memory, queue: number, discard: (message: number) => void): void {
  for (const cell of orderOf(memory, queue).cells(memory, queue)) dropCell(memory, queue, cell, discard);
}

/** The cells in the queue now, in the order in which they would be got. */
export function cellsIn(memory: Memory, queue: number): number[] {
  lockQueue(memory, queue);
  const cells = orderOf(memory, queue).cells(memory, queue);
  unlockQueue(memory, queue);
  return cells;
}

/** Is that the type of a queue of items? */
export function isQueue(tag: number): boolean {
  return (
    tag === TAG.queue ||
    tag === TAG.lifoQueue ||
    tag === TAG.priorityQueue ||
    tag === TAG.simpleQueue ||
    tag === TAG.channel
  );
}
