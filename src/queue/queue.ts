/**
 * Queue: items handed from thread to thread, first in, first out.
 *
 * @module
 */

import { load, store } from "#atomics";
import { host } from "#host";
import { deadlineIn, describe, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, DOMAIN, isAttaching, register, SharedObject } from "../core/handles.ts";
import { GRANT, QUEUE, QUEUE_WORDS, TAG } from "../core/layout.ts";
import type { Memory } from "../core/memory.ts";
import { EXPIRED, QUEUED, type WaitKind } from "../core/parker.ts";
import {
  createRing,
  isShutDown,
  joinOrEnqueue,
  markDone,
  PUT,
  putCell,
  queueSize,
  setMaxsize,
  shutDown,
  unfinished,
} from "../core/raw/queue.ts";
import { CancelledError, Full, ShutDown, ValueError } from "../errors.ts";
import { type Opener, PLAIN, PutWait, takeItem, takeItemNowait, takeItemSync } from "./waits.ts";

host.ready();

const JOIN_WAIT: WaitKind = {
  name: "queue.join",
  enter: (memory, queue, slot) => (joinOrEnqueue(memory, queue, slot) ? GRANT.done : QUEUED),
};

/** What distinguishes the shared object of a variant: its type, which decides the order, and its own words. */
export interface QueueForm {
  readonly name: string;
  readonly tag: number;
  readonly words: number;
  init(address: number, memory: Memory): void;
}

/**
 * A queue that any number of threads put items into and get items from, each item exactly once, first in, first out.
 *
 * Use it to hand work or results between threads. With a `maxsize`, a fast producer waits for slow consumers.
 *
 * ```ts
 * import { Queue } from "heddle/queue";
 *
 * const jobs = new Queue<string>(100);
 * // producer
 * jobs.putSync("a.png"); // or: await jobs.put("a.png")
 * await jobs.join(); // until every job was reported done
 * // consumer, in a thread
 * const job = jobs.getSync();
 * jobs.taskDone();
 * ```
 *
 * Items are copied; whatever can be sent to a thread can be an item, and shared objects arrive as the same object. An
 * item that cannot be sent throws `NotSendableError` and leaves the queue as it was.
 *
 * **Blocking.** `put` waits while the queue is full, `get` while it is empty; `putSync` and `getSync` block; `putNowait`
 * and `getNowait` throw `Full` and `Empty` instead, as the others do when a timeout passes.
 *
 * **Cancellation.** A wait that ends by a timeout or a signal has put or taken nothing.
 *
 * **Fairness.** Waiting putters, and getters that wait on an event loop, are served in order. Blocked getters are woken in
 * order; one item at a time may be got by a thread that runs already while the woken one is on its way, but the second
 * time it is given to that one.
 *
 * **Differs from Python.** A negative timeout is always a `ValueError`; `shutdown` exists on every version; items are
 * copies, as in `multiprocessing`.
 */
export class Queue<T = unknown> extends SharedObject implements AsyncIterable<T> {
  /** @internal */
  protected static readonly form: QueueForm = {
    name: "Queue",
    tag: TAG.queue,
    words: QUEUE_WORDS,
    init: (address, memory) => store(memory.words, address + QUEUE.ring, createRing(memory)),
  };

  /** @param maxsize how many items fit; 0 or less: as many as memory holds */
  constructor(maxsize = 0) {
    if (!isAttaching()) checkMaxsize(maxsize);
    const { form } = new.target;
    super(form.tag, form.words, (address, { memory }) => {
      form.init(address, memory);
      store(memory.words, address + QUEUE.maxsize, limit(maxsize));
    });
  }

  // ── What variants override: how an item becomes a cell, how a cell gets its place, and back ────────────────────────

  /** @internal The item as a cell, which belongs to the caller until it is in the queue. */
  protected toCell(item: T): number {
    return this[DOMAIN].cells.toCell(item, "item");
  }

  /** @internal How a cell becomes an item again. */
  protected get opener(): Opener {
    return PLAIN;
  }

  /** @internal Puts the cell in its place, or says why not, as raw/queue.ts does. `again`: it waited before. */
  protected insert(cell: number, slot: number, _again: boolean): number {
    return putCell(this[DOMAIN].memory, this[ADDRESS], cell, slot);
  }

  // ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Puts an item, waiting for room without blocking. Throws `Full` when the timeout passes, `ShutDown` after that. */
  async put(item: T, options?: WaitOptions): Promise<void> {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    const cell = this.toCell(item);
    try {
      if (this.insert(cell, 0, false) === PUT.done) return;
      const wait = this.#putting(cell);
      this.#checkPut(
        await this[DOMAIN].parker.wait(wait, this[ADDRESS], this, deadline, options?.signal),
        wait,
        options,
      );
    } catch (error) {
      this.opener.discard(this[DOMAIN], cell);
      throw error;
    }
  }

  /** Puts an item, blocking while the queue is full. Throws `Full` when the timeout passes, `ShutDown` after that. */
  putSync(item: T, options?: WaitOptions): void {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    const cell = this.toCell(item);
    try {
      if (this.insert(cell, 0, false) === PUT.done) return;
      const wait = this.#putting(cell);
      this.#checkPut(this[DOMAIN].parker.waitSync(wait, this[ADDRESS], deadline, options?.signal), wait, options);
    } catch (error) {
      this.opener.discard(this[DOMAIN], cell);
      throw error;
    }
  }

  /** Puts an item if there is room, else throws `Full`. */
  putNowait(item: T): void {
    const cell = this.toCell(item);
    try {
      const result = this.insert(cell, 0, false);
      if (result !== PUT.done) this.#checkPut(PutWait.resultOf(result));
    } catch (error) {
      this.opener.discard(this[DOMAIN], cell);
      throw error;
    }
  }

  /** Removes and returns the next item, waiting for one without blocking. Throws `Empty` when the timeout passes. */
  async get(options?: WaitOptions): Promise<T> {
    return (await takeItem(this, this.opener, options)) as T;
  }

  /** Removes and returns the next item, blocking until there is one. Throws `Empty` when the timeout passes. */
  getSync(options?: WaitOptions): T {
    return takeItemSync(this, this.opener, options) as T;
  }

  /** Removes and returns the next item if there is one, else throws `Empty`. */
  getNowait(): T {
    return takeItemNowait(this, this.opener) as T;
  }

  /** Reports that an item once got is finished with. Throws `ValueError` if it is called more often than items were put. */
  taskDone(): void {
    if (!markDone(this[DOMAIN].memory, this[ADDRESS])) {
      throw new ValueError("taskDone() called too many times: once for each item that was put, and no more.");
    }
  }

  /** Waits until every item that was put has been reported done. False: the timeout passed first. */
  async join(options?: WaitOptions): Promise<boolean> {
    const deadline = deadlineIn(options);
    return (await this[DOMAIN].parker.wait(JOIN_WAIT, this[ADDRESS], this, deadline, options?.signal)) !== EXPIRED;
  }

  /** As {@link join}, blocking. */
  joinSync(options?: WaitOptions): boolean {
    return this[DOMAIN].parker.waitSync(JOIN_WAIT, this[ADDRESS], deadlineIn(options), options?.signal) !== EXPIRED;
  }

  /**
   * Ends the queue: puts throw `ShutDown` from now on, and so do gets once nothing is left. `immediate` drops what is
   * left. Everyone who waits in vain is woken. May be called again.
   */
  shutdown(options?: { immediate?: boolean }): void {
    const { memory, packer } = this[DOMAIN];
    shutDown(memory, this[ADDRESS], options?.immediate === true, (message) => packer.discard(message));
  }

  /** Was {@link shutdown} called? */
  get isShutdown(): boolean {
    return isShutDown(this[DOMAIN].memory, this[ADDRESS]);
  }

  /** How many items are in the queue now. */
  get qsize(): number {
    return queueSize(this[DOMAIN].memory, this[ADDRESS]);
  }

  /** Is there no item now? */
  get empty(): boolean {
    return this.qsize === 0;
  }

  /** Is there no room now? Never, if the queue is unbounded. */
  get full(): boolean {
    const maxsize = this.maxsize;
    return maxsize > 0 && this.qsize >= maxsize;
  }

  /** How many items fit; 0: as many as memory holds. May be changed at any time. */
  get maxsize(): number {
    return load(this[DOMAIN].memory.words, this[ADDRESS] + QUEUE.maxsize);
  }

  set maxsize(maxsize: number) {
    checkMaxsize(maxsize);
    setMaxsize(this[DOMAIN].memory, this[ADDRESS], limit(maxsize));
  }

  /** How many items were put and not yet reported done. */
  get unfinishedTasks(): number {
    return unfinished(this[DOMAIN].memory, this[ADDRESS]);
  }

  /** Gets items until the queue is shut down and empty. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      let item: T;
      try {
        item = await this.get();
      } catch (error) {
        if (error instanceof ShutDown) return;
        throw error;
      }
      yield item;
    }
  }

  override toString(): string {
    const { name } = (this.constructor as typeof Queue).form;
    return `<${name} qsize=${this.qsize} maxsize=${this.maxsize}>`;
  }

  #putting(cell: number): PutWait {
    return new PutWait((slot, again) => this.insert(cell, slot, again));
  }

  #checkPut(result: number, wait?: PutWait, options?: WaitOptions): void {
    if (wait?.failure !== undefined) throw wait.failure.error;
    if (result === EXPIRED) {
      // It was late in another way if it had been invited to try again in the meantime.
      if (wait?.gaveUp === true) {
        options?.signal?.throwIfAborted();
        if (this[DOMAIN].parker.cancelRequested)
          throw new CancelledError("queue.put was given up because its thread was cancelled");
      }
      throw new Full(`The queue is full: it holds ${this.maxsize} items, its maxsize.`);
    }
    if (result === GRANT.broken) throw new ShutDown("The queue was shut down: nothing can be put into it any more.");
    if (result === GRANT.refused) {
      throw new TypeError(
        "The item's priority cannot be compared with those in the queue, so nothing was put. Numbers are compared with " +
          "numbers, strings with strings, arrays element by element; for other items give the PriorityQueue a key or compare function.",
      );
    }
  }
}

register(TAG.queue, () => new Queue(), import.meta.url);

function checkMaxsize(maxsize: number): void {
  if (typeof maxsize !== "number") throw new TypeError(`maxsize must be a number, not ${describe(maxsize)}`);
  if (!Number.isInteger(maxsize) && Math.abs(maxsize) !== Infinity) {
    throw new ValueError(`maxsize must be a whole number of items, not ${maxsize}; 0 means without limit`);
  }
}

function limit(maxsize: number): number {
  return maxsize > 0 && maxsize < 2 ** 31 ? maxsize : 0;
}
