/**
 * LifoQueue: last in, first out.
 *
 * @module
 */

import { store } from "#atomics";
import { register } from "../core/handles.ts";
import { QUEUE, QUEUE_WORDS, TAG } from "../core/layout.ts";
import { createRing } from "../core/raw/queue.ts";
import { Queue, type QueueForm } from "./queue.ts";

/**
 * A queue that gives the newest item first: a stack between threads, with all that a {@link Queue} has.
 *
 * Use it where the latest matters most, or to keep what is in work small: depth first instead of breadth first.
 *
 * ```ts
 * import { LifoQueue } from "heddle/queue";
 *
 * const folders = new LifoQueue<string>();
 * folders.putNowait("/");
 * folders.putNowait("/usr");
 * folders.getNowait(); // "/usr"
 * ```
 *
 * **Fairness.** Waiting getters and putters are served in order; only the items come out in reverse.
 */
export class LifoQueue<T = unknown> extends Queue<T> {
  /** @internal */
  protected static override readonly form: QueueForm = {
    name: "LifoQueue",
    tag: TAG.lifoQueue,
    words: QUEUE_WORDS,
    init: (address, memory) => store(memory.words, address + QUEUE.ring, createRing(memory)),
  };
}

register(TAG.lifoQueue, () => new LifoQueue(), import.meta.url);
