/**
 * Lock: mutual exclusion between threads, and between the coroutines of one thread.
 *
 * @module
 */

import { deadlineIn, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, DOMAIN, register, SharedObject } from "../core/handles.ts";
import { GRANT, LOCK_WORDS, TAG } from "../core/layout.ts";
import { EXPIRED, QUEUED, type WaitKind } from "../core/parker.ts";
import { isLocked, LOCK_RESULT, lockOrEnqueue, lockOwner, recoverLock, tryLock, unlock } from "../core/raw/lock.ts";
import { askForHandOff } from "../core/raw/wait-list.ts";
import { OwnerDiedError, RuntimeError } from "../errors.ts";
import { deadlocks, sampledSite, type Taken, tellsSites, traceLocks, tracesLocks } from "./deadlock.ts";

/** How a thread waits for a lock. */
export const LOCK_WAIT: WaitKind = {
  name: "lock.acquire",
  enter(memory, lock, slot, blocking) {
    const result = lockOrEnqueue(memory, lock, slot, blocking);
    if (result === LOCK_RESULT.queued) return QUEUED;
    return result === LOCK_RESULT.acquired ? GRANT.done : GRANT.ownerDied;
  },
  again: askForHandOff,
  spins: true,
  watch: deadlocks,
  traced: tracesLocks,
};

/** A condition takes its lock back even in a thread that was cancelled. */
export const LOCK_WAIT_SHIELDED: WaitKind = { ...LOCK_WAIT, shielded: true };

/**
 * A lock that one thread, or one coroutine, holds at a time.
 *
 * Use it around any sequence that reads shared data and writes it back. It is not re-entrant: acquiring it twice without
 * a release in between waits for ever. Any thread may release it, whoever acquired it.
 *
 * ```ts
 * import { Lock } from "heddle/threading";
 *
 * const lock = new Lock();
 * {
 *   using _ = lock.acquireSync(); // or: using _ = await lock.acquire();
 *   // one at a time in here; released at the end of the block, also on an error
 * }
 * ```
 *
 * **Blocking.** `acquireSync` blocks the thread with its event loop, `acquire` waits without blocking, `tryAcquire` does
 * not wait. All forms may be used on one lock at once, from any thread.
 *
 * **Cancellation.** A timeout gives `undefined`; an aborted signal throws its reason; neither leaves anything behind.
 *
 * **Fairness.** Waiters on an event loop are served in order. Blocked threads are woken in order but may lose the lock
 * once to a thread that runs already, which is what makes a contended lock fast; the second time it is handed to them.
 *
 * **Memory ordering.** What a thread wrote before `release` is seen by the next that acquires.
 *
 * **Deadlock.** Threads that wait for each other's locks are told of on the standard error stream after about a second,
 * once. The wait goes on, since any thread may release the lock. See the guide to deadlocks.
 *
 * **Differs from Python.** A thread that dies (an uncaught error, terminate, exit) while it holds the lock marks it:
 * waiters and all later acquirers get `OwnerDiedError` until one calls {@link recover}.
 */
export class Lock extends SharedObject implements Disposable {
  /** How often this thread took it; which of these times was looked at last, and where that was. */
  #times = 0;
  #seen = 0;
  #site: Taken["site"] | undefined;

  constructor() {
    super(TAG.lock, LOCK_WORDS);
  }

  /** Waits for the lock without blocking. With a timeout: `undefined` when it passes. */
  acquire(): Promise<this>;
  acquire(options: WaitOptions | undefined): Promise<this | undefined>;
  async acquire(options?: WaitOptions): Promise<this | undefined> {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    if (tryLock(this[DOMAIN].memory, this[ADDRESS]) === LOCK_RESULT.acquired) return this.#own(this.acquire);
    this.#look(this.acquire);
    return this.#acquired(await this[DOMAIN].parker.wait(LOCK_WAIT, this[ADDRESS], this, deadline, options?.signal));
  }

  /** Blocks until the lock is acquired. With a timeout: `undefined` when it passes. */
  acquireSync(): this;
  acquireSync(options: WaitOptions | undefined): this | undefined;
  acquireSync(options?: WaitOptions): this | undefined {
    if (options === undefined && tryLock(this[DOMAIN].memory, this[ADDRESS]) === LOCK_RESULT.acquired)
      return this.#own(this.acquireSync);
    this.#look(this.acquireSync);
    return this.#acquired(this[DOMAIN].parker.waitSync(LOCK_WAIT, this[ADDRESS], deadlineIn(options), options?.signal));
  }

  /** Takes the lock if it is free; never waits. */
  tryAcquire(): this | undefined {
    const result = tryLock(this[DOMAIN].memory, this[ADDRESS]);
    if (result === LOCK_RESULT.ownerDied) throw ownerDied("Lock");
    return result === LOCK_RESULT.acquired ? this.#own(this.tryAcquire) : undefined;
  }

  /** Frees the lock, or hands it on. Throws `RuntimeError` if nobody holds it. */
  release(): void {
    if (!unlock(this[DOMAIN].memory, this[ADDRESS])) {
      throw new RuntimeError("release unlocked lock: nobody holds it. Each release needs an acquire before it.");
    }
  }

  /** Is it held, by whomever? */
  get locked(): boolean {
    return isLocked(this[DOMAIN].memory, this[ADDRESS]);
  }

  /**
   * Acquires a lock whose owner died, and clears the mark: now the data it protects is yours to set right. Throws
   * `RuntimeError` if there is no mark.
   */
  recover(): this {
    if (!recoverLock(this[DOMAIN].memory, this[ADDRESS])) throw notBroken("Lock");
    this.#times++;
    return this;
  }

  [Symbol.dispose](): void {
    this.release();
  }

  override toString(): string {
    return `<Lock ${this.locked ? "locked" : "unlocked"}>`;
  }

  #acquired(result: number): this | undefined {
    if (result === GRANT.ownerDied) throw ownerDied("Lock");
    return result === EXPIRED ? undefined : this;
  }

  /** It was free. */
  #own(by: Function): this {
    const n = this.#times + 1;
    if ((n & (n - 1)) === 0) this.#look(by);
    else this.#times = n;
    return this;
  }

  /** Remembers where it is being taken, now and then. */
  #look(by: Function): void {
    const n = ++this.#times;
    if ((n & (n - 1)) !== 0) return;
    const site = sampledSite(by);
    if (site === undefined) return;
    this.#site = site;
    this.#seen = n;
  }

  static {
    tellsSites((lock) => {
      if (!(lock instanceof Lock) || lock.#site === undefined || !holdsLock(lock)) return undefined;
      return { site: lock.#site, isNow: lock.#seen === lock.#times };
    });
  }
}

register(TAG.lock, () => new Lock(), import.meta.url);
traceLocks(Lock.prototype);

/** Does the calling thread hold the lock? */
export function holdsLock(lock: SharedObject): boolean {
  const { memory } = lock[DOMAIN];
  return lockOwner(memory, lock[ADDRESS]) === memory.self;
}

export function ownerDied(type: string): OwnerDiedError {
  return new OwnerDiedError(
    `The thread that held this ${type} died without releasing it, so what it protects may be half done. ` +
      "Call recover() to acquire it, and set that right.",
  );
}

export function notBroken(type: string): RuntimeError {
  return new RuntimeError(`recover() is for a ${type} whose owner died; this one is intact: acquire it as usual.`);
}
