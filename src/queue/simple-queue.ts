/**
 * SimpleQueue: put and get, and nothing else.
 *
 * @module
 */

import { store } from "#atomics";
import { host } from "#host";
import type { WaitOptions } from "../core/deadline.ts";
import { ADDRESS, DOMAIN, register, SharedObject } from "../core/handles.ts";
import { QUEUE, QUEUE_WORDS, TAG } from "../core/layout.ts";
import { createRing, putCell, queueSize } from "../core/raw/queue.ts";
import { PLAIN, takeItem, takeItemNowait, takeItemSync } from "./waits.ts";

host.ready();

/**
 * An unbounded first-in, first-out queue without limits, tasks to be done, or an end.
 *
 * Use it to hand over items where nobody needs `join`, `maxsize` or `shutdown`; use a {@link Queue} otherwise.
 *
 * ```ts
 * import { SimpleQueue } from "heddle/queue";
 *
 * const results = new SimpleQueue<number>();
 * results.putNowait(42); // in any thread
 * results.getSync(); // in another
 * ```
 *
 * **Blocking.** No put ever waits; `get` waits while the queue is empty, `getSync` blocks.
 *
 * **Differs from Python.** Items are copies, as in every queue here.
 */
export class SimpleQueue<T = unknown> extends SharedObject {
  constructor() {
    super(TAG.simpleQueue, QUEUE_WORDS, (address, { memory }) =>
      store(memory.words, address + QUEUE.ring, createRing(memory)),
    );
  }

  /** Puts an item. There is always room: options are allowed for the sake of {@link Queue}'s signature, and ignored. */
  async put(item: T, _options?: WaitOptions): Promise<void> {
    this.putNowait(item);
  }

  /** As {@link put}; does not block. */
  putSync(item: T, _options?: WaitOptions): void {
    this.putNowait(item);
  }

  /** As {@link put}. */
  putNowait(item: T): void {
    const { memory, cells } = this[DOMAIN];
    putCell(memory, this[ADDRESS], cells.toCell(item, "item"), 0);
  }

  /** Removes and returns the oldest item, waiting for one without blocking. Throws `Empty` when the timeout passes. */
  async get(options?: WaitOptions): Promise<T> {
    return (await takeItem(this, PLAIN, options)) as T;
  }

  /** Removes and returns the oldest item, blocking until there is one. Throws `Empty` when the timeout passes. */
  getSync(options?: WaitOptions): T {
    return takeItemSync(this, PLAIN, options) as T;
  }

  /** Removes and returns the oldest item if there is one, else throws `Empty`. */
  getNowait(): T {
    return takeItemNowait(this, PLAIN) as T;
  }

  /** How many items are in the queue now. */
  get qsize(): number {
    return queueSize(this[DOMAIN].memory, this[ADDRESS]);
  }

  /** Is there no item now? */
  get empty(): boolean {
    return this.qsize === 0;
  }

  override toString(): string {
    return `<SimpleQueue qsize=${this.qsize}>`;
  }
}

register(TAG.simpleQueue, () => new SimpleQueue(), import.meta.url);
