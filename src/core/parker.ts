/**
 * The parker: how a thread waits. All blocking and all waiting on the event loop of every primitive goes through here.
 *
 * ```
 *   wait       try ── slot into the list ── pending ── doorbell ── drain the ready stack ── resolve
 *   waitSync   try ── slot into the list ── sleep on the slot's word ── go on
 * ```
 * An event loop waits with one `waitAsync` on its thread's doorbell, however many waits are pending: none is ever
 * abandoned (an abandoned one would swallow a later wake-up), and giving up a wait costs no native memory. Pending
 * waits keep the process alive; an armed doorbell alone does not.
 *
 * @module
 */

import { compareExchange, exchange, load, store } from "#atomics";
import { CancelledError, RuntimeError } from "../errors.ts";
import { callerStack } from "./caller-stack.ts";
import { atDeadline, type Deadline, now } from "./deadline.ts";
import { Gamble } from "./gamble.ts";
import { identity } from "./identity.ts";
import { DOORBELL, GRANT, PROGRAM, RECORD, SLOT, SLOT_STATE } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { platform } from "./platform.ts";
import { goOn, STALL } from "./raw/deadlock.ts";
import { spinWhile } from "./raw/spin.ts";
import { cancelWait, granterDied } from "./raw/wait-list.ts";
import { Slots } from "./slots.ts";

/** What {@link WaitKind.enter} says when the slot waits now. */
export const QUEUED = -1000;
/** The wait ended because its deadline passed. */
export const EXPIRED = -1001;

/** One kind of wait: how it begins, and how it is given up. */
export interface WaitKind {
  /** For messages and the monitor, such as `lock.acquire`. */
  readonly name: string;
  /** Takes what is wanted and says how that went, or enters the slot and returns {@link QUEUED}. */
  enter(memory: Memory, object: number, slot: number, blocking: boolean): number;
  /** Takes the slot out again. False: it was granted in the meantime. Default: `cancelWait`. */
  cancel?(memory: Memory, object: number, slot: number, expired: boolean): boolean;
  /** Not ended by the thread's cancellation: a condition must have its lock back, come what may. */
  readonly shielded?: boolean;
  /** Takes what came with the grant out of the slot, which is used for other waits next. */
  take?(memory: Memory, slot: number): void;
  /** Prepares the slot before it tries again after `GRANT.retry`. */
  again?(memory: Memory, slot: number): void;
  /** `enter` spins itself before it enters the slot of a thread that will block. Else that is done here, before it sleeps. */
  readonly spins?: boolean;
  /** Told of a wait without end that lasts: for waits that only one other thread can end. */
  readonly watch?: Watch;
  /** Remember where it was begun on the event loop, for the watch. Costs about a microsecond. */
  readonly traced?: boolean;
}

/** Looks whether a wait that lasts can end at all. See threading/deadlock.ts. */
export interface Watch {
  /** Called about every second. An error: the wait was given up, and ends with it. */
  look(stall: Stalled): Error | undefined;
}

/** A thread that has been in its waits for about a second, and in no other business. */
export interface Stalled {
  /** {@link STALL}. */
  readonly kind: number;
  /** Of the wait that would be given up. */
  readonly wait: WaitKind;
  /** Where that wait began, if known. */
  readonly from: { readonly stack?: string } | undefined;
  /** False: it was granted. */
  giveUp(): boolean;
}

/** How often the event loop has a turn at least, in milliseconds, while results come without it. */
const LOOP_EVERY = 0.25;

/** How often a wait that lasts is looked at. Milliseconds. */
const LOOK_EVERY = 1000;
/** An event loop with more waits than this is not looked at: that would take long, and it hardly waits for nothing. */
const MOST_PENDING = 64;

interface Pending {
  readonly kind: WaitKind;
  readonly object: number;
  /** Keeps the handle of what is waited for, and with it the shared object, alive. */
  readonly owner: unknown;
  readonly slot: number;
  readonly resolve: (result: number) => void;
  readonly reject: (reason: unknown) => void;
  stopTimer: () => void;
  /** Tells the asyncio task that waits, if one does, that it has ended. */
  leaveTask: (() => void) | undefined;
  signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  /** Only the grant ends it. */
  readonly endless: boolean;
  readonly from: { readonly stack?: string } | undefined;
}

export class Parker {
  readonly #memory: Memory;
  readonly #watches: boolean;
  readonly #slots: Slots;
  readonly #pending: Map<number, Pending> = new Map();
  /** Called whenever the doorbell rang: for those who look after rings of their own. */
  readonly onRing: Set<() => void> = new Set();
  #armed = false;
  /** What {@link expect} was given, while the doorbell is watched. */
  #nap: (() => boolean) | undefined;
  readonly #napping: Gamble = new Gamble();
  /** When the event loop must have another turn. */
  #loopDue = 0;
  #deathEpoch = 0;
  #cancelSeen = false;
  /** The word that cancels the executor's task that runs here; address 0: none runs. */
  #taskCancel = 0;
  #taskMemory: Memory;
  /** A watch was called, and has told others of it. */
  #stalled = false;
  #ticking = false;
  /** Grows with every wait that begins or ends on the event loop; and what it was at the last tick. */
  #changes = 0;
  #changesSeen = 0;

  /** @param watches whether waits that last are looked at for knots: only among the threads of one program */
  constructor(memory: Memory, watches = true) {
    this.#memory = memory;
    this.#taskMemory = memory;
    this.#watches = watches;
    goOn(memory);
    this.#slots = new Slots(memory);
  }

  /** Was this thread, or the executor's task that it runs, asked to end? A few nanoseconds: made to be polled. */
  get cancelRequested(): boolean {
    return load(this.#memory.words, this.#memory.record + RECORD.cancel) !== 0 || this.taskCancelRequested;
  }

  /** Was the executor's task that this thread runs asked to end? */
  get taskCancelRequested(): boolean {
    return this.#taskCancel !== 0 && load(this.#taskMemory.words, this.#taskCancel) !== 0;
  }

  /** From now on the thread is cancelled also while that word is not 0. 0: the task is over. */
  watchTask(word: number, memory: Memory = this.#memory): void {
    this.#taskMemory = memory;
    this.#taskCancel = word;
    this.#cancelSeen = false;
  }

  /** Waits that are pending on the event loop. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Blocks until the wait is over. Returns what the kind's `enter` or the granter said, or {@link EXPIRED}. */
  waitSync(kind: WaitKind, object: number, deadline: Deadline, signal?: AbortSignal): number {
    signal?.throwIfAborted();
    const memory = this.#memory;
    const slot = this.#slots.sync;
    const state = slot + SLOT.state;
    if (this.#stalled) this.#goOn();
    store(memory.words, slot + SLOT.request, 0);
    let spins = kind.spins !== true;
    for (;;) {
      const result = kind.enter(memory, object, slot, true);
      if (result !== QUEUED) return result;
      if (!memory.canBlock) {
        this.#cancel(kind, object, slot, false);
        throw new RuntimeError(
          `${kind.name}Sync would have to block, which a web page may not do. Use await ${kind.name}() instead.`,
        );
      }
      if (kind.shielded !== true) this.#throwIfInterrupted(kind, object, slot);
      let ended: number | undefined;
      try {
        ended = this.#sleep(kind, object, slot, deadline, spins);
      } finally {
        if (this.#stalled) this.#goOn();
      }
      if (ended !== undefined) return ended;
      const value = load(memory.words, slot + SLOT.value);
      kind.take?.(memory, slot);
      store(memory.words, state, SLOT_STATE.free);
      if (value !== GRANT.retry) return value;
      kind.again?.(memory, slot);
      // It comes to its turn soon, if not at once: whoever has what it was woken for is running now.
      spins = true;
    }
  }

  /** A task that was cancelled, and has not been told, must not block its thread. */
  #throwIfInterrupted(kind: WaitKind, object: number, slot: number): void {
    const task = identity.running();
    if (task === undefined) return;
    let interrupted: { readonly error: unknown } | undefined;
    task.enter((error) => {
      if (!this.#cancel(kind, object, slot, false)) return false;
      interrupted = { error };
      return true;
    })();
    if (interrupted !== undefined) throw interrupted.error;
  }

  /** Sleeps until the slot is granted (`undefined`) or the wait ended otherwise. */
  #sleep(kind: WaitKind, object: number, slot: number, deadline: Deadline, spins: boolean): number | undefined {
    const memory = this.#memory;
    const state = slot + SLOT.state;
    // Once it is too late to give up, the grant is on its way: there is nothing to do but sleep until it is there.
    let granting = false;
    const watched = deadline === Infinity && kind.watch !== undefined && this.#watches;
    let lookAt = Infinity;
    for (let first = true; ; first = false) {
      const seen = load(memory.words, state);
      if (seen === SLOT_STATE.granted) return undefined;
      if (first || seen === SLOT_STATE.interrupted) platform.poll();
      if (this.cancelRequested && kind.shielded !== true && !granting) {
        if (this.#cancel(kind, object, slot, false)) {
          this.#noticeCancel();
          throw cancelled(kind);
        }
        granting = true;
      }
      if (seen === SLOT_STATE.interrupted) {
        compareExchange(memory.words, state, SLOT_STATE.interrupted, SLOT_STATE.waiting);
        continue;
      }
      const left = granting || deadline === Infinity ? Infinity : deadline - now();
      if (left <= 0) {
        if (this.#cancel(kind, object, slot, true)) return EXPIRED;
        granting = true;
        continue;
      }
      const slice = platform.slice() ?? Infinity;
      let sleep = Math.min(left, slice);
      if (watched && !granting) {
        const time = now();
        if (first) lookAt = time + LOOK_EVERY;
        else if (time >= lookAt) {
          this.#lookBlocked(kind, object, slot);
          lookAt = time + LOOK_EVERY;
        }
        sleep = Math.min(sleep, lookAt - time);
      }
      if (first && spins && spinWhile(memory, state, SLOT_STATE.waiting, slot)) continue;
      memory.wait(state, SLOT_STATE.waiting, sleep === Infinity ? undefined : sleep);
      if (slice !== Infinity) platform.poll();
    }
  }

  #lookBlocked(kind: WaitKind, object: number, slot: number): void {
    this.#stalled = true;
    const error = kind.watch!.look({
      kind: STALL.blocked | (kind.shielded === true ? STALL.shielded : 0),
      wait: kind,
      from: callerStack(Parker.prototype.waitSync),
      giveUp: () => this.#cancel(kind, object, slot, false),
    });
    if (error !== undefined) throw error;
  }

  #goOn(): void {
    this.#stalled = false;
    goOn(this.#memory);
  }

  #cancel(kind: WaitKind, object: number, slot: number, expired: boolean): boolean {
    return kind.cancel === undefined
      ? cancelWait(this.#memory, slot)
      : kind.cancel(this.#memory, object, slot, expired);
  }

  /**
   * Waits without blocking. `owner` is kept alive as long as the wait. Resolves as {@link waitSync} returns; rejects
   * with `signal.reason`, or with `CancelledError` when the thread is cancelled.
   */
  wait(kind: WaitKind, object: number, owner: unknown, deadline: Deadline, signal?: AbortSignal): Promise<number> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const memory = this.#memory;
    const slot = this.#slots.take();
    const result = kind.enter(memory, object, slot, false);
    if (result !== QUEUED) {
      this.#slots.give(slot);
      return Promise.resolve(result);
    }
    if (deadline === 0) {
      if (this.#cancel(kind, object, slot, true)) {
        this.#slots.give(slot);
        return Promise.resolve(EXPIRED);
      }
    } else if (this.cancelRequested && kind.shielded !== true && this.#cancel(kind, object, slot, false)) {
      this.#slots.give(slot);
      this.#noticeCancel();
      return Promise.reject(cancelled(kind));
    }
    if (this.#stalled) this.#goOn();
    this.#changes++;
    const from = kind.traced === true ? callerStack(Parker.prototype.wait) : undefined;
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        kind,
        object,
        owner,
        slot,
        resolve,
        reject,
        stopTimer: () => undefined,
        leaveTask: undefined,
        signal,
        onAbort: undefined,
        endless: deadline === Infinity && signal === undefined && kind.watch !== undefined && this.#watches,
        from,
      };
      if (pending.endless) this.#tickSoon();
      this.#pending.set(slot, pending);
      platform.hold();
      if (deadline !== Infinity) {
        pending.stopTimer = atDeadline(deadline, () => this.#giveUp(pending, true, () => resolve(EXPIRED)));
      }
      if (signal !== undefined) {
        pending.onAbort = () => this.#giveUp(pending, false, () => reject(signal.reason));
        signal.addEventListener("abort", pending.onAbort, { once: true });
      }
      if (kind.shielded !== true) {
        pending.leaveTask = identity.running()?.enter((error) => this.#giveUp(pending, false, () => reject(error)));
      }
      this.arm();
    });
  }

  #tickSoon(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    const timer = setTimeout(() => this.#tick(), LOOK_EVERY / 2) as unknown as { unref?(): void };
    timer.unref?.();
  }

  /** Has nothing happened here since the last tick, and can nothing happen but that a wait ends? Then it has stalled. */
  #tick(): void {
    this.#ticking = false;
    const isSettled = this.#changesSeen === this.#changes;
    this.#changesSeen = this.#changes;
    const pending = [...this.#pending.values()];
    if (!pending.some(({ endless }) => endless)) return;
    this.#tickSoon();
    const hasStalled =
      isSettled &&
      pending.length <= MOST_PENDING &&
      pending.every(({ endless }) => endless) &&
      platform.isIdle(pending.length);
    if (hasStalled) this.#lookIdle(pending);
    else if (this.#stalled) this.#goOn();
  }

  #lookIdle(all: readonly Pending[]): void {
    const free = all.find(({ kind }) => kind.shielded !== true);
    const pending = free ?? all[0]!;
    this.#stalled = true;
    const error = pending.kind.watch!.look({
      kind: STALL.idle | (free === undefined ? STALL.shielded : 0),
      wait: pending.kind,
      from: pending.from,
      giveUp: () => this.#cancel(pending.kind, pending.object, pending.slot, false),
    });
    if (error === undefined) return;
    this.#goOn();
    this.#finish(pending);
    pending.reject(error);
  }

  /** Starts to listen to the thread's doorbell, for grants, cancellation and requests. */
  arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    this.#listen();
  }

  #listen(): void {
    const memory = this.#memory;
    for (;;) {
      const rung = memory.waitAsync(memory.record + RECORD.doorbell, 0);
      if (rung !== undefined) {
        void rung.then(() => {
          this.drain();
          this.#listen();
        });
        return;
      }
      this.drain();
    }
  }

  /**
   * Something is about to come. On its next turn the event loop does not sleep until it is woken, which takes long, but
   * calls `nap`: that blocks for some microseconds, and says whether something came meanwhile. Only if that has paid of
   * late, and only if the loop has nothing else to do.
   */
  expect(nap: () => boolean): void {
    if (!platform.parallel || this.#nap !== undefined || !this.#napping.worthTrying()) return;
    this.#nap = nap;
    this.#watch();
  }

  /** Whoever rings now is spared the wake-up. */
  #watch(): void {
    const doorbell = this.#memory.record + RECORD.doorbell;
    compareExchange(this.#memory.words, doorbell, DOORBELL.silent, DOORBELL.watched);
    // Most of the time without a turn of the loop, which takes as long as all the rest.
    if (now() < this.#loopDue) queueMicrotask(this.#turn);
    else platform.soon(this.#loopTurn);
  }

  readonly #loopTurn = (): void => {
    this.#loopDue = now() + LOOP_EVERY;
    this.#turn();
  };

  readonly #turn = (): void => {
    const { words, record } = this.#memory;
    if (load(words, record + RECORD.doorbell) === DOORBELL.rung) this.drain();
    else if (this.onRing.size > 0) this.#napping.settle(this.#nap!());
    if (this.onRing.size > 0 && this.#napping.worthTrying()) {
      this.#watch();
      return;
    }
    this.#nap = undefined;
    // Whoever rang meanwhile has woken nobody.
    const seen = compareExchange(words, record + RECORD.doorbell, DOORBELL.watched, DOORBELL.silent);
    if (seen === DOORBELL.rung) this.drain();
  };

  /** Takes in what the doorbell was rung for. */
  drain(): void {
    const memory = this.#memory;
    const record = memory.record;
    if (this.#stalled) this.#goOn();
    // First the bell, then the stack: what is pushed in between rings again.
    exchange(memory.words, record + RECORD.doorbell, DOORBELL.silent);
    // Before the stack: what a dead granter has pushed is in it then, and comes from there.
    const lost = this.#lostGrants();
    let slot = exchange(memory.words, record + RECORD.ready, 0);
    const granted: number[] = [];
    while (slot !== 0) {
      granted.push(memory.reach(slot));
      slot = load(memory.words, slot + SLOT.ready);
    }
    for (let i = granted.length - 1; i >= 0; i--) this.#granted(granted[i]!);
    for (const each of lost) this.#granted(each);
    platform.poll();
    for (const look of this.onRing) look();
    this.lookForCancel();
  }

  /** Ends the waits on the event loop, if the thread or its task was asked to end. */
  lookForCancel(): void {
    if (this.cancelRequested) this.#noticeCancel();
    else this.#cancelSeen = false;
  }

  #granted(slot: number): void {
    const pending = this.#pending.get(slot);
    if (pending === undefined || load(this.#memory.words, slot + SLOT.state) !== SLOT_STATE.granted) return;
    const value = load(this.#memory.words, slot + SLOT.value);
    if (value !== GRANT.retry) {
      pending.kind.take?.(this.#memory, slot);
      this.#finish(pending);
      pending.resolve(value);
      return;
    }
    pending.kind.again?.(this.#memory, slot);
    const result = pending.kind.enter(this.#memory, pending.object, slot, false);
    if (result === QUEUED) return;
    this.#finish(pending);
    pending.resolve(result);
  }

  /** A granter that died between the grant and the ring: its slots are in no ready stack and never will be. */
  #lostGrants(): number[] {
    const epoch = load(this.#memory.words, PROGRAM.deathEpoch);
    if (epoch === this.#deathEpoch) return [];
    this.#deathEpoch = epoch;
    return [...this.#pending.keys()].filter((slot) => {
      const granted = load(this.#memory.words, slot + SLOT.state) === SLOT_STATE.granted;
      return granted && granterDied(this.#memory, slot);
    });
  }

  #giveUp(pending: Pending, expired: boolean, settle: () => void): boolean {
    // Not in the list any more: it was granted, and the grant is on its way through the ready stack.
    if (!this.#cancel(pending.kind, pending.object, pending.slot, expired)) return false;
    this.#finish(pending);
    settle();
    return true;
  }

  #finish(pending: Pending): void {
    this.#changes++;
    this.#pending.delete(pending.slot);
    this.#slots.give(pending.slot);
    pending.stopTimer();
    pending.leaveTask?.();
    if (pending.onAbort !== undefined) pending.signal!.removeEventListener("abort", pending.onAbort);
    platform.unhold();
  }

  #noticeCancel(): void {
    if (this.#cancelSeen) return;
    this.#cancelSeen = true;
    platform.onCancel();
    for (const pending of [...this.#pending.values()]) {
      if (pending.kind.shielded === true) continue;
      this.#giveUp(pending, false, () => pending.reject(cancelled(pending.kind)));
    }
  }
}

function cancelled(kind: WaitKind): CancelledError {
  return new CancelledError(`${kind.name} was given up because its thread was cancelled`);
}
