/**
 * What a pump needs of an executor: a way to have chunks of items run.
 *
 * @module
 */

import { TASK_FLAG } from "../core/layout.ts";
import { transfer } from "../core/wire/transfer.ts";
import { contextCell, type CallOptions } from "./call-options.ts";
import type { Job } from "./call.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { shipForMany } from "./shipment.ts";

export interface Lane {
  /** How many chunks can run at once. */
  readonly width: number;
  /** How many chunks should be in flight, so that none that could run has to wait for the next. */
  readonly depth: number;
  /** The most items in a chunk that is sized automatically. */
  readonly largestChunk: number;
  /** Sends a chunk out and returns its number; its value is a `ChunkResult`. Throws if it cannot be sent. */
  send(items: readonly unknown[], job: Job): number;
  /** Of a chunk that cannot be sent: its first item that cannot, and why. `first`: its place in the whole input. */
  findBad(items: readonly unknown[], first: number): { readonly index: number; readonly error: unknown } | undefined;
  /** Takes a chunk back that has not begun. */
  cancel(id: number): boolean;
  /** Of a chunk that runs, the items that have not begun are not wanted any more. */
  skipRest(id: number): void;
  /** Asks a chunk that runs to stop; after the grace period, in milliseconds, it is ended. */
  stop(id: number, reason: unknown, grace: number): void;
  /** Nothing more will be sent. */
  close(): void;
}

/** Tasks in flight for each worker: one that runs, and enough behind it that it never waits. */
const DEPTH = 3;
const LARGEST_CHUNK = 4096;

/** To the workers of a pool. */
export class PoolLane implements Lane {
  readonly largestChunk: number = LARGEST_CHUNK;
  readonly #dispatcher: Dispatcher;
  readonly #shipment: ReturnType<typeof shipForMany>;
  readonly #flags: number;
  readonly #call: CallOptions;

  constructor(dispatcher: Dispatcher, fn: Function, star: boolean, call: CallOptions) {
    this.#call = call;
    this.#dispatcher = dispatcher;
    this.#shipment = shipForMany(fn, dispatcher.domain.packer);
    this.#flags = this.#shipment.flags | TASK_FLAG.chunk | (star ? TASK_FLAG.star : 0);
  }

  get width(): number {
    return this.#dispatcher.maxWorkers;
  }

  get depth(): number {
    return DEPTH * this.width;
  }

  send(items: readonly unknown[], job: Job): number {
    const { transfer: moving, priority, context: current } = this.#call;
    const { cells } = this.#dispatcher.domain;
    const context = contextCell(current, cells);
    let args = 0;
    try {
      args = cells.toCell(moving === undefined ? items : transfer(items, moving), "items");
      return this.#dispatcher.send({ fn: this.#shipment.message, flags: this.#flags, args, context }, job, priority);
    } catch (error) {
      cells.discardCell(args);
      cells.discardCell(context);
      throw error;
    }
  }

  findBad(items: readonly unknown[], first: number): { readonly index: number; readonly error: unknown } | undefined {
    const { cells } = this.#dispatcher.domain;
    for (const [index, item] of items.entries()) {
      try {
        cells.discardCell(cells.toCell(item, `items[${first + index}]`));
      } catch (error) {
        return { index, error };
      }
    }
    return undefined;
  }

  cancel(id: number): boolean {
    return this.#dispatcher.cancel(id);
  }

  skipRest(id: number): void {
    this.#dispatcher.skipRest(id);
  }

  stop(id: number, reason: unknown, grace: number): void {
    this.#dispatcher.stop(id, reason, grace);
  }

  close(): void {
    this.#shipment.discard();
  }
}
