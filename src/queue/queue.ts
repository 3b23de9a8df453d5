/**
 * Queue: items handed from thread to thread, first in, first out.
 *
 * @module
 */

import { load, store } from "#atomics";
import { host } from "#host";
import { deadlineIn, describe, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, isAttaching, register, SharedObject } from "../core/handles.ts";
import { GRANT, QUEUE, QUEUE_WORDS, SLOT, TAG } from "../core/layout.ts";
import type { Memory } from "../core/memory.ts";
import { EXPIRED, QUEUED, type WaitKind } from "../core/parker.ts";
import { memory, parker } from "../core/program.ts";
import {
  cancelGet,
  cancelPut,
  createRing,
  GET,
  getCell,
  got,
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
import { Empty, Full, ShutDown, ValueError } from "../errors.ts";
import { discardCell, fromCell, prepareCell, toCell } from "../core/cells.ts";

host.ready();

/** One wait to get, and the cell it got. */
class GetWait implements WaitKind {
  readonly name: string = "queue.get";
  cell = 0;

  enter(memory: Memory, queue: number, slot: number): number {
    const result = getCell(memory, queue, slot);
    if (result === GET.queued) return QUEUED;
    this.cell = got.cell;
    return result === GET.done ? GRANT.done : GRANT.broken;
  }

  cancel(memory: Memory, queue: number, slot: number): boolean {
    return cancelGet(memory, queue, slot);
  }

  take(memory: Memory, slot: number): void {
    this.cell = load(memory.words, slot + SLOT.payload);
  }
}

/** One wait to put a cell. */
class PutWait implements WaitKind {
  readonly name: string = "queue.put";
  readonly #cell: number;

  constructor(cell: number) {
    this.#cell = cell;
  }

  enter(memory: Memory, queue: number, slot: number): number {
    const result = putCell(memory, queue, this.#cell, slot);
    if (result === PUT.queued) return QUEUED;
    return result === PUT.done ? GRANT.done : GRANT.broken;
  }

  cancel(memory: Memory, queue: number, slot: number): boolean {
    return cancelPut(memory, queue, slot);
  }
}

const JOIN_WAIT: WaitKind = {
  name: "queue.join",
  enter: (memory, queue, slot) => (joinOrEnqueue(memory, queue, slot) ? GRANT.done : QUEUED),
};

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
 * **Fairness.** Waiting getters and putters are served in order.
 *
 * **Differs from Python.** A negative timeout is always a `ValueError`; `shutdown` exists on every version; items are
 * copies, as in `multiprocessing`.
 */
export class Queue<T = unknown> extends SharedObject implements AsyncIterable<T> {
  /** @param maxsize how many items fit; 0 or less: as many as memory holds */
  constructor(maxsize = 0) {
    if (!isAttaching()) checkMaxsize(maxsize);
    super(TAG.queue, QUEUE_WORDS, (address) => {
      store(memory.words, address + QUEUE.ring, createRing(memory));
      store(memory.words, address + QUEUE.maxsize, limit(maxsize));
    });
  }

  /** Puts an item, waiting for room without blocking. Throws `Full` when the timeout passes, `ShutDown` after that. */
  async put(item: T, options?: WaitOptions): Promise<void> {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    const cell = toCell(item, "item");
    const result = putCell(memory, this[ADDRESS], cell, 0);
    if (result === PUT.done) return;
    try {
      const wait = new PutWait(cell);
      checkPut(await parker.wait(wait, this[ADDRESS], this, deadline, options?.signal), this.maxsize);
    } catch (error) {
      discardCell(cell);
      throw error;
    }
  }

  /** Puts an item, blocking while the queue is full. Throws `Full` when the timeout passes, `ShutDown` after that. */
  putSync(item: T, options?: WaitOptions): void {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    const cell = toCell(item, "item");
    if (putCell(memory, this[ADDRESS], cell, 0) === PUT.done) return;
    try {
      checkPut(parker.waitSync(new PutWait(cell), this[ADDRESS], deadline, options?.signal), this.maxsize);
    } catch (error) {
      discardCell(cell);
      throw error;
    }
  }

  /** Puts an item if there is room, else throws `Full`. */
  putNowait(item: T): void {
    const cell = toCell(item, "item");
    const result = putCell(memory, this[ADDRESS], cell, 0);
    if (result === PUT.done) return;
    discardCell(cell);
    checkPut(result === PUT.shut ? GRANT.broken : EXPIRED, this.maxsize);
  }

  /** Removes and returns the oldest item, waiting for one without blocking. Throws `Empty` when the timeout passes. */
  async get(options?: WaitOptions): Promise<T> {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    const wait = new GetWait();
    checkGet(await parker.wait(wait, this[ADDRESS], this, deadline, options?.signal));
    const loading = prepareCell(wait.cell);
    if (loading !== undefined) {
      try {
        await loading;
      } catch (error) {
        discardCell(wait.cell);
        throw error;
      }
    }
    return fromCell(wait.cell) as T;
  }

  /** Removes and returns the oldest item, blocking until there is one. Throws `Empty` when the timeout passes. */
  getSync(options?: WaitOptions): T {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    if (getCell(memory, this[ADDRESS], 0) === GET.done) return fromCell(got.cell) as T;
    const wait = new GetWait();
    checkGet(parker.waitSync(wait, this[ADDRESS], deadline, options?.signal));
    return fromCell(wait.cell) as T;
  }

  /** Removes and returns the oldest item if there is one, else throws `Empty`. */
  getNowait(): T {
    const result = getCell(memory, this[ADDRESS], 0);
    if (result !== GET.done) checkGet(result === GET.shut ? GRANT.broken : EXPIRED);
    return fromCell(got.cell) as T;
  }

  /** Reports that an item once got is finished with. Throws `ValueError` if it is called more often than items were put. */
  taskDone(): void {
    if (!markDone(memory, this[ADDRESS])) {
      throw new ValueError("taskDone() called too many times: once for each item that was put, and no more.");
    }
  }

  /** Waits until every item that was put has been reported done. False: the timeout passed first. */
  async join(options?: WaitOptions): Promise<boolean> {
    const deadline = deadlineIn(options);
    return (await parker.wait(JOIN_WAIT, this[ADDRESS], this, deadline, options?.signal)) !== EXPIRED;
  }

  /** As {@link join}, blocking. */
  joinSync(options?: WaitOptions): boolean {
    return parker.waitSync(JOIN_WAIT, this[ADDRESS], deadlineIn(options), options?.signal) !== EXPIRED;
  }

  /**
   * Ends the queue: puts throw `ShutDown` from now on, and so do gets once nothing is left. `immediate` drops what is
   * left. Everyone who waits in vain is woken. May be called again.
   */
  shutdown(options?: { immediate?: boolean }): void {
    shutDown(memory, this[ADDRESS], options?.immediate === true, discardCell);
  }

  /** Was {@link shutdown} called? */
  get isShutdown(): boolean {
    return isShutDown(memory, this[ADDRESS]);
  }

  /** How many items are in the queue now. */
  get qsize(): number {
    return queueSize(memory, this[ADDRESS]);
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
    return load(memory.words, this[ADDRESS] + QUEUE.maxsize);
  }

  set maxsize(maxsize: number) {
    checkMaxsize(maxsize);
    setMaxsize(memory, this[ADDRESS], limit(maxsize));
  }

  /** How many items were put and not yet reported done. */
  get unfinishedTasks(): number {
    return unfinished(memory, this[ADDRESS]);
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
    return `<Queue qsize=${this.qsize} maxsize=${this.maxsize}>`;
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

function checkPut(result: number, maxsize: number): void {
  if (result === EXPIRED) throw new Full(`The queue is full: it holds ${maxsize} items, its maxsize.`);
  if (result === GRANT.broken) throw new ShutDown("The queue was shut down: nothing can be put into it any more.");
}

function checkGet(result: number): void {
  if (result === EXPIRED) throw new Empty("The queue is empty.");
  if (result === GRANT.broken) throw new ShutDown("The queue was shut down, and nothing is left in it.");
}
