/**
 * IMapIterator: the results of `imap`, one after the other.
 *
 * ```
 *   input ─► chunks ─► enough in flight that no worker waits ─► results, kept until somebody asks for them
 * ```
 * The input is consumed as fast as the workers get done, whether or not anybody asks for results.
 *
 * @module
 */

import { atDeadline, deadlineIn, type WaitOptions } from "../core/deadline.ts";
import { appendCallerStack } from "../core/wire/error-envelope.ts";
import { CancelledError, RuntimeError, TimeoutError } from "../errors.ts";
import type { ChunkResult } from "../futures/chunk.ts";
import type { Dispatcher } from "../futures/dispatcher.ts";
import type { Lane } from "../futures/lane.ts";
import { Source } from "../futures/source.ts";

/** What is left of a chunk that has come back. */
interface Slot<R> {
  readonly values: R[];
  given: number;
  failure: { readonly error: unknown } | undefined;
  /** Nothing follows its error: the rest of its chunk was not run. */
  readonly isLast: boolean;
}

type Answer<R> = { readonly result: IteratorResult<R> } | { readonly error: unknown };

interface Waiter<R> {
  resolve(result: IteratorResult<R>): void;
  reject(error: unknown): void;
}

export interface ImapPlan {
  readonly chunksize: number;
  readonly ordered: boolean;
  readonly origin: { readonly stack?: string } | undefined;
  /** Called once nothing more will be sent, and nothing is in flight. */
  finished(): void;
}

/**
 * The results of `pool.imap`. `for await` gives them and ends at the first error; with `next` one goes on behind an error,
 * to the results of later items.
 */
export class IMapIterator<R> implements AsyncIterableIterator<R> {
  readonly #dispatcher: Dispatcher;
  readonly #lane: Lane;
  readonly #plan: ImapPlan;
  readonly #source: Source;
  /** By the number of their chunk; those of no order by the order of their arrival. */
  readonly #slots: Map<number, Slot<R>> = new Map();
  readonly #inFlight: Set<number> = new Set();
  readonly #waiting: Set<Waiter<R>> = new Set();
  #sent = 0;
  #arrived = 0;
  #current = 0;
  #pulling = false;
  #closed = false;
  #ended = false;

  /** A pool makes these. */
  constructor(dispatcher: Dispatcher, lane: Lane, items: Iterable<unknown> | AsyncIterable<unknown>, plan: ImapPlan) {
    this.#dispatcher = dispatcher;
    this.#lane = lane;
    this.#plan = plan;
    try {
      this.#source = new Source(items);
    } catch (error) {
      lane.close();
      throw error;
    }
  }

  /** The next result. Throws the error of an item in its place, and `TimeoutError`: then the result is not lost. */
  next(options?: WaitOptions): Promise<IteratorResult<R>> {
    const deadline = deadlineIn(options);
    const signal = options?.signal;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const answer = this.#waiting.size === 0 ? this.#take() : undefined;
    if (answer !== undefined) return "error" in answer ? Promise.reject(answer.error) : Promise.resolve(answer.result);
    return new Promise((resolve, reject) => {
      const end = (): void => {
        stopTimer();
        signal?.removeEventListener("abort", onAbort);
        this.#waiting.delete(waiter);
      };
      const waiter: Waiter<R> = {
        resolve: (result) => (end(), resolve(result)),
        reject: (error) => (end(), reject(error)),
      };
      const onAbort = (): void => waiter.reject(signal!.reason);
      const stopTimer = atDeadline(deadline, () => waiter.reject(timedOut()));
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  /** As {@link next}, blocking. */
  nextSync(options?: WaitOptions): IteratorResult<R> {
    const deadline = deadlineIn(options);
    const signal = options?.signal;
    let answer = this.#take();
    if (answer === undefined && this.#pulling) {
      throw new RuntimeError(
        "The items of this imap come from an async iterable, which cannot go on while its thread is blocked: use await next()",
      );
    }
    if (answer === undefined) {
      const isMine = (id: number): boolean => this.#inFlight.has(id);
      this.#dispatcher.blockUntil(() => (answer ??= this.#take()) !== undefined, isMine, deadline, signal);
    }
    if (answer === undefined) throw timedOut();
    if ("error" in answer) throw answer.error;
    return answer.result;
  }

  /** Takes back what has not begun: nobody wants it. */
  async return(): Promise<IteratorResult<R>> {
    this.#end();
    const closing = this.#source.close();
    this.#close();
    await closing;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** For the pool: takes the first items. */
  static begin(iterator: IMapIterator<unknown>): void {
    iterator.#fill();
  }

  /** For the pool, which is terminated: what was still to come fails. */
  static end(iterator: IMapIterator<unknown>): void {
    if (!iterator.#source.isOver) {
      iterator.#source.giveUp();
      iterator.#put(iterator.#sent++, { values: [], given: 0, failure: { error: terminated() }, isLast: true });
    }
    iterator.#close();
  }

  /** Gives nothing more. */
  #end(): void {
    this.#ended = true;
    for (const id of [...this.#inFlight]) {
      if (this.#lane.cancel(id)) this.#inFlight.delete(id);
      else this.#lane.skipRest(id);
    }
    this.#slots.clear();
    this.#serve();
  }

  /** What comes next; `undefined`: it is not there yet. */
  #take(): Answer<R> | undefined {
    if (this.#ended) return { result: { done: true, value: undefined } };
    for (;;) {
      const slot = this.#slots.get(this.#current);
      if (slot === undefined) {
        const isOver = this.#source.isOver && this.#inFlight.size === 0 && this.#current === this.#arrived;
        return isOver ? { result: { done: true, value: undefined } } : undefined;
      }
      if (slot.given < slot.values.length) return { result: { done: false, value: slot.values[slot.given++]! } };
      this.#slots.delete(this.#current++);
      if (slot.failure === undefined) continue;
      if (slot.isLast) {
        this.#ended = true;
        // Who waits for this must be told of it first.
        // What the input throws at its end, after this, is nobody's.
        queueMicrotask(() => void this.return().catch(() => undefined));
      }
      return { error: slot.failure.error };
    }
  }

  #serve(): void {
    for (const waiter of [...this.#waiting]) {
      const answer = this.#take();
      if (answer === undefined) return;
      if ("error" in answer) waiter.reject(answer.error);
      else waiter.resolve(answer.result);
    }
  }

  #fill(): void {
    // The input may wait for results of its own map.
    if (!this.#source.isAsync && this.#source.isGiving) return;
    while (!this.#source.isOver && !this.#pulling && this.#inFlight.size < this.#lane.depth) {
      if (this.#source.isAsync) {
        void this.#pull();
        return;
      }
      const items: unknown[] = [];
      let failure: { readonly error: unknown } | undefined;
      try {
        this.#source.take(items, this.#plan.chunksize);
      } catch (error) {
        failure = { error };
      }
      if (items.length > 0) this.#send(items);
      if (failure !== undefined) this.#put(this.#sent++, { values: [], given: 0, failure, isLast: false });
    }
    this.#close();
  }

  async #pull(): Promise<void> {
    this.#pulling = true;
    const items: unknown[] = [];
    let failure: { readonly error: unknown } | undefined;
    try {
      while (items.length < this.#plan.chunksize && !this.#source.isOver) {
        const step = await this.#source.pull();
        // It was ended meanwhile: nobody wants what was taken for it.
        if (step === undefined) items.length = 0;
        else if (step.done !== true) items.push(step.value);
      }
    } catch (error) {
      failure = { error };
    }
    this.#pulling = false;
    if (this.#closed) return;
    if (items.length > 0) this.#send(items);
    if (failure !== undefined) this.#put(this.#sent++, { values: [], given: 0, failure, isLast: false });
    this.#serve();
    this.#fill();
  }

  #send(items: readonly unknown[]): void {
    const number = this.#sent++;
    const isLast = this.#plan.chunksize > 1;
    let id = 0;
    const arrive = (values: R[], failure: { readonly error: unknown } | undefined): void => {
      this.#inFlight.delete(id);
      appendCallerStack(failure?.error, this.#plan.origin?.stack);
      this.#put(number, { values, given: 0, failure, isLast });
      this.#serve();
      this.#fill();
    };
    try {
      id = this.#lane.send(items, {
        succeed(value) {
          const [values, failed, error] = value as ChunkResult;
          arrive(values as R[], failed ? { error } : undefined);
        },
        fail: (error) => arrive([], { error }),
        cancelled: () => arrive([], { error: terminated() }),
      });
      this.#inFlight.add(id);
    } catch (error) {
      const bad = this.#lane.findBad(items, 0)?.error ?? error;
      this.#put(number, { values: [], given: 0, failure: { error: bad }, isLast });
    }
  }

  #put(number: number, slot: Slot<R>): void {
    const place = this.#plan.ordered ? number : this.#arrived;
    this.#arrived++;
    if (!this.#ended) this.#slots.set(place, slot);
  }

  /** Nothing more will be sent, and nothing is in flight that needs the function. */
  #close(): void {
    if (this.#closed || !this.#source.isOver || this.#inFlight.size > 0) return;
    this.#closed = true;
    this.#lane.close();
    this.#plan.finished();
    this.#serve();
  }
}

function terminated(): CancelledError {
  return new CancelledError("The pool was terminated");
}

function timedOut(): TimeoutError {
  return new TimeoutError("imap: the next result was not there before the timeout passed; ask again for it");
}
