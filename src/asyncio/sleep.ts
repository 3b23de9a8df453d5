/** @module */

import { deadlineOf } from "../core/deadline.ts";
import { interruptible } from "../core/identity.ts";
import { SLOT, SLOT_STATE } from "../core/layout.ts";
import { QUEUED, type WaitKind } from "../core/parker.ts";
import { parker } from "../core/program.ts";
import { store } from "#atomics";

/** Stands in no list, so that nobody can end it but time and cancellation. */
const SLEEP: WaitKind = {
  name: "sleep",
  enter(memory, _, slot) {
    store(memory.words, slot + SLOT.list, 0);
    store(memory.words, slot + SLOT.state, SLOT_STATE.waiting);
    return QUEUED;
  },
  cancel(memory, _, slot) {
    store(memory.words, slot + SLOT.state, SLOT_STATE.free);
    return true;
  },
};

/**
 * Waits for so many milliseconds, and gives `value`. With 0, lets whatever else is ready on the event loop go first.
 *
 * **Cancellation.** Ends when the task or the thread is cancelled.
 */
export async function sleep(ms: number): Promise<void>;
export async function sleep<T>(ms: number, value: T): Promise<T>;
export async function sleep(ms: number, value?: unknown): Promise<unknown> {
  const deadline = deadlineOf(ms);
  if (deadline === 0) await interruptible(new Promise<void>((resolve) => setTimeout(resolve, 0)));
  else await parker.wait(SLEEP, 0, undefined, deadline);
  return value;
}
