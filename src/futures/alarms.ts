/**
 * Things to do at a certain time, also by a thread that blocks meanwhile: it asks when the next is due, and sleeps no
 * longer.
 *
 * @module
 */

import { atDeadline, type Deadline, now } from "../core/deadline.ts";

interface Alarm {
  readonly at: Deadline;
  readonly ring: () => void;
  stop: () => void;
}

export class Alarms {
  readonly #pending: Set<Alarm> = new Set();

  /** Calls `ring` then. Returns what calls it off. */
  set(at: Deadline, ring: () => void): () => void {
    if (at === Infinity) return () => undefined;
    const alarm: Alarm = { at, ring, stop: () => undefined };
    const off = (): boolean => {
      alarm.stop();
      return this.#pending.delete(alarm);
    };
    alarm.stop = atDeadline(at, () => {
      if (off()) ring();
    });
    this.#pending.add(alarm);
    return off;
  }

  /** When the next is due. */
  get next(): Deadline {
    let next: Deadline = Infinity;
    for (const { at } of this.#pending) next = Math.min(next, at);
    return next;
  }

  /** For a thread whose timers cannot fire: rings what is due. */
  ringDue(): void {
    const time = now();
    for (const alarm of [...this.#pending]) {
      if (alarm.at > time || !this.#pending.delete(alarm)) continue;
      alarm.stop();
      alarm.ring();
    }
  }
}
