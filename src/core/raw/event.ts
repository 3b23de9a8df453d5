/**
 * The event: a flag and those who wait for it. `set` releases everyone who waited before it, also when `clear` follows
 * at once: each waiter is granted by name, none reads the flag again.
 *
 * @module
 */

import { load, store } from "#atomics";
import { EVENT, GRANT, LIST_WORDS } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { enqueue, grantAllAndUnlock, lockList, unlockList } from "./wait-list.ts";

export function isEventSet(memory: Memory, event: number): boolean {
  return load(memory.words, event + EVENT.flag) !== 0;
}

export function setEvent(memory: Memory, event: number, value = 1): void {
  lockList(memory, event + EVENT.list);
  store(memory.words, event + EVENT.flag, value);
  grantAllAndUnlock(memory, event + EVENT.list, () => GRANT.done);
}

/** For the reaper: whoever set the event may have died before it had released all who wait. */
export function completeSet(memory: Memory, event: number): void {
  memory.reach(event + EVENT.list + LIST_WORDS);
  lockList(memory, event + EVENT.list);
  if (isEventSet(memory, event)) grantAllAndUnlock(memory, event + EVENT.list, () => GRANT.done);
  else unlockList(memory, event + EVENT.list);
}

export function clearEvent(memory: Memory, event: number): void {
  store(memory.words, event + EVENT.flag, 0);
}

/** True: the event is set. False: the slot waits for it. */
export function isSetOrEnqueue(memory: Memory, event: number, slot: number): boolean {
  const list = event + EVENT.list;
  lockList(memory, list);
  const set = isEventSet(memory, event);
  if (!set) enqueue(memory, list, slot, event);
  unlockList(memory, list);
  return set;
}
