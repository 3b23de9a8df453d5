/**
 * What the executors of threads and of processes have in common: everything but their workers.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import type { CallOptions } from "./call-options.ts";
import type { CrewOptions, Setup, WorkerKind } from "./crew.ts";
import { Dispatcher } from "./dispatcher.ts";
import { type AnyFunction, Executor, type MapInput, type MapOptions, type ShutdownOptions } from "./executor.ts";
import type { Future } from "./future.ts";
import { PoolLane } from "./lane.ts";
import { Maps } from "./maps.ts";
import { Pump } from "./pump.ts";
import { submitTo } from "./submit.ts";

export abstract class PoolExecutor extends Executor {
  /** @internal */
  protected readonly dispatcher: Dispatcher;
  readonly #setup: Setup;
  #shutDown = false;
  readonly #maps: Maps = new Maps();

  constructor(kind: WorkerKind, options: CrewOptions, setup: Setup) {
    super();
    this.#setup = setup;
    this.dispatcher = new Dispatcher(kind, options, setup);
    abandoned.register(this, this.dispatcher);
  }

  protected override submitCall(options: CallOptions, fn: AnyFunction, args: readonly unknown[]): Future {
    return submitTo(this.dispatcher, fn, args, options, Executor.prototype.submit);
  }

  protected override mapCall(call: CallOptions, fn: AnyFunction, input: MapInput, options: MapOptions): Pump<unknown> {
    const lane = new PoolLane(this.dispatcher, fn, input.star, call);
    return new Pump(lane, input.items, options, call, this.#setup, this.#maps.entry());
  }

  /**
   * Takes no more work. What was submitted is still done, unless `cancelFutures`; resolves when it is, and the workers
   * have ended, unless `wait` is false. May be called again.
   */
  async shutdown(options?: ShutdownOptions): Promise<void> {
    this.#shutDown = true;
    this.#maps.finish(options?.cancelFutures === true);
    if (options?.cancelFutures === true) this.dispatcher.cancelAll();
    const done = this.#finish();
    if (options?.wait === false) return;
    await done;
  }

  async #finish(): Promise<void> {
    await this.#maps.finished();
    this.dispatcher.stopWhenIdle();
    await this.dispatcher.ended();
  }

  protected override refusal(): Error | undefined {
    if (this.dispatcher.broken !== undefined) return this.dispatcher.broken;
    return this.#shutDown ? new RuntimeError("cannot schedule new futures after shutdown") : undefined;
  }
}

/** Executors that nobody refers to any more let their workers go once they have nothing to do. */
const abandoned: FinalizationRegistry<Dispatcher> = new FinalizationRegistry((dispatcher) => {
  dispatcher.stopWhenIdle();
  void dispatcher.ended();
});
