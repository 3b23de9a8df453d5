/**
 * What the executors of threads and of processes have in common: everything but their workers.
 *
 * @module
 */

import { callerStack } from "../core/caller-stack.ts";
import { describe } from "../core/deadline.ts";
import { TASK_FLAG } from "../core/layout.ts";
import { transfer } from "../core/wire/transfer.ts";
import { RuntimeError } from "../errors.ts";
import { type CallOptions, contextCell } from "./call-options.ts";
import { Call } from "./call.ts";
import type { CrewOptions, Setup, WorkerKind } from "./crew.ts";
import { Dispatcher } from "./dispatcher.ts";
import { type AnyFunction, Executor, type MapInput, type MapOptions, type ShutdownOptions } from "./executor.ts";
import type { Future } from "./future.ts";
import { PoolLane } from "./lane.ts";
import { checkMapOptions, isIterable, MapResult } from "./map-result.ts";
import { Pump } from "./pump.ts";
import { ship } from "./shipment.ts";

/** Up to this many unfinished tasks, each remembers where it was submitted; beyond, that would cost more than the task. */
const TRACED = 256;

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
    const { signal, priority } = options;
    const dispatcher = this.dispatcher;
    const origin = dispatcher.pending < TRACED ? callerStack(Executor.prototype.submit) : undefined;
    const call = new Call<unknown>(dispatcher, origin);
    if (signal?.aborted === true) {
      call.fail(signal.reason);
      return call.future;
    }
    if (options.transfer !== undefined) transfer(args, options.transfer);
    const { cells, packer } = dispatcher.domain;
    const input = { fn: 0, flags: 0, args: 0, context: 0 };
    try {
      input.context = contextCell(options.context, cells);
      input.args = cells.toCell(args.length === 0 ? undefined : args, "args");
      ({ message: input.fn, flags: input.flags } = ship(fn, packer));
      call.id = dispatcher.send(input, call, priority);
    } catch (error) {
      if ((input.flags & TASK_FLAG.ownFunction) !== 0) packer.discard(input.fn);
      cells.discardCell(input.args);
      cells.discardCell(input.context);
      throw error;
    }
    call.limit(options);
    return call.future;
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
