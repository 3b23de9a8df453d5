/**
 * What the executors of threads and of processes have in common: everything but their workers.
 *
 * @module
 */

import { describe } from "../core/deadline.ts";
import { RuntimeError } from "../errors.ts";
import type { CallOptions } from "./call-options.ts";
import type { CrewOptions, Setup, WorkerKind } from "./crew.ts";
import { Dispatcher } from "./dispatcher.ts";
import { type AnyFunction, Executor, type MapInput, type MapOptions, type ShutdownOptions } from "./executor.ts";
import type { Future } from "./future.ts";
import { PoolLane } from "./lane.ts";
import { checkMapOptions, isIterable, MapResult } from "./map-result.ts";
import { Pump } from "./pump.ts";
import { submitTo } from "./submit.ts";

export abstract class PoolExecutor extends Executor {
  /** @internal */
  protected readonly dispatcher: Dispatcher;
  readonly #setup: Setup;
  #shutDown = false;
  /** Maps that still take items. */
  readonly #maps: Map<Pump<unknown>, Promise<void>> = new Map();

  constructor(kind: WorkerKind, options: CrewOptions, setup: Setup) {
    super();
    this.#setup = setup;
    this.dispatcher = new Dispatcher(kind, options, setup);
    abandoned.register(this, this.dispatcher);
  }

  protected override submitCall(options: CallOptions, fn: AnyFunction, args: readonly unknown[]): Future {
    this.#mayRun();
    if (typeof fn !== "function") throw new TypeError(`submit takes a function, not ${describe(fn)}`);
    return submitTo(this.dispatcher, fn, args, options, Executor.prototype.submit);
  }

  protected override mapCall(
    call: CallOptions,
    fn: AnyFunction,
    { items, star }: MapInput,
    options: MapOptions | undefined,
  ): MapResult<unknown> {
    this.#mayRun();
    if (typeof fn !== "function") throw new TypeError(`map takes a function, not ${describe(fn)}`);
    if (!isIterable(items)) throw new TypeError(`map takes an iterable of items, not ${describe(items)}`);
    const checked = checkMapOptions(options);
    let finished: () => void = () => undefined;
    const running = new Promise<void>((resolve) => {
      finished = resolve;
    });
    const lane = new PoolLane(this.dispatcher, fn, star, call);
    const pump = new Pump<unknown>(lane, items, checked, call, this.#setup, () => finished());
    this.#maps.set(pump, running);
    void running.then(() => this.#maps.delete(pump));
    return new MapResult(pump, items);
  }

  /**
   * Takes no more work. What was submitted is still done, unless `cancelFutures`; resolves when it is, and the workers
   * have ended, unless `wait` is false. May be called again.
   */
  async shutdown(options?: ShutdownOptions): Promise<void> {
    this.#shutDown = true;
    for (const pump of this.#maps.keys()) pump.finish(options?.cancelFutures === true);
    if (options?.cancelFutures === true) this.dispatcher.cancelAll();
    const done = this.#finish();
    if (options?.wait === false) return;
    await done;
  }

  async #finish(): Promise<void> {
    await Promise.all(this.#maps.values());
    this.dispatcher.stopWhenIdle();
    await this.dispatcher.ended();
  }

  #mayRun(): void {
    const refusal = this.refusal();
    if (refusal !== undefined) throw refusal;
  }

  /** @internal Why it takes no more work, if so. */
  protected refusal(): Error | undefined {
    if (this.dispatcher.broken !== undefined) return this.dispatcher.broken;
    return this.#shutDown ? new RuntimeError("cannot schedule new futures after shutdown") : undefined;
  }
}

/** Executors that nobody refers to any more let their workers go once they have nothing to do. */
const abandoned: FinalizationRegistry<Dispatcher> = new FinalizationRegistry((dispatcher) => {
  dispatcher.stopWhenIdle();
  void dispatcher.ended();
});
