/**
 * The pump behind a map: items in, results out, in order, and never more in flight than needed.
 *
 * ```
 *   input ─► chunks ─► a few in flight for each worker (lane.ts) ─► results in order ─► next() or the whole list
 * ```
 * The first chunks hold one item each. From how long they took the pump finds a size that takes about a millisecond, so
 * that dispatch costs little when items are small and nothing waits in a chunk behind a slow neighbour when they are not.
 *
 * A consumer who takes the results one by one, and more slowly than they come, holds the input back once some chunks of
 * results wait for it. Nothing does where the list as a whole is awaited, or while an early item keeps later ones waiting.
 *
 * @module
 */

import { atDeadline, deadlineOf } from "../core/deadline.ts";
import { CancelledError, TimeoutError } from "../errors.ts";
import { type CallOptions, DEFAULT_GRACE } from "./call-options.ts";
import { timedOut } from "./call.ts";
import type { ChunkResult } from "./chunk.ts";
import type { MapOptions } from "./executor.ts";
import type { Lane } from "./lane.ts";
import type { MapEntry } from "./maps.ts";
import { Source } from "./source.ts";

/** What a chunk should take, in milliseconds. */
const CHUNK_TIME = 1;
/** Chunks of results, for each that may be in flight, that wait for a consumer who is slower than the workers. */
const BACKLOG = 4;

type Slot<R> = { readonly values: R[]; readonly failed: boolean; readonly error: unknown };

export class Pump<R> {
  readonly #lane: Lane;
  readonly #source: Source;
  readonly #options: MapOptions;
  /** Results that have come, by the number of their chunk. */
  readonly #arrived: Map<number, Slot<R>> = new Map();
  readonly #inFlight: Map<number, number> = new Map();
  readonly #waiting: { resolve(result: IteratorResult<R>): void; reject(error: unknown): void }[] = [];
  /** Kept for the workers that are still to start, also when the executor is gone. */
  readonly #setup: object;
  readonly #entry: MapEntry | undefined;
  /** The chunk whose results are handed out now, and how many of it were. */
  #current: Slot<R> | undefined;
  #given = 0;
  #nextToGive = 0;
  #nextToSend = 0;
  #chunk: number;
  /** Items taken from the input, sent out, and handed out as results. */
  #taken = 0;
  #sent = 0;
  #yielded = 0;
  /** Items of an async input that were not sent yet. */
  readonly #batch: unknown[] = [];
  /** Somebody takes the results one by one. */
  #isIterated = false;
  /** The executor shuts down, and waits for all of it. */
  #isFinishing = false;
  #pulling = false;
  #ended = false;
  #closed = false;
  #inputError: { error: unknown } | undefined;
  /** With what it ends where results are missing: they did not come in time. */
  #late: { readonly error: unknown } | undefined;
  /** With what everything ended that ran then. */
  #stopped: { readonly error: unknown } | undefined;
  #stopTimer: () => void;
  #unlimit: () => void = () => undefined;

  constructor(
    lane: Lane,
    items: Iterable<unknown> | AsyncIterable<unknown>,
    options: MapOptions,
    call: CallOptions,
    setup: object,
    entry?: MapEntry,
  ) {
    this.#lane = lane;
    this.#options = options;
    this.#setup = setup;
    this.#entry = entry;
    try {
      this.#source = new Source(items);
    } catch (error) {
      lane.close();
      throw error;
    }
    this.#chunk = options.chunksize ?? 1;
    this.#stopTimer = atDeadline(deadlineOf(options.timeout), () => {
      this.#late = { error: new TimeoutError("map: not all results were there before the timeout passed") };
      this.#serve();
    });
    this.#limit(call);
    entry?.begun(this as Pump<unknown>);
    this.#fill();
  }

  /** The next result, for somebody who takes one after the other. */
  next(): Promise<IteratorResult<R>> {
    this.#isIterated = true;
    return this.#next();
  }

  #next(): Promise<IteratorResult<R>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#serve();
    });
  }

  /** All that is left, as a list. */
  async rest(): Promise<R[]> {
    const values: R[] = [];
    for (;;) {
      const result = await this.#next();
      if (result.done === true) return values;
      values.push(result.value);
      // What has arrived needs no promise each.
      for (let slot = this.#ready(); slot !== undefined; slot = this.#ready()) {
        if (this.#given >= slot.values.length) break;
        this.#yielded += slot.values.length - this.#given;
        for (; this.#given < slot.values.length; this.#given++) values.push(slot.values[this.#given]!);
        if (slot.failed) break;
      }
      this.#fill();
    }
  }

  /** Ends it: cancels what has not begun, and lets the input know, which may have something to close. */
  async stop(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopTimer();
    this.#unlimit();
    this.#takeBack();
    this.#source.giveUp();
    this.#arrived.clear();
    this.#current = undefined;
    this.#serve();
    await this.#source.close();
  }

  /** The signal or the timeout of the call ends it: what runs is stopped, too. */
  #limit({ signal, timeout, grace = DEFAULT_GRACE }: CallOptions): void {
    const insist = (error: unknown): void => {
      this.#stopped = this.#late = this.#inputError = { error };
      const running = [...this.#inFlight.values()];
      this.#takeBack();
      for (const id of running) this.#lane.stop(id, error, grace);
      this.#source.close().catch(() => undefined);
      this.#serve();
    };
    if (signal?.aborted === true) {
      this.#inputError = { error: signal.reason };
      this.#source.giveUp();
      return;
    }
    const onAbort = (): void => insist(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const stopTimer = atDeadline(deadlineOf(timeout), () => insist(timedOut(timeout!)));
    this.#unlimit = () => {
      signal?.removeEventListener("abort", onAbort);
      stopTimer();
    };
  }

  /** Takes back what has not begun. */
  #takeBack(): void {
    this.#batch.length = 0;
    for (const [number, id] of this.#inFlight) {
      if (this.#lane.cancel(id)) this.#inFlight.delete(number);
      else this.#lane.skipRest(id);
    }
  }

  /** The executor takes no more work. Ends as far as it depends on nobody; `cancelled`: gives only what has begun. */
  finish(cancelled: boolean): void {
    this.#isFinishing = true;
    if (cancelled) this.#cancel();
    else this.#fill();
  }

  /** As {@link stop}, but what has begun is still given; then `CancelledError`. */
  #cancel(): void {
    if (this.#source.isOver) return;
    this.#batch.length = 0;
    this.#inputError = { error: cancelled() };
    this.#source.close().catch(() => undefined);
    this.#serve();
  }

  /** Nothing more will be sent, and nothing is in flight that needs the function. */
  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTimer();
    this.#unlimit();
    this.#lane.close();
    void this.#setup;
    this.#entry?.finished();
  }

  /** The chunk to hand out results of: the current one, or the next that has come. */
  #ready(): Slot<R> | undefined {
    const current = this.#current;
    if (current !== undefined && (this.#given < current.values.length || current.failed)) return current;
    const key = this.#options.ordered === false ? this.#arrived.keys().next().value : this.#nextToGive;
    const next = key === undefined ? undefined : this.#arrived.get(key);
    if (next === undefined) return undefined;
    this.#arrived.delete(key!);
    this.#nextToGive++;
    this.#current = next;
    this.#given = 0;
    return next;
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const slot = this.#ended ? undefined : this.#ready();
      if (slot !== undefined && this.#given < slot.values.length) {
        this.#yielded++;
        this.#waiting.shift()!.resolve({ done: false, value: slot.values[this.#given++]! });
      } else if (slot !== undefined) {
        if (slot.failed) this.#rejectNext(slot.error);
      } else if (this.#ended || (this.#source.isOver && this.#inFlight.size === 0)) {
        if (!this.#ended && this.#inputError !== undefined) this.#rejectNext(this.#inputError.error);
        else this.#waiting.shift()!.resolve({ done: true, value: undefined });
      } else if (this.#late !== undefined) {
        this.#rejectNext(this.#late.error);
      } else {
        break;
      }
    }
    this.#fill();
  }

  #rejectNext(error: unknown): void {
    const waiter = this.#waiting.shift()!;
    // The first error counts; one that closing the input throws after it is nobody's.
    this.stop().catch(() => undefined);
    waiter.reject(error);
  }

  /** Sends chunks until enough are in flight. */
  #fill(): void {
    // The input may wait for results of its own map.
    if (!this.#source.isAsync && this.#source.isGiving) return;
    if (this.#source.isAsync) {
      this.#flush();
      if (!this.#pulling && this.#mayTake()) void this.#pull();
    } else {
      while (this.#mayTake()) {
        const items: unknown[] = [];
        try {
          this.#source.take(items, Math.min(this.#chunk, this.#room()));
        } catch (error) {
          this.#inputError = { error };
        }
        this.#taken += items.length;
        if (items.length > 0) this.#send(items);
      }
    }
    if (this.#source.isOver && this.#batch.length === 0 && this.#inFlight.size === 0) this.#close();
  }

  #mayTake(): boolean {
    return !this.#source.isOver && this.#inFlight.size < this.#lane.depth && this.#room() > 0 && !this.#isAhead();
  }

  /** How many more items may be taken. */
  #room(): number {
    const { buffersize } = this.#options;
    return buffersize === undefined ? Infinity : buffersize - (this.#taken - this.#yielded);
  }

  /** Has a consumer who takes results one by one plenty of them, and is not asking for more? Then it must not get more. */
  #isAhead(): boolean {
    if (!this.#isIterated || this.#isFinishing || this.#waiting.length > 0) return false;
    return this.#arrived.size >= BACKLOG * this.#lane.depth && this.#ready() !== undefined;
  }

  /** Takes items from an async input. They leave as a chunk when there are enough, or a worker has nothing to do. */
  async #pull(): Promise<void> {
    this.#pulling = true;
    while (this.#mayTake()) {
      try {
        const step = await this.#source.pull();
        // It was stopped or cancelled meanwhile, and the function may be gone.
        if (step === undefined) break;
        if (step.done !== true) {
          this.#taken++;
          this.#batch.push(step.value);
        }
      } catch (error) {
        this.#inputError = { error };
      }
      this.#flush();
    }
    this.#pulling = false;
    this.#serve();
  }

  #flush(): void {
    const { length } = this.#batch;
    if (length === 0) return;
    const isDue = length >= this.#chunk || this.#inFlight.size < this.#lane.width || this.#source.isOver;
    if (isDue || this.#room() <= 0) this.#send(this.#batch.splice(0));
  }

  #send(items: unknown[]): void {
    const first = this.#sent;
    this.#sent += items.length;
    try {
      this.#dispatch(items);
    } catch (error) {
      this.#source.giveUp();
      this.#sendUpToBad(items, first, error);
    }
  }

  /** One item cannot be sent: those before it go, and it fails in its place. */
  #sendUpToBad(items: unknown[], first: number, error: unknown): void {
    const bad = this.#lane.findBad(items, first);
    if (bad !== undefined && bad.index > 0) this.#dispatch(items.slice(0, bad.index));
    this.#fail(bad === undefined ? error : bad.error);
  }

  #fail(error: unknown): void {
    this.#arrived.set(this.#nextToSend++, { values: [], failed: true, error });
  }

  #dispatch(items: readonly unknown[]): void {
    const number = this.#nextToSend;
    const arrive = (slot: Slot<R>): void => {
      this.#inFlight.delete(number);
      if (!this.#ended) this.#arrived.set(number, slot);
      this.#serve();
    };
    const id = this.#lane.send(items, {
      succeed: (value, elapsed) => {
        const [values, failed, error] = value as ChunkResult;
        this.#adapt(items.length, elapsed);
        arrive({ values: values as R[], failed, error: (this.#stopped ?? { error }).error });
      },
      fail: (error) => arrive({ values: [], failed: true, error: (this.#stopped ?? { error }).error }),
      cancelled: () => arrive({ values: [], failed: true, error: cancelled() }),
    });
    this.#nextToSend++;
    this.#inFlight.set(number, id);
  }

  /** Finds the size of the next chunks: what takes a millisecond, at most four times the last. */
  #adapt(size: number, elapsed: number): void {
    if (this.#options.chunksize !== undefined) return;
    const each = elapsed / size;
    const wanted = each === 0 ? this.#lane.largestChunk : Math.floor(CHUNK_TIME / each);
    this.#chunk = Math.max(1, Math.min(this.#lane.largestChunk, wanted, 4 * size));
  }
}

function cancelled(): CancelledError {
  return new CancelledError("The executor was shut down with cancelFutures");
}
