/**
 * RLock: a lock that its owner may acquire again.
 *
 * @module
 */

import { load, store } from "#atomics";
import { deadlineIn, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, DOMAIN, register, SharedObject } from "../core/handles.ts";
import { identity } from "../core/identity.ts";
import { GRANT, LOCK, LOCK_WORDS, TAG } from "../core/layout.ts";
import { EXPIRED } from "../core/parker.ts";
import { isLocked, LOCK_RESULT, lockOwner, recoverLock, tryLock, unlock } from "../core/raw/lock.ts";
import { RuntimeError } from "../errors.ts";
import { sampledSite, type Taken, tellsSites, traceLocks } from "./deadlock.ts";
import { holdsLock, LOCK_WAIT, notBroken, ownerDied } from "./lock.ts";

/**
 * A lock with an owner, who may acquire it again and must release it as often.
 *
 * Use it where a locked method calls another that locks too. The owner is the thread; inside an asyncio task, the task.
 *
 * ```ts
 * import { RLock } from "heddle/threading";
 *
 * const lock = new RLock();
 * lock.acquireSync();
 * lock.acquireSync(); // at once: this thread owns it
 * lock.release();
 * lock.release(); // now others may have it
 * ```
 *
 * **Blocking**, **Cancellation**, **Fairness** as for {@link Lock}.
 *
 * **Deadlock.** When threads wait for each other's RLocks, or join each other, one of the waits throws `DeadlockError`
 * after about a second. A wait with a timeout or a signal ends by itself, so there is no deadlock with one. An `await`
 * counts if nothing but such waits keeps the thread's event loop alive: otherwise other code of the thread might release
 * the lock. See the guide to deadlocks.
 *
 * **Differs from Python.** A dead owner is reported as for `Lock`. Coroutines that run in no task count as their
 * thread: use a `Lock` between those, or make them tasks of heddle/asyncio.
 */
export class RLock extends SharedObject implements Disposable {
  /** How often this thread tried to take it; which of these times was looked at last, and where that was. */
  #times = 0;
  #seen = 0;
  #site: Taken["site"] | undefined;

  constructor() {
    super(TAG.rlock, LOCK_WORDS);
  }

  /** Waits for the lock without blocking. With a timeout: `undefined` when it passes. */
  acquire(): Promise<this>;
  acquire(options: WaitOptions | undefined): Promise<this | undefined>;
  async acquire(options?: WaitOptions): Promise<this | undefined> {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    const task = identity.task();
    if (this.#enterAgain(task)) return this.#own(task);
    this.#look(this.acquire);
    if (tryLock(this[DOMAIN].memory, this[ADDRESS]) === LOCK_RESULT.acquired) return this.#own(task);
    return this.#acquired(
      task,
      await this[DOMAIN].parker.wait(LOCK_WAIT, this[ADDRESS], this, deadline, options?.signal),
    );
  }

  /** Blocks until the lock is acquired. With a timeout: `undefined` when it passes. */
  acquireSync(): this;
  acquireSync(options: WaitOptions | undefined): this | undefined;
  acquireSync(options?: WaitOptions): this | undefined {
    const deadline = deadlineIn(options);
    const task = identity.task();
    if (this.#enterAgain(task)) return this.#own(task);
    this.#look(this.acquireSync);
    if (tryLock(this[DOMAIN].memory, this[ADDRESS]) === LOCK_RESULT.acquired) return this.#own(task);
    return this.#acquired(task, this[DOMAIN].parker.waitSync(LOCK_WAIT, this[ADDRESS], deadline, options?.signal));
  }

  /** Takes the lock if it is free, or the caller's already; never waits. */
  tryAcquire(): this | undefined {
    const task = identity.task();
    if (this.#enterAgain(task)) return this.#own(task);
    this.#look(this.tryAcquire);
    const result = tryLock(this[DOMAIN].memory, this[ADDRESS]);
    if (result === LOCK_RESULT.ownerDied) throw ownerDied("RLock");
    return result === LOCK_RESULT.acquired ? this.#own(task) : undefined;
  }

  /** Undoes one acquire. Throws `RuntimeError` if the caller does not own the lock. */
  release(): void {
    if (!this.#isMine(identity.task())) {
      throw new RuntimeError(
        "cannot release un-acquired lock: an RLock is released by the thread or task that acquired it, once for each acquire.",
      );
    }
    const depth = load(this[DOMAIN].memory.words, this[ADDRESS] + LOCK.depth);
    store(this[DOMAIN].memory.words, this[ADDRESS] + LOCK.depth, depth - 1);
    if (depth > 1) return;
    store(this[DOMAIN].memory.words, this[ADDRESS] + LOCK.task, 0);
    unlock(this[DOMAIN].memory, this[ADDRESS]);
  }

  /** Is it held, by whomever? */
  get locked(): boolean {
    return isLocked(this[DOMAIN].memory, this[ADDRESS]);
  }

  /** Acquires a lock whose owner died, and clears the mark. Throws `RuntimeError` if there is no mark. */
  recover(): this {
    if (!recoverLock(this[DOMAIN].memory, this[ADDRESS])) throw notBroken("RLock");
    store(this[DOMAIN].memory.words, this[ADDRESS] + LOCK.task, identity.task());
    this.#times++;
    return this;
  }

  [Symbol.dispose](): void {
    this.release();
  }

  override toString(): string {
    const depth = this.locked ? load(this[DOMAIN].memory.words, this[ADDRESS] + LOCK.depth) : 0;
    return `<RLock ${this.locked ? "locked" : "unlocked"} count=${depth}>`;
  }

  #isMine(task: number): boolean {
    const { memory } = this[DOMAIN];
    return lockOwner(memory, this[ADDRESS]) === memory.self && load(memory.words, this[ADDRESS] + LOCK.task) === task;
  }

  /** Only the owner's own calls touch depth and task, so they need no lock of their own. */
  #enterAgain(task: number): boolean {
    return this.#isMine(task) && load(this[DOMAIN].memory.words, this[ADDRESS] + LOCK.depth) > 0;
  }

  #own(task: number): this {
    const depth = this[ADDRESS] + LOCK.depth;
    store(this[DOMAIN].memory.words, this[ADDRESS] + LOCK.task, task);
    store(this[DOMAIN].memory.words, depth, load(this[DOMAIN].memory.words, depth) + 1);
    return this;
  }

  #acquired(task: number, result: number): this | undefined {
    if (result === GRANT.ownerDied) throw ownerDied("RLock");
    return result === EXPIRED ? undefined : this.#own(task);
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
      if (!(lock instanceof RLock) || lock.#site === undefined || !holdsLock(lock)) return undefined;
      return { site: lock.#site, isNow: lock.#seen === lock.#times };
    });
  }

  /** For a condition: frees all levels and says how many there were. */
  static releaseAll(lock: RLock): number {
    const { memory } = lock[DOMAIN];
    const depth = load(memory.words, lock[ADDRESS] + LOCK.depth);
    store(memory.words, lock[ADDRESS] + LOCK.depth, 0);
    store(memory.words, lock[ADDRESS] + LOCK.task, 0);
    unlock(memory, lock[ADDRESS]);
    return depth;
  }

  /** For a condition: takes the lock back, as deep as it was. */
  static restore(lock: RLock, depth: number, result: number): void {
    if (result === GRANT.ownerDied) throw ownerDied("RLock");
    const { memory } = lock[DOMAIN];
    store(memory.words, lock[ADDRESS] + LOCK.task, identity.task());
    store(memory.words, lock[ADDRESS] + LOCK.depth, depth);
  }

  static isOwned(lock: RLock): boolean {
    return lock.#isMine(identity.task());
  }
}

register(TAG.rlock, () => new RLock(), import.meta.url);
traceLocks(RLock.prototype);
