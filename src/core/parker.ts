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
import { atDeadline, type Deadline, now } from "./deadline.ts";
import { GRANT, PROGRAM, RECORD, SLOT, SLOT_STATE } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { platform } from "./platform.ts";
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
}

interface Pending {
  readonly kind: WaitKind;
  readonly object: number;
  /** Keeps the handle of what is waited for, and with it the shared object, alive. */
  readonly owner: unknown;
  readonly slot: number;
  readonly resolve: (result: number) => void;
  readonly reject: (reason: unknown) => void;
  stopTimer: () => void;
  signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
}

export class Parker {
  readonly #memory: Memory;
  readonly #slots: Slots;
  readonly #pending: Map<number, Pending> = new Map();
  /** Called whenever the doorbell rang: for those who look after rings of their own. */
  readonly onRing: Set<() => void> = new Set();
  #armed = false;
  #deathEpoch = 0;
  #cancelSeen = false;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#slots = new Slots(memory);
  }

  /** Was this thread asked to end? A few nanoseconds: made to be polled. */
  get cancelRequested(): boolean {
    return load(this.#memory.words, this.#memory.record + RECORD.cancel) !== 0;
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
    store(memory.words, slot + SLOT.request, 0);
    for (;;) {
      const result = kind.enter(memory, object, slot, true);
      if (result !== QUEUED) return result;
      if (!memory.canBlock) {
        this.#cancel(kind, object, slot, false);
        throw new RuntimeError(
          `${kind.name}Sync would have to block, which a web page may not do. Use await ${kind.name}() instead.`,
        );
      }
      const ended = this.#sleep(kind, object, slot, deadline);
      if (ended !== undefined) return ended;
      const value = load(memory.words, slot + SLOT.value);
      kind.take?.(memory, slot);
      store(memory.words, state, SLOT_STATE.free);
      if (value !== GRANT.retry) return value;
      kind.again?.(memory, slot);
    }
  }

  /** Sleeps until the slot is granted (`undefined`) or the wait ended otherwise. */
  #sleep(kind: WaitKind, object: number, slot: number, deadline: Deadline): number | undefined {
    const memory = this.#memory;
    const state = slot + SLOT.state;
    // Once it is too late to give up, the grant is on its way: there is nothing to do but sleep until it is there.
    let granting = false;
    for (let first = true; ; first = false) {
      const seen = load(memory.words, state);
      if (seen === SLOT_STATE.granted) return undefined;
      if (first || seen === SLOT_STATE.interrupted) {
        platform.poll();
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
      }
      const left = granting || deadline === Infinity ? Infinity : deadline - now();
      if (left <= 0) {
        if (this.#cancel(kind, object, slot, true)) return EXPIRED;
        granting = true;
        continue;
      }
      const slice = platform.slice() ?? Infinity;
      const sleep = Math.min(left, slice);
      memory.wait(state, SLOT_STATE.waiting, sleep === Infinity ? undefined : sleep);
      if (slice !== Infinity) platform.poll();
    }
  }

  #cancel(kind: WaitKind, object: number, slot: number, expired: boolean): boolean {
    return kind.cancel === undefined ? cancelWait(this.#memory, slot) : kind.cancel(this.#memory, object, slot, expired);
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
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        kind,
        object,
        owner,
        slot,
        resolve,
        reject,
        stopTimer: () => undefined,
        signal,
        onAbort: undefined,
      };
      this.#pending.set(slot, pending);
      platform.hold();
      if (deadline !== Infinity) {
        pending.stopTimer = atDeadline(deadline, () => this.#giveUp(pending, true, () => resolve(EXPIRED)));
      }
      if (signal !== undefined) {
        pending.onAbort = () => this.#giveUp(pending, false, () => reject(signal.reason));
        signal.addEventListener("abort", pending.onAbort, { once: true });
      }
      this.arm();
    });
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

  /** Takes in what the doorbell was rung for. */
  drain(): void {
    const memory = this.#memory;
    const record = memory.record;
    // First the bell, then the stack: what is pushed in between rings again.
    exchange(memory.words, record + RECORD.doorbell, 0);
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

  #giveUp(pending: Pending, expired: boolean, settle: () => void): void {
    // Not in the list any more: it was granted, and the grant is on its way through the ready stack.
    if (!this.#cancel(pending.kind, pending.object, pending.slot, expired)) return;
    this.#finish(pending);
    settle();
  }

  #finish(pending: Pending): void {
    this.#pending.delete(pending.slot);
    this.#slots.give(pending.slot);
    pending.stopTimer();
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
