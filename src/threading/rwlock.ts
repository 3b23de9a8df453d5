/**
 * RWLock: many readers, or one writer.
 *
 * @module
 */

import { deadlineIn, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, DOMAIN, register, SharedObject } from "../core/handles.ts";
import { GRANT, RWLOCK_WORDS, TAG } from "../core/layout.ts";
import { keepHere } from "../core/messages.ts";
import { EXPIRED, QUEUED, type WaitKind } from "../core/parker.ts";
import { acquireRw, cancelRw, holdersOf, READ, recoverRw, releaseRw, RW_RESULT, WRITE } from "../core/raw/rwlock.ts";
import { OwnerDiedError, RuntimeError } from "../errors.ts";
import { deadlocks, tracesLocks } from "./deadlock.ts";
import { notBroken } from "./lock.ts";

/** What every lock can do. */
export interface LockLike extends Disposable {
  /** Waits without blocking. With a timeout: `undefined` when it passes. */
  acquire(): Promise<this>;
  acquire(options: WaitOptions | undefined): Promise<this | undefined>;
  /** Blocks. With a timeout: `undefined` when it passes. */
  acquireSync(): this;
  acquireSync(options: WaitOptions | undefined): this | undefined;
  /** Takes the lock if that is possible at once. */
  tryAcquire(): this | undefined;
  release(): void;
  readonly locked: boolean;
}

function waitFor(kind: number): WaitKind {
  return {
    name: kind === READ ? "rwlock.read.acquire" : "rwlock.write.acquire",
    enter(memory, rwlock, slot) {
      const result = acquireRw(memory, rwlock, kind, slot);
      if (result === RW_RESULT.queued) return QUEUED;
      return result === RW_RESULT.acquired ? GRANT.done : GRANT.ownerDied;
    },
    cancel: cancelRw,
    watch: deadlocks,
    traced: tracesLocks,
  };
}

const READ_WAIT = waitFor(READ);
const WRITE_WAIT = waitFor(WRITE);

/** @internal The lock of an {@link RWLock} for one of the two purposes. */
export class Side implements LockLike {
  readonly #rwlock: RWLock;
  readonly #kind: number;
  readonly #wait: WaitKind;

  constructor(rwlock: RWLock, kind: number) {
    this.#rwlock = rwlock;
    this.#kind = kind;
    this.#wait = kind === READ ? READ_WAIT : WRITE_WAIT;
    const name = kind === READ ? "read" : "write";
    keepHere(this, `the ${name} lock of an RWLock cannot be sent: send the RWLock, and use its ${name} there`);
  }

  acquire(): Promise<this>;
  acquire(options: WaitOptions | undefined): Promise<this | undefined>;
  async acquire(options?: WaitOptions): Promise<this | undefined> {
    const deadline = deadlineIn(options);
    const rwlock = this.#rwlock;
    return this.#acquired(
      await this.#rwlock[DOMAIN].parker.wait(this.#wait, rwlock[ADDRESS], rwlock, deadline, options?.signal),
    );
  }

  acquireSync(): this;
  acquireSync(options: WaitOptions | undefined): this | undefined;
  acquireSync(options?: WaitOptions): this | undefined {
    const deadline = deadlineIn(options);
    return this.#acquired(
      this.#rwlock[DOMAIN].parker.waitSync(this.#wait, this.#rwlock[ADDRESS], deadline, options?.signal),
    );
  }

  tryAcquire(): this | undefined {
    const result = acquireRw(this.#rwlock[DOMAIN].memory, this.#rwlock[ADDRESS], this.#kind, 0);
    if (result === RW_RESULT.ownerDied) throw writerDied();
    return result === RW_RESULT.acquired ? this : undefined;
  }

  /** Throws `RuntimeError` if the calling thread does not hold the lock. */
  release(): void {
    if (releaseRw(this.#rwlock[DOMAIN].memory, this.#rwlock[ADDRESS], this.#kind)) return;
    const way = this.#kind === READ ? "reading" : "writing";
    throw new RuntimeError(
      `release of an RWLock that this thread does not hold for ${way}. Each release needs an acquire before it, in the same thread.`,
    );
  }

  /** For those who follow what threads do: the lock, and whether this is its side for writers. */
  static lockOf(side: Side): { readonly rwlock: RWLock; readonly isWrite: boolean } {
    return { rwlock: side.#rwlock, isWrite: side.#kind === WRITE };
  }

  /** Is it held in this way, by whomever? */
  get locked(): boolean {
    return holdersOf(this.#rwlock[DOMAIN].memory, this.#rwlock[ADDRESS], this.#kind) > 0;
  }

  [Symbol.dispose](): void {
    this.release();
  }

  #acquired(result: number): this | undefined {
    if (result === GRANT.ownerDied) throw writerDied();
    return result === EXPIRED ? undefined : this;
  }
}

class WriteSide extends Side {
  readonly #recover: () => void;

  constructor(rwlock: RWLock) {
    super(rwlock, WRITE);
    this.#recover = () => void rwlock.recover();
  }

  /** As {@link RWLock.recover}. */
  recover(): this {
    this.#recover();
    return this;
  }
}

/** The side of an {@link RWLock} for writers. */
export interface WriteLock extends LockLike {
  /** Acquires a lock whose writer died for writing, and clears the mark. */
  recover(): this;
}

/**
 * A lock that any number of readers hold at the same time, or one writer alone.
 *
 * Use it for data that is read often, for long enough to be worth it, and changed rarely. A plain `Lock` is faster for
 * short sections.
 *
 * ```ts
 * import { RWLock } from "heddle/threading";
 *
 * const lock = new RWLock();
 * {
 *   using _ = lock.read.acquireSync(); // or: await lock.read.acquire()
 *   // others may read too
 * }
 * {
 *   using _ = lock.write.acquireSync();
 *   // nobody else reads or writes
 * }
 * ```
 *
 * **Blocking** and **Cancellation** as for `Lock`.
 *
 * **Fairness.** First come, first served: a writer waits for the readers that were there before it, readers that come
 * after it wait for it. So acquiring `read` twice in one thread can wait for ever, for a writer in between; and so does
 * `write` within `read`.
 *
 * **Memory ordering.** What a writer wrote before its `release` is seen by everyone who acquires after it.
 *
 * **Errors.** A thread releases what it acquired itself. One that dies while it reads just gives its share back; one that
 * dies while it writes marks the lock: everyone gets `OwnerDiedError` until one calls {@link recover}.
 *
 * **Differs from Python**, which has none.
 */
export class RWLock extends SharedObject {
  /** For those who only look. */
  readonly read: LockLike;
  /** For those who change something. */
  readonly write: WriteLock;

  constructor() {
    super(TAG.rwlock, RWLOCK_WORDS);
    this.read = new Side(this, READ);
    this.write = new WriteSide(this);
  }

  /**
   * Acquires a lock whose writer died, for writing, and clears the mark: now the data it protects is yours to set right.
   * Throws `RuntimeError` if there is no mark.
   */
  recover(): this {
    if (!recoverRw(this[DOMAIN].memory, this[ADDRESS])) throw notBroken("RWLock");
    return this;
  }

  override toString(): string {
    const readers = holdersOf(this[DOMAIN].memory, this[ADDRESS], READ);
    return `<RWLock ${this.write.locked ? "writing" : readers > 0 ? `readers=${readers}` : "unlocked"}>`;
  }
}

register(TAG.rwlock, () => new RWLock(), import.meta.url);

function writerDied(): OwnerDiedError {
  return new OwnerDiedError(
    "The thread that held this RWLock for writing died without releasing it, so what it protects may be half done. " +
      "Call recover() to acquire it for writing, and set that right.",
  );
}
