/**
 * A map of a Pool, all of it sent at once: its future has the list of results when every chunk has come back.
 *
 * @module
 */

import type { Deadline } from "../core/deadline.ts";
import { appendCallerStack } from "../core/wire/error-envelope.ts";
import { RuntimeError } from "../errors.ts";
import type { ChunkResult } from "../futures/chunk.ts";
import type { Dispatcher } from "../futures/dispatcher.ts";
import { Future, type FutureSource } from "../futures/future.ts";
import type { Lane } from "../futures/lane.ts";

/** Items of each chunk if nobody says: four chunks for each worker. Python's formula. */
export function defaultChunksize(length: number, workers: number): number {
  return Math.ceil(length / (4 * workers));
}

export class ChunkedCall<R> implements FutureSource {
  readonly future: Future<R[]> = new Future<R[]>(this);
  readonly #dispatcher: Dispatcher;
  readonly #lane: Lane;
  readonly #origin: { readonly stack?: string } | undefined;
  readonly #parts: R[][] = [];
  readonly #left: Set<number> = new Set();
  #allSent = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(dispatcher: Dispatcher, lane: Lane, origin: { readonly stack?: string } | undefined) {
    this.#dispatcher = dispatcher;
    this.#lane = lane;
    this.#origin = origin;
  }

  /** Sends all items. Errors: `NotSendableError`; then none of them runs that has not begun. */
  send(items: readonly unknown[], size: number): void {
    try {
      for (let first = 0; first < items.length; first += size) this.#sendChunk(items, first, size);
    } catch (error) {
      for (const id of [...this.#left]) if (this.#lane.cancel(id)) this.#left.delete(id);
      this.#failure = { error };
      this.#sent();
      throw error;
    }
    this.#sent();
  }

  /** Nothing more follows. What runs needs the function until it has come back, whatever becomes of the rest. */
  #sent(): void {
    this.#allSent = true;
    if (this.#left.size === 0) this.#finish();
  }

  #sendChunk(items: readonly unknown[], first: number, size: number): void {
    const chunk = items.slice(first, first + size);
    const place = this.#parts.push([]) - 1;
    // A job is never told of anything before it is sent.
    let id = 0;
    const arrive = (values: R[], failure: { readonly error: unknown } | undefined): void => {
      this.#parts[place] = values;
      this.#failure ??= failure;
      if (this.#left.delete(id) && this.#left.size === 0 && this.#allSent) this.#finish();
    };
    try {
      id = this.#lane.send(chunk, {
        succeed(value) {
          const [values, failed, error] = value as ChunkResult;
          arrive(values as R[], failed ? { error } : undefined);
        },
        fail: (error) => arrive([], { error }),
        cancelled: () => undefined,
      });
    } catch (error) {
      throw this.#lane.findBad(chunk, first)?.error ?? error;
    }
    this.#left.add(id);
  }

  #finish(): void {
    this.#lane.close();
    if (this.future.done) return;
    if (this.#failure === undefined) {
      this.future.setResult(this.#parts.flat() as R[]);
    } else {
      const { error } = this.#failure;
      appendCallerStack(error, this.#origin?.stack);
      this.future.setException(error ?? new RuntimeError(`An item threw ${String(error)}`));
    }
  }

  // ── What the future asks ───────────────────────────────────────────────────────────────────────────────────────────

  cancel(): boolean {
    return false;
  }

  isRunning(): boolean {
    return [...this.#left].some((id) => this.#dispatcher.isRunning(id));
  }

  block(deadline: Deadline, signal: AbortSignal | undefined): boolean {
    const isMine = (id: number): boolean => this.#left.has(id);
    return this.#dispatcher.blockUntil(() => this.future.done, isMine, deadline, signal);
  }
}
