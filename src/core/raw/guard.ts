/**
 * A guard: the small lock inside a primitive, held for a few dozen instructions and never across user code.
 *
 * ```
 *   word = 0                      free
 *        | tid << 1               held
 *        | tid << 1 | 1           held, and somebody sleeps on the word
 * ```
 * A thread can be terminated while it holds a guard. Whoever finds the owner dead takes the guard over and must repair
 * what it protects: {@link lockGuard} then returns true. Everything under a guard is therefore written so that one
 * store commits it, and the rest can be derived again.
 *
 * Source: U. Drepper, "Futexes Are Tricky" (mutex 2); owner in the word as in the kernel's robust futexes.
 *
 * @module
 */

import { compareExchange, exchange, load, pause } from "#atomics";
import type { Memory } from "../memory.ts";
import { isAlive } from "./threads.ts";

const SPINS = 64;

/** How long to sleep before looking whether the owner is still alive. Milliseconds. */
const SLICE = 20;

/** Takes the guard. True: its owner had died, and the caller must repair what the guard protects. */
export function lockGuard(memory: Memory, guard: number): boolean {
  if (compareExchange(memory.words, guard, 0, memory.self << 1) === 0) return false;
  return lockContended(memory, guard);
}

export function unlockGuard(memory: Memory, guard: number): void {
  if ((exchange(memory.words, guard, 0) & 1) !== 0) memory.notify(guard, 1);
}

function lockContended(memory: Memory, guard: number): boolean {
  const held = memory.self << 1;
  for (let i = 0; i < SPINS; i++) {
    if (load(memory.words, guard) === 0 && compareExchange(memory.words, guard, 0, held) === 0) return false;
    pause();
  }
  for (let slept = false; ;) {
    const seen = load(memory.words, guard);
    if (seen === 0) {
      // Others may sleep too: take it with the bit set, so that our unlock wakes one of them.
      if (compareExchange(memory.words, guard, 0, held | 1) === 0) return false;
      continue;
    }
    // Whoever is to declare the owner dead may be the one that waits here, and never get to it.
    if (!isAlive(memory, seen >>> 1) || (slept && memory.isGone?.(seen >>> 1) === true)) {
      if (compareExchange(memory.words, guard, seen, held | 1) === seen) return true;
      continue;
    }
    if ((seen & 1) === 0 && compareExchange(memory.words, guard, seen, seen | 1) !== seen) continue;
    if (memory.canBlock) memory.wait(guard, seen | 1, SLICE);
    else pause();
    slept = true;
  }
}
