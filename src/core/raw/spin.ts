/**
 * Spinning before a sleep: falling asleep and being woken takes some microseconds, and what a thread waits for is often
 * done within less.
 *
 * @module
 */

import { load, pause } from "#atomics";
import { SLOT } from "../layout.ts";
import type { Memory } from "../memory.ts";

/**
 * So many pauses come before the first look, and up to so many between later ones. Each look takes the cache line away
 * from who works on it; and when more than one thing has been done meanwhile, the next need no look at all.
 */
const FIRST = 8;
const LONGEST = 32;

/**
 * Spins while the word is `expected`. False: it still is. A slot that spun in vain does it less the next times, for then
 * the other thread is slow, or has no processor of its own.
 */
export function spinWhile(memory: Memory, word: number, expected: number, slot: number): boolean {
  const failures = memory.words[slot + SLOT.failures]!;
  let left = memory.patience >>> (failures & 15);
  for (let turns = FIRST; left > 0; turns = Math.min(2 * turns, LONGEST)) {
    for (let i = 0; i < turns; i++) pause();
    if (load(memory.words, word) !== expected) {
      if (failures !== 0) memory.words[slot + SLOT.failures] = 0;
      return true;
    }
    left -= turns;
  }
  memory.words[slot + SLOT.failures] = (failures + 1) & 15;
  return false;
}
