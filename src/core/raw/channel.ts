/**
 * One direction of a pipe: a queue that can also be watched. Who watches waits until there is something to get, and takes
 * nothing; it stands in the list of the joiners, which a channel has no other use for.
 *
 * Watchers are told to look again under the guard of the queue, by whoever changes it. Whoever takes that guard over from
 * a dead thread, or settles the queue after one, tells those who are still to be told.
 *
 * @module
 */

import { load } from "#atomics";
import { GRANT, LIST, QUEUE } from "../layout.ts";
import type { Memory } from "../memory.ts";
import type { QueueOrder } from "./queue-order.ts";
import { fifo } from "./ring.ts";
import { grantAllAndUnlock, lockList } from "./wait-list.ts";

export const channel: QueueOrder = {
  ...fifo,
  add(memory, queue, cell, n) {
    const added = fifo.add(memory, queue, cell, n);
    tellWatchers(memory, queue);
    return added;
  },
  putBack(memory, queue, cell, n) {
    fifo.putBack(memory, queue, cell, n);
    tellWatchers(memory, queue);
  },
  repair(memory, queue) {
    const { words } = memory;
    if (load(words, queue + QUEUE.joiners + LIST.head) === 0) return;
    const isEmpty = load(words, queue + QUEUE.puts) === load(words, queue + QUEUE.gets);
    if (!isEmpty || load(words, queue + QUEUE.shut) !== 0) tellWatchers(memory, queue);
  },
};

/** They look again: what came may be gone by then. Under the guard of the queue. */
function tellWatchers(memory: Memory, queue: number): void {
  const list = queue + QUEUE.joiners;
  if (load(memory.words, list + LIST.head) === 0) return;
  lockList(memory, list);
  grantAllAndUnlock(memory, list, () => GRANT.retry);
}
