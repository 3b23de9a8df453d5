/**
 * The condition's wait list. A waiter stands in it before it gives up the lock, so a notify under the lock reaches
 * exactly those who waited before it; one that gave up waiting is never counted.
 *
 * Source: CPython's threading.Condition, one lock for each waiter.
 *
 * @module
 */

import { load } from "#atomics";
import { CONDITION, GRANT, SLOT } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { enqueue, first, grant, lockList, unlockList, wakeAll } from "./wait-list.ts";

/** Enters the slot. The caller holds the condition's lock, and releases it next. */
export function enqueueForNotify(memory: Memory, condition: number, slot: number): void {
  const list = condition + CONDITION.list;
  lockList(memory, list);
  enqueue(memory, list, slot, condition);
  unlockList(memory, list);
}

/** Wakes the `n` oldest waiters, or as many as there are. */
export function notifyWaiters(memory: Memory, condition: number, n: number): void {
  memory.reach(condition + CONDITION.lock);
  const list = condition + CONDITION.list;
  const woken: number[] = [];
  lockList(memory, list);
  for (let slot = first(memory, list), left = n; slot !== 0 && left > 0; slot = first(memory, list), left--) {
    woken.push(slot, load(memory.words, slot + SLOT.async), load(memory.words, slot + SLOT.tid));
    grant(memory, list, slot, GRANT.done);
  }
  unlockList(memory, list);
  wakeAll(memory, woken);
}
