/**
 * Semaphore and BoundedSemaphore: at most so many at once.
 *
 * @module
 */

import { load, store } from "#atomics";
import { deadlineIn, describe, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, DOMAIN, isAttaching, register, SharedObject } from "../core/handles.ts";
import { GRANT, SEMAPHORE, SEMAPHORE_WORDS, TAG } from "../core/layout.ts";
import { EXPIRED, QUEUED, type WaitKind } from "../core/parker.ts";
import {
  acquirePermitOrEnqueue,
  MOST_PERMITS,
  permits,
  releasePermits,
  tryAcquirePermit,
} from "../core/raw/semaphore.ts";
import { askForHandOff } from "../core/raw/wait-list.ts";
import { ValueError } from "../errors.ts";

const SEMAPHORE_WAIT: WaitKind = {
  name: "semaphore.acquire",
  enter: (memory, semaphore, slot, blocking) =>
    acquirePermitOrEnqueue(memory, semaphore, slot, blocking) ? GRANT.done : QUEUED,
  again: askForHandOff,
  spins: true,
};

/**
 * A number of permits: `acquire` takes one and waits while there is none, `release` gives one back.
 *
 * Use it to limit how many do something at once. Permits have no owner: any thread may release.
 *
 * ```ts
 * import { Semaphore } from "heddle/threading";
 *
 * const connections = new Semaphore(5);
 * {
 *   using _ = await connections.acquire();
 *   // never more than five in here
 * }
 * ```
 *
 * **Blocking** and **Cancellation** as for `Lock`.
 *
 * **Fairness.** Waiters on an event loop are handed their permits in order. Blocked threads are woken in order; one permit
 * at a time may be taken by a thread that runs already while the woken one is on its way, but the second time it is handed
 * to that one. (In Python a waiter can lose any number of times.)
 */
export class Semaphore extends SharedObject implements Disposable {
  /** @param value permits at the start, 0 or more */
  constructor(value = 1) {
    if (!isAttaching()) checkCount("A semaphore's value", value, 0);
    const bounded = new.target.prototype instanceof BoundedSemaphore || new.target === BoundedSemaphore;
    super(bounded ? TAG.boundedSemaphore : TAG.semaphore, SEMAPHORE_WORDS, (address, { memory }) => {
      store(memory.words, address + SEMAPHORE.word, value << 2);
      store(memory.words, address + SEMAPHORE.bound, bounded ? value : -1);
    });
  }

  /** Waits for a permit without blocking. With a timeout: `undefined` when it passes. */
  acquire(): Promise<this>;
  acquire(options: WaitOptions | undefined): Promise<this | undefined>;
  async acquire(options?: WaitOptions): Promise<this | undefined> {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    if (tryAcquirePermit(this[DOMAIN].memory, this[ADDRESS])) return this;
    const result = await this[DOMAIN].parker.wait(SEMAPHORE_WAIT, this[ADDRESS], this, deadline, options?.signal);
    return result === EXPIRED ? undefined : this;
  }

  /** Blocks until a permit is acquired. With a timeout: `undefined` when it passes. */
  acquireSync(): this;
  acquireSync(options: WaitOptions | undefined): this | undefined;
  acquireSync(options?: WaitOptions): this | undefined {
    const deadline = deadlineIn(options);
    if (tryAcquirePermit(this[DOMAIN].memory, this[ADDRESS])) return this;
    const result = this[DOMAIN].parker.waitSync(SEMAPHORE_WAIT, this[ADDRESS], deadline, options?.signal);
    return result === EXPIRED ? undefined : this;
  }

  /** Takes a permit if there is one; never waits. */
  tryAcquire(): this | undefined {
    return tryAcquirePermit(this[DOMAIN].memory, this[ADDRESS]) ? this : undefined;
  }

  /** Gives back `n` permits, waking as many waiters. */
  release(n = 1): void {
    checkCount("release(n): n", n, 1);
    if (!releasePermits(this[DOMAIN].memory, this[ADDRESS], n)) {
      const bounded = load(this[DOMAIN].memory.words, this[ADDRESS] + SEMAPHORE.bound) >= 0;
      const limit = bounded
        ? "a BoundedSemaphore never has more permits than it began with"
        : `${MOST_PERMITS} permits is the most`;
      throw new ValueError(`Semaphore released too many times: ${limit}. Nothing was released.`);
    }
  }

  /** The permits that are free now. */
  get value(): number {
    return permits(this[DOMAIN].memory, this[ADDRESS]);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  override toString(): string {
    return `<Semaphore value=${this.value}>`;
  }
}

/**
 * A semaphore that must not have more permits than it began with: a release too many is an error, and releases nothing.
 *
 * Use it rather than {@link Semaphore} wherever permits stand for something that exists a fixed number of times.
 */
export class BoundedSemaphore extends Semaphore {
  override toString(): string {
    return `<BoundedSemaphore value=${this.value}/${load(this[DOMAIN].memory.words, this[ADDRESS] + SEMAPHORE.bound)}>`;
  }
}

function checkCount(what: string, n: number, least: number): void {
  if (typeof n !== "number") throw new TypeError(`${what} must be a number, not ${describe(n)}`);
  if (!Number.isInteger(n) || n < least || n > MOST_PERMITS) {
    throw new ValueError(`${what} must be ${least === 0 ? "0 or more" : "one or more"}, a whole number, not ${n}`);
  }
}

register(TAG.semaphore, () => new Semaphore(), import.meta.url);
register(TAG.boundedSemaphore, () => new BoundedSemaphore(), import.meta.url);
