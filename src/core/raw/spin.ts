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
 * Who spun in vain does it half as long the next time, so often; then only before waits whose number in a row is a power of
 * two, and before one in so many in the end: where the other thread is slow, or has no processor of its own, spinning
 * takes time away from it.
 */
const HALVINGS = 4;
const SELDOM = 256;

function patienceOf(memory: Memory, failures: number): number {
  if (failures <= HALVINGS) return memory.patience >>> failures;
  return (failures & (failures - 1)) === 0 ? memory.patience : 0;
}

/** Looks at the word at `address` from time to time, until `found` likes it or it is time to sleep. False: to sleep. */
export function spin(
  memory: Memory,
  slot: number,
  address: number,
  found: (memory: Memory, seen: number, address: number, expected: number) => boolean,
  expected = 0,
): boolean {
  const failures = memory.words[slot + SLOT.failures]!;
  let left = patienceOf(memory, failures);
  for (let turns = FIRST; left > 0; turns = Math.min(2 * turns, LONGEST)) {
    for (let i = 0; i < turns; i++) pause();
    if (found(memory, load(memory.words, address), address, expected)) {
      if (failures !== 0) memory.words[slot + SLOT.failures] = 0;
      return true;
    }
    left -= turns;
  }
  memory.words[slot + SLOT.failures] = failures < 2 * SELDOM ? failures + 1 : SELDOM + 1;
  return false;
}

const differs = (_memory: Memory, seen: number, _address: number, expected: number): boolean => seen !== expected;

/** Spins while the word is `expected`. False: it still is. */
export function spinWhile(memory: Memory, address: number, expected: number, slot: number): boolean {
  return spin(memory, slot, address, differs, expected);
}

const isBeyond = (_memory: Memory, seen: number, _address: number, expected: number): boolean =>
  ((seen - expected) | 0) > 0;

/**
 * Spins until a counter that was `from` has gone on by `steps`. Whoever comes back at the first step has to come back for
 * each; but where steps are slow, a few are enough.
 */
export function spinForSteps(memory: Memory, address: number, from: number, steps: number, slot: number): void {
  if (spin(memory, slot, address, isBeyond, (from + steps - 1) | 0)) return;
  if (load(memory.words, address) !== from) memory.words[slot + SLOT.failures] = 0;
}
