/**
 * Seeking: a getter that looks for cells for a while before it sleeps, so that putters need not wake anybody meanwhile.
 *
 * ```
 *   put ─► add a cell ─► nobody seeks? ─► hand what there is to those who sleep
 *   get ─► seek: look, look … ─► seek no more ─► get or sleep ─► got one? hand the rest to those who sleep
 * ```
 * At most one seeks. It stops before it gets: a cell that was added before that is there for it then, and whoever adds
 * one later sees that nobody seeks. A seeker that dies must be told of by {@link endSeek}.
 *
 * Source of the shape: the spinning workers of Go's scheduler.
 *
 * @module
 */

import { compareExchange, load, store } from "#atomics";
import { LIST, QUEUE } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { addCell, settleQueue } from "./queue.ts";

/**
 * Was it empty at some moment during the call? First what was got: the other way round, what is put and got in between
 * would hide a third cell.
 */
export function isEmpty(memory: Memory, queue: number): boolean {
  const gets = load(memory.words, queue + QUEUE.gets);
  return load(memory.words, queue + QUEUE.puts) === gets;
}

/** Puts a cell into a queue without bounds, and wakes somebody who sleeps only if nobody seeks. */
export function offerCell(memory: Memory, queue: number, cell: number): void {
  addCell(memory, queue, cell);
  if (load(memory.words, queue + QUEUE.seeking) === 0) rouse(memory, queue);
}

/** Hands the cells there are to those who sleep. */
export function rouse(memory: Memory, queue: number): void {
  if (!isEmpty(memory, queue) && load(memory.words, queue + QUEUE.getters + LIST.head) !== 0)
    settleQueue(memory, queue);
}

/** False: another seeks already. */
export function beginSeek(memory: Memory, queue: number): boolean {
  return compareExchange(memory.words, queue + QUEUE.seeking, 0, 1) === 0;
}

/** The caller gets what there is next, and then calls {@link rouse}. */
export function endSeek(memory: Memory, queue: number): void {
  store(memory.words, queue + QUEUE.seeking, 0);
}
