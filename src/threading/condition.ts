/**
 * Condition: waiting until another thread changed something.
 *
 * @module
 */

import { load, store } from "#atomics";
import { deadlineIn, deadlineOf, now, type Deadline, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, DOMAIN, isAttaching, register, SharedObject } from "../core/handles.ts";
import { CONDITION, CONDITION_WORDS, GRANT, TAG } from "../core/layout.ts";
import { EXPIRED, QUEUED, type WaitKind } from "../core/parker.ts";
import { enqueueForNotify, notifyWaiters } from "../core/raw/condition.ts";
import { retain } from "../core/references.ts";
import { RuntimeError, ValueError } from "../errors.ts";
import { holdsLock, Lock, LOCK_WAIT_SHIELDED, ownerDied } from "./lock.ts";
import { RLock } from "./rlock.ts";

/**
 * Lets threads wait, under a lock, until another says that something has changed.
 *
 * Use it when a thread must wait for a state that no single primitive describes. Always wait in a loop, or with
 * {@link waitFor}: by the time a waiter runs, another may have changed the state again.
 *
 * ```ts
 * import { Condition } from "heddle/threading";
 *
 * const changed = new Condition();
 * // consumer
 * {
 *   using _ = changed.acquireSync();
 *   changed.waitForSync(() => items[0] > 0);
 * }
 * // producer
 * {
 *   using _ = changed.acquireSync();
 *   items[0] += 1;
 *   changed.notify();
 * }
 * ```
 *
 * **Blocking.** A wait releases the lock completely, sleeps, and has the lock again when it returns, also when it ends by
 * a timeout, an error or cancellation; taking it back may outlast the timeout.
 *
 * **Fairness.** `notify` wakes the oldest waiters, exactly as many as asked for. One that gave up is never counted.
 *
 * **Differs from Python.** With a plain `Lock`, Python accepts `notify` from a thread that does not hold it, as long as
 * somebody does; here the caller's thread must hold it.
 */
export class Condition extends SharedObject implements Disposable {
  readonly #lock: Lock | RLock;

  /** @param lock the lock to wait under; several conditions may share one. Default: a new `RLock`. */
  constructor(lock?: Lock | RLock) {
    const attaching = isAttaching();
    if (!attaching && lock !== undefined && !(lock instanceof Lock || lock instanceof RLock)) {
      throw new TypeError("A Condition's lock must be a Lock or an RLock of heddle/threading");
    }
    const { handles } = (new.target.prototype as Condition)[DOMAIN];
    const own = attaching ? undefined : (lock ?? (handles.make(TAG.rlock) as RLock));
    super(TAG.condition, CONDITION_WORDS, (address, { memory }) => {
      retain(memory, own![ADDRESS]);
      store(memory.words, address + CONDITION.lock, own![ADDRESS]);
    });
    this.#lock = own ?? lockOf(this);
  }

  /** Acquires the lock; the condition itself is what a `using` block disposes of. */
  acquire(): Promise<this>;
  acquire(options: WaitOptions | undefined): Promise<this | undefined>;
  async acquire(options?: WaitOptions): Promise<this | undefined> {
    return (await this.#lock.acquire(options)) && this;
  }

  /** Acquires the lock, blocking. */
  acquireSync(): this;
  acquireSync(options: WaitOptions | undefined): this | undefined;
  acquireSync(options?: WaitOptions): this | undefined {
    return this.#lock.acquireSync(options) && this;
  }

  /** Acquires the lock if that needs no wait. */
  tryAcquire(): this | undefined {
    return this.#lock.tryAcquire() && this;
  }

  /** Releases the lock. */
  release(): void {
    this.#lock.release();
  }

  /** Is the lock held, by whomever? */
  get locked(): boolean {
    return this.#lock.locked;
  }

  /** Waits for a notification. True: notified. False: the timeout passed first. */
  wait(options?: WaitOptions): Promise<boolean> {
    try {
      return this.#wait(deadlineIn(options), options?.signal);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Waits for a notification, blocking. True: notified. False: the timeout passed first. */
  waitSync(options?: WaitOptions): boolean {
    return this.#waitSync(deadlineIn(options), options?.signal);
  }

  /**
   * Waits until the predicate, called under the lock, gives a truthy value, and returns that value; when the timeout
   * passes first, the last value it gave.
   */
  async waitFor<T>(predicate: () => T, options?: WaitOptions): Promise<T> {
    const until = new Until(options);
    let value = predicate();
    while (!value && until.again()) {
      await this.#wait(until.deadline, options?.signal);
      value = predicate();
    }
    return value;
  }

  /** As {@link waitFor}, blocking. */
  waitForSync<T>(predicate: () => T, options?: WaitOptions): T {
    const until = new Until(options);
    let value = predicate();
    while (!value && until.again()) {
      this.#waitSync(until.deadline, options?.signal);
      value = predicate();
    }
    return value;
  }

  /** Wakes the `n` longest waiting, or as many as there are. They run once the caller releases the lock. */
  notify(n = 1): void {
    if (typeof n !== "number") throw new TypeError(`notify() takes a number of waiters, not a ${typeof n}`);
    if (!(Number.isInteger(n) || n === Infinity)) throw new ValueError(`notify() takes a whole number, not ${n}`);
    this.#mustOwn("notify");
    if (n > 0) notifyWaiters(this[DOMAIN].memory, this[ADDRESS], n);
  }

  /** Wakes everyone who waits now. */
  notifyAll(): void {
    this.#mustOwn("notify");
    notifyWaiters(this[DOMAIN].memory, this[ADDRESS], Infinity);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  override toString(): string {
    return `<Condition(${String(this.#lock)})>`;
  }

  #mustOwn(what: string): void {
    const owned = this.#lock instanceof RLock ? RLock.isOwned(this.#lock) : holdsLock(this.#lock);
    if (!owned) {
      throw new RuntimeError(`cannot ${what} on un-acquired lock: acquire the condition first, in this thread.`);
    }
  }

  /** A wait that stands in the list before it frees the lock. `depth` tells how to take the lock back. */
  #kind(): WaitKind & { depth: number } {
    const lock = this.#lock;
    return {
      name: "condition.wait",
      depth: 0,
      enter(memory, condition, slot) {
        enqueueForNotify(memory, condition, slot);
        if (lock instanceof RLock) this.depth = RLock.releaseAll(lock);
        else lock.release();
        return QUEUED;
      },
    };
  }

  #restore(depth: number, result: number): void {
    if (this.#lock instanceof RLock) RLock.restore(this.#lock, depth, result);
    else if (result === GRANT.ownerDied) throw ownerDied("Lock");
  }

  async #wait(deadline: Deadline, signal: AbortSignal | undefined): Promise<boolean> {
    this.#mustOwn("wait");
    signal?.throwIfAborted();
    const kind = this.#kind();
    try {
      return (await this[DOMAIN].parker.wait(kind, this[ADDRESS], this, deadline, signal)) !== EXPIRED;
    } finally {
      this.#restore(
        kind.depth,
        await this[DOMAIN].parker.wait(LOCK_WAIT_SHIELDED, this.#lock[ADDRESS], this, Infinity),
      );
    }
  }

  #waitSync(deadline: Deadline, signal: AbortSignal | undefined): boolean {
    this.#mustOwn("wait");
    signal?.throwIfAborted();
    const kind = this.#kind();
    try {
      return this[DOMAIN].parker.waitSync(kind, this[ADDRESS], deadline, signal) !== EXPIRED;
    } finally {
      this.#restore(kind.depth, this[DOMAIN].parker.waitSync(LOCK_WAIT_SHIELDED, this.#lock[ADDRESS], Infinity));
    }
  }
}

/** The lock of a condition that arrived from another thread. */
function lockOf(condition: Condition): Lock | RLock {
  const { memory, handles } = condition[DOMAIN];
  const address = load(memory.words, condition[ADDRESS] + CONDITION.lock);
  retain(memory, address);
  return handles.attach(address) as Lock | RLock;
}

/** The one deadline of a `waitFor`, which starts with the first wait. */
class Until {
  readonly #timeout: number | undefined;
  deadline: Deadline = Infinity;
  #started = false;

  constructor(options: WaitOptions | undefined) {
    deadlineIn(options);
    this.#timeout = options?.timeout;
  }

  /** May it wait once more? Also with a timeout of 0, once: the predicate is asked twice at least. */
  again(): boolean {
    if (!this.#started) {
      this.#started = true;
      this.deadline = deadlineOf(this.#timeout);
      return true;
    }
    return this.deadline > now();
  }
}

register(TAG.condition, () => new Condition(), import.meta.url);
