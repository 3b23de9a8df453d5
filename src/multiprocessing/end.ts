/**
 * The end of a process, in its shared object: how one waits for it, and how it is told to all who do.
 *
 * @module
 */

import { load, store } from "#atomics";
import { ENDED, EXIT_BASE, GRANT, PROCESS } from "../core/layout.ts";
import type { Memory } from "../core/memory.ts";
import { QUEUED, type WaitKind } from "../core/parker.ts";
import { isSetOrEnqueue, setEvent } from "../core/raw/event.ts";

/** Its flag and its list are an event's. */
export const JOIN_WAIT: WaitKind = {
  name: "process.join",
  enter: (memory, process, slot) => (isSetOrEnqueue(memory, process, slot) ? GRANT.done : QUEUED),
};

/** How the process ended. Whoever finds out first says so; the others find it said. */
export function noteExit(memory: Memory, address: number, exitcode: number | undefined): void {
  if (load(memory.words, address + PROCESS.exit) !== 0) return;
  // What nobody can tell any more counts as killed.
  store(memory.words, address + PROCESS.exit, (exitcode ?? -9) + EXIT_BASE);
}

/** The process is gone, and those who wait for its end go on. */
export function markEnded(memory: Memory, address: number, exitcode: number | undefined): void {
  const ended = load(memory.words, address + PROCESS.ended);
  noteExit(memory, address, exitcode);
  setEvent(memory, address, ended === ENDED.returned ? ENDED.returned : ENDED.threw);
}
