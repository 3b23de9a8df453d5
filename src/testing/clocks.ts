/**
 * Which access happened before which: vector clocks. Two accesses to one place race if neither happened before the
 * other, at least one of them writes, and not both are atomic. Whether they met in this run does not matter: the locks
 * did not keep them apart.
 *
 * Source: C. Flanagan, S. Freund, "FastTrack"; here with full clocks, since scenarios are small.
 *
 * @module
 */

/** Of each thread, how much is known to have happened. */
export type Clock = number[];

/** An object that threads synchronise through, or a place in data they share. */
export type Place = number | string;

export type AccessKind = "read" | "write" | "atomic";

export interface Access {
  readonly thread: number;
  readonly kind: AccessKind;
  /** The thread's own clock at the time. */
  readonly time: number;
  /** Position in the trace. */
  readonly event: number;
}

export interface Race {
  readonly place: Place;
  readonly earlier: Access;
  readonly later: Access;
}

function join(into: Clock, from: Clock | undefined): void {
  if (from === undefined) return;
  for (let i = 0; i < from.length; i++) into[i] = Math.max(into[i] ?? 0, from[i] ?? 0);
}

function conflict(a: AccessKind, b: AccessKind): boolean {
  // A plain read may meet an atomic operation: both see whole values, and neither loses what the other did.
  return a === "write" || b === "write";
}

export class Clocks {
  readonly races: Race[] = [];
  readonly #threads: Clock[] = [];
  readonly #places: Map<Place, Clock> = new Map();
  /** The last access of each kind by each thread. */
  readonly #accesses: Map<Place, Map<string, Access>> = new Map();

  #of(thread: number): Clock {
    return (this.#threads[thread] ??= []);
  }

  tick(thread: number): void {
    const clock = this.#of(thread);
    clock[thread] = (clock[thread] ?? 0) + 1;
  }

  /** What the thread did so far happened before whatever acquires the place later. */
  release(thread: number, place: Place): void {
    const clock = this.#places.get(place) ?? [];
    join(clock, this.#of(thread));
    this.#places.set(place, clock);
  }

  acquire(thread: number, place: Place): void {
    join(this.#of(thread), this.#places.get(place));
  }

  /** Notes an access to data, and the races it takes part in: the first of each place. */
  access(thread: number, place: Place, kind: AccessKind, event: number): void {
    const clock = this.#of(thread);
    if (kind !== "write") this.acquire(thread, place);
    if (kind === "atomic") this.release(thread, place);
    const accesses = this.#accesses.get(place) ?? new Map<string, Access>();
    this.#accesses.set(place, accesses);
    const later: Access = { thread, kind, time: clock[thread] ?? 0, event };
    for (const earlier of accesses.values()) {
      if (earlier.thread === thread || !conflict(earlier.kind, kind)) continue;
      if ((clock[earlier.thread] ?? 0) >= earlier.time) continue;
      if (!this.races.some((race) => race.place === place)) this.races.push({ place, earlier, later });
    }
    accesses.set(`${thread} ${kind}`, later);
  }
}
