/**
 * The lookout of a ring: the one of its getters that looks for the next cell without going to sleep, for as long as a
 * sleep and a wake-up would take. While there is one, a put wakes nobody.
 *
 * ```
 *   put       add the cell ──► is there a lookout?  yes: nothing more to do    no: serve the getters that wait
 *   look out  be the lookout ──► a cell, or enough ──► be it no more ──► get a cell, or wait as any other
 *                                                                        └─► more are left: serve the getters that wait
 * ```
 * Each side first writes and then reads: either the put sees that the lookout has gone, or that one sees the cell. Other
 * getters may sleep over cells in the ring as long as there is a lookout, which looks after them once it has its own. One
 * that dies is relieved by whoever learns of its death.
 *
 * Source of the idea: the spinning threads of Go's scheduler, of which a new task wakes no other.
 *
 * @module
 */

import { compareExchange, load, pause, store } from "#atomics";
import { LIST, QUEUE } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { addUnheeded } from "./ends.ts";
import { putCell, settleQueue } from "./queue.ts";

/** Pauses between two looks, at first and later: each look takes the cache line away from who works on it. */
const FIRST = 4;
const LONGEST = 16;

/** Puts a cell into a ring without limit. */
export function putWatched(memory: Memory, ring: number, cell: number): void {
  if (!hasLookout(memory, ring) || !addUnheeded(memory, ring, cell)) {
    putCell(memory, ring, cell, 0);
  } else if (hasGivenUp(memory, ring)) {
    settleQueue(memory, ring);
  }
}

function hasLookout(memory: Memory, ring: number): boolean {
  return load(memory.words, ring + QUEUE.lookout) !== 0;
}

/** Asked again after the cell was added: the lookout may have gone before it could see it. */
function hasGivenUp(memory: Memory, ring: number): boolean {
  return !hasLookout(memory, ring);
}

/**
 * Looks out for a cell during so many pauses. Whoever was the lookout must then get a cell, and afterwards call
 * {@link serveOthers}, whatever came of it. False: somebody else looks out.
 */
export function lookOut(memory: Memory, ring: number, pauses: number): boolean {
  if (compareExchange(memory.words, ring + QUEUE.lookout, 0, memory.self) !== 0) return false;
  lookFor(memory, ring, pauses);
  store(memory.words, ring + QUEUE.lookout, 0);
  return true;
}

/** Looks for a cell during so many pauses. */
export function lookFor(memory: Memory, ring: number, pauses: number): boolean {
  let turns = FIRST;
  for (let left = pauses; ; left -= turns, turns = Math.min(2 * turns, LONGEST)) {
    const gets = load(memory.words, ring + QUEUE.gets);
    if (load(memory.words, ring + QUEUE.puts) !== gets) return true;
    if (left <= 0) return false;
    for (let i = 0; i < turns; i++) pause();
  }
}

/** What was put for the lookout and is more than it could get goes to those who wait. */
export function serveOthers(memory: Memory, ring: number): void {
  const gets = load(memory.words, ring + QUEUE.gets);
  if (load(memory.words, ring + QUEUE.puts) === gets) return;
  if (load(memory.words, ring + QUEUE.getters + LIST.head) !== 0) settleQueue(memory, ring);
}

/** A getter has died, perhaps as the lookout, or before it had looked after the others. */
export function relieve(memory: Memory, ring: number, dead: number): void {
  compareExchange(memory.words, memory.reach(ring) + QUEUE.lookout, dead, 0);
  settleQueue(memory, ring);
}
