/**
 * Who is alive. A thread's identity is a positive 30-bit number, `generation << 12 | entry`: the entry finds its record,
 * the generation tells it from all earlier users of the same entry.
 *
 * @module
 */

import { load } from "#atomics";
import { MAX_THREADS, PROGRAM, RECORD, THREAD_STATE } from "../layout.ts";
import type { Memory } from "../memory.ts";

/** Address of the record of a thread; 0 if its entry was never used. */
export function recordOf(memory: Memory, tid: number): number {
  return memory.reach(load(memory.words, PROGRAM.threadTable + (tid & (MAX_THREADS - 1))));
}

/** False from the moment a thread ended, or was found dead by the thread that started it. */
export function isAlive(memory: Memory, tid: number): boolean {
  const record = recordOf(memory, tid);
  if (record === 0 || load(memory.words, record + RECORD.tid) !== tid) return false;
  const state = load(memory.words, record + RECORD.state);
  return state === THREAD_STATE.starting || state === THREAD_STATE.running;
}

/** Have the locks of that thread no owner any more, because it died or is winding down after an error? */
export function isOrphaned(memory: Memory, tid: number): boolean {
  const record = recordOf(memory, tid);
  if (record === 0 || load(memory.words, record + RECORD.tid) !== tid) return hasDied(memory, tid);
  if (load(memory.words, record + RECORD.orphaned) !== 0) return true;
  // The next user of the record clears the mark after it has entered its own identity.
  return load(memory.words, record + RECORD.tid) !== tid && hasDied(memory, tid);
}

/** Did it end without finishing: terminated, exited, out of memory, or by an error nobody caught? */
export function hasDied(memory: Memory, tid: number): boolean {
  let block = load(memory.words, PROGRAM.deadList);
  while (block !== 0) {
    memory.reach(block + DEAD.tids + DEAD_CAPACITY);
    const count = load(memory.words, block + DEAD.count);
    for (let i = 0; i < count; i++) if (load(memory.words, block + DEAD.tids + i) === tid) return true;
    block = load(memory.words, block + DEAD.next);
  }
  return false;
}

/** Block of the list of dead threads. Four bytes for each abnormal death are never given back. */
export const DEAD = { next: 0, count: 1, tids: 2 } as const;
export const DEAD_CAPACITY = 62;
