/**
 * Spinning before a sleep: falling asleep and being woken takes some microseconds, and what a thread waits for is often
 * done within less.
 *
 * @module
 */

import { load, pause } from "#atomics";
import { SLOT } from "../layout.ts";
import type { Memory } from "../memory.ts";

/** The pauses between two looks grow up to this many: each look takes the cache line away from who works on it. */
const LONGEST = 16;

/**
 * Spins while the word is `expected`. False: it still is. A slot that spun in vain does it less the next times, for then
 * the other thread is slow, or has no processor of its own.
 */
export function spinWhile(memory: Memory, word: number, expected: number, slot: number): boolean {
  const failures = memory.words[slot + SLOT.failures]!;
  let left = memory.patience >>> (failures & 15);
  for (let turns = 1; left > 0; turns = Math.min(2 * turns, LONGEST)) {
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
