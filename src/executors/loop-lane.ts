/**
 * A map's way to the tasks of an event loop.
 *
 * @module
 */

import type { Context } from "../contextvars/context.ts";
import type { Job } from "../futures/call.ts";
import { type Callable, runChunk } from "../futures/chunk.ts";
import type { Lane } from "../futures/lane.ts";
import type { LoopRunner } from "./loop-runner.ts";

export class LoopLane implements Lane {
  /** Items that wait gain nothing from each other's company. */
  readonly largestChunk: number = 1;
  readonly #runner: LoopRunner;
  readonly #fn: Callable;
  readonly #star: boolean;
  readonly #priority: number | undefined;
  readonly #context: () => Context;
  readonly #unwanted: Set<number> = new Set();

  constructor(
    runner: LoopRunner,
    { fn, star, priority }: { fn: Callable; star: boolean; priority: number | undefined },
    context: () => Context,
  ) {
    this.#runner = runner;
    this.#fn = fn;
    this.#star = star;
    this.#priority = priority;
    this.#context = context;
  }

  get width(): number {
    return this.#runner.maxWorkers;
  }

  get depth(): number {
    return this.#runner.maxWorkers;
  }

  send(items: readonly unknown[], job: Job): number {
    const run = (): unknown => runChunk(this.#fn, items, this.#star, () => this.#unwanted.has(id));
    const done = (): void => void this.#unwanted.delete(id);
    const id: number = this.#runner.send(
      run,
      this.#context(),
      {
        succeed: (value, elapsed) => (done(), job.succeed(value, elapsed)),
        fail: (error) => (done(), job.fail(error)),
        cancelled: () => (done(), job.cancelled()),
      },
      this.#priority,
    );
    return id;
  }

  findBad(): undefined {
    return undefined;
  }

  cancel(id: number): boolean {
    return this.#runner.cancel(id);
  }

  skipRest(id: number): void {
    if (this.#runner.isRunning(id)) this.#unwanted.add(id);
  }

  stop(id: number, reason: unknown, grace: number): void {
    this.skipRest(id);
    this.#runner.stop(id, reason, grace);
  }

  close(): void {
    // Nothing was packed for it.
  }
}
