/**
 * Event: a flag that threads wait for.
 *
 * @module
 */

import { deadlineIn, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, DOMAIN, register, SharedObject } from "../core/handles.ts";
import { EVENT_WORDS, GRANT, TAG } from "../core/layout.ts";
import { EXPIRED, QUEUED, type WaitKind } from "../core/parker.ts";
import { clearEvent, isEventSet, isSetOrEnqueue, setEvent } from "../core/raw/event.ts";

const EVENT_WAIT: WaitKind = {
  name: "event.wait",
  enter: (memory, event, slot) => (isSetOrEnqueue(memory, event, slot) ? GRANT.done : QUEUED),
};

/**
 * A flag: threads wait until another sets it.
 *
 * Use it for "go", "stop" and "ready", where it does not matter how many wait.
 *
 * ```ts
 * import { Event } from "heddle/threading";
 *
 * const ready = new Event();
 * // in a thread
 * ready.waitSync();
 * // in another
 * ready.set();
 * ```
 *
 * **Blocking.** `wait` and `waitSync` give true as soon as the flag is set, false when the timeout passes first.
 *
 * **Fairness.** `set` releases everyone who waits, also if `clear` follows at once.
 */
export class Event extends SharedObject {
  constructor() {
    super(TAG.event, EVENT_WORDS);
  }

  /** Sets the flag and releases everyone who waits. */
  set(): void {
    setEvent(this[DOMAIN].memory, this[ADDRESS]);
  }

  /** Clears the flag: later waits wait again. */
  clear(): void {
    clearEvent(this[DOMAIN].memory, this[ADDRESS]);
  }

  /** Is the flag set? */
  get isSet(): boolean {
    return isEventSet(this[DOMAIN].memory, this[ADDRESS]);
  }

  /** Waits for the flag without blocking. */
  async wait(options?: WaitOptions): Promise<boolean> {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    if (isEventSet(this[DOMAIN].memory, this[ADDRESS])) return true;
    return (await this[DOMAIN].parker.wait(EVENT_WAIT, this[ADDRESS], this, deadline, options?.signal)) !== EXPIRED;
  }

  /** Waits for the flag, blocking. */
  waitSync(options?: WaitOptions): boolean {
    const deadline = deadlineIn(options);
    if (isEventSet(this[DOMAIN].memory, this[ADDRESS])) return true;
    return this[DOMAIN].parker.waitSync(EVENT_WAIT, this[ADDRESS], deadline, options?.signal) !== EXPIRED;
  }

  override toString(): string {
    return `<Event ${this.isSet ? "set" : "unset"}>`;
  }
}

register(TAG.event, () => new Event(), import.meta.url);
