/**
 * Barrier: threads that wait for each other.
 *
 * @module
 */

import { load, store } from "#atomics";
import { deadlineIn, deadlineOf, describe, type Deadline, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, DOMAIN, isAttaching, register, SharedObject } from "../core/handles.ts";
import { BARRIER, BARRIER_STATE, BARRIER_WORDS, GRANT, TAG } from "../core/layout.ts";
import { EXPIRED, QUEUED, type WaitKind } from "../core/parker.ts";
import {
  abortBarrier,
  ARRIVAL,
  arrive,
  finishAction,
  generationOf,
  resetBarrier,
  timeOut,
  waitingAt,
} from "../core/raw/barrier.ts";
import { cancelWait } from "../core/raw/wait-list.ts";
import { BrokenBarrierError, ValueError } from "../errors.ts";

const BARRIER_WAIT: WaitKind = {
  name: "barrier.wait",
  enter(memory, barrier, slot) {
    const arrival = arrive(memory, barrier, slot);
    return arrival === ARRIVAL.queued ? QUEUED : arrival;
  },
  // A party that is too late breaks the barrier for all; one that was cancelled just leaves.
  cancel: (memory, barrier, slot, expired) => (expired ? timeOut(memory, barrier, slot) : cancelWait(memory, slot)),
};

export interface BarrierOptions {
  /** Run once a round, by the last to arrive, before anybody is released. */
  action?: (() => void) | undefined;
  /** Default timeout of every wait, in milliseconds. */
  timeout?: number | undefined;
}

/**
 * A meeting point for a fixed number of threads: each waits until all have arrived, then all go on. It can be used again
 * at once.
 *
 * Use it for work in rounds, where no thread may start the next round before all finished this one.
 *
 * ```ts
 * import { Barrier } from "heddle/threading";
 *
 * const barrier = new Barrier(4);
 * // in each of four threads, between two rounds
 * const index = barrier.waitSync(); // 0 … 3, in order of arrival
 * ```
 *
 * **Blocking.** `wait` and `waitSync` give the caller's place in the round, 0 for the first to arrive.
 *
 * **Cancellation.** A timeout breaks the barrier: everyone who waits or comes later gets `BrokenBarrierError` until
 * {@link reset}. A wait ended by a signal or by its thread's cancellation just leaves, as in asyncio.
 */
export class Barrier extends SharedObject {
  #action: (() => void) | undefined;

  /** @param parties how many threads meet; 1 or more */
  constructor(parties: number, options?: BarrierOptions) {
    const attaching = isAttaching();
    if (!attaching) checkParties(parties);
    const action = options?.action;
    if (action !== undefined && typeof action !== "function") {
      throw new TypeError(`A barrier's action must be a function, not ${describe(action)}`);
    }
    deadlineOf(options?.timeout);
    super(TAG.barrier, BARRIER_WORDS, (address, { memory, packer }) => {
      store(memory.words, address + BARRIER.parties, parties);
      store(memory.words, address + BARRIER.timeout, options?.timeout === undefined ? -1 : Math.ceil(options.timeout));
      if (action !== undefined) store(memory.words, address + BARRIER.action, packer.pack(action, "action"));
    });
    this.#action = action;
  }

  /** Waits for the others without blocking. Throws `BrokenBarrierError` if the barrier is or gets broken. */
  async wait(options?: WaitOptions): Promise<number> {
    const deadline = this.#deadline(options);
    const message = load(this[DOMAIN].memory.words, this[ADDRESS] + BARRIER.action);
    if (message !== 0 && this.#action === undefined) await this[DOMAIN].packer.prepare(message, true);
    return this.#arrived(await this[DOMAIN].parker.wait(BARRIER_WAIT, this[ADDRESS], this, deadline, options?.signal));
  }

  /** Waits for the others, blocking. Throws `BrokenBarrierError` if the barrier is or gets broken. */
  waitSync(options?: WaitOptions): number {
    const deadline = this.#deadline(options);
    return this.#arrived(this[DOMAIN].parker.waitSync(BARRIER_WAIT, this[ADDRESS], deadline, options?.signal));
  }

  /** Makes the barrier as new; those who wait get `BrokenBarrierError`. */
  reset(): void {
    resetBarrier(this[DOMAIN].memory, this[ADDRESS]);
  }

  /** Breaks the barrier: those who wait, and all who come, get `BrokenBarrierError` until {@link reset}. */
  abort(): void {
    abortBarrier(this[DOMAIN].memory, this[ADDRESS]);
  }

  /** How many meet. */
  get parties(): number {
    return load(this[DOMAIN].memory.words, this[ADDRESS] + BARRIER.parties);
  }

  /** How many have arrived in this round. */
  get nWaiting(): number {
    return waitingAt(this[DOMAIN].memory, this[ADDRESS]);
  }

  /** Is it broken? */
  get broken(): boolean {
    return load(this[DOMAIN].memory.words, this[ADDRESS] + BARRIER.state) === BARRIER_STATE.broken;
  }

  override toString(): string {
    return `<Barrier ${this.broken ? "broken" : `waiters=${this.nWaiting}/${this.parties}`}>`;
  }

  #deadline(options: WaitOptions | undefined): Deadline {
    const given = deadlineIn(options);
    const fallback = load(this[DOMAIN].memory.words, this[ADDRESS] + BARRIER.timeout);
    return options?.timeout === undefined && fallback >= 0 ? deadlineOf(fallback) : given;
  }

  #arrived(result: number): number {
    if (result === ARRIVAL.runAction) return this.#runAction();
    if (result >= 0) return result;
    if (result === EXPIRED) throw new BrokenBarrierError("The wait at the barrier timed out, which broke it for all.");
    throw new BrokenBarrierError(
      result === GRANT.broken || result === ARRIVAL.broken
        ? "The barrier is broken: it was aborted or reset, a wait timed out, or its action failed. reset() makes it usable."
        : `unexpected result ${result} of a wait at a barrier`,
    );
  }

  #runAction(): number {
    const generation = generationOf(this[DOMAIN].memory, this[ADDRESS]);
    try {
      const { memory, packer } = this[DOMAIN];
      this.#action ??= packer.peek(load(memory.words, this[ADDRESS] + BARRIER.action)) as () => void;
      this.#action();
    } catch (error) {
      finishAction(this[DOMAIN].memory, this[ADDRESS], generation, true);
      throw error;
    }
    return this.#arrived(finishAction(this[DOMAIN].memory, this[ADDRESS], generation, false));
  }
}

function checkParties(parties: number): void {
  if (typeof parties !== "number") throw new TypeError(`parties must be a number, not ${describe(parties)}`);
  if (!Number.isInteger(parties) || parties < 1) {
    throw new ValueError(`parties must be 1 or more, a whole number, not ${parties}`);
  }
}

register(TAG.barrier, () => new Barrier(1), import.meta.url);
