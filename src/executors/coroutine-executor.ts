/**
 * CoroutineExecutor: the interface of the thread pool, on this event loop.
 *
 * @module
 */

import { type Context, copyContext } from "../contextvars/context.ts";
import { callerStack } from "../core/caller-stack.ts";
import { describe } from "../core/deadline.ts";
import { keepHere } from "../core/messages.ts";
import { RuntimeError } from "../errors.ts";
import type { CallOptions } from "../futures/call-options.ts";
import { Call } from "../futures/call.ts";
import type { Callable } from "../futures/chunk.ts";
import {
  type AnyFunction,
  Executor,
  type MapInput,
  type MapOptions,
  type ShutdownOptions,
} from "../futures/executor.ts";
import type { Future } from "../futures/future.ts";
import { Maps } from "../futures/maps.ts";
import { Pump } from "../futures/pump.ts";
import { checkCount } from "../futures/thread-pool-options.ts";
import { LoopLane } from "./loop-lane.ts";
import { LoopRunner } from "./loop-runner.ts";

export interface CoroutineExecutorOptions {
  /** How many calls run at once. Default: 100. */
  maxWorkers?: number;
}

const DEFAULT_WORKERS = 100;

/**
 * Runs async functions on this event loop, so many at once: `submit`, `map`, futures, signals, timeouts and priorities as
 * in a thread pool, without threads.
 *
 * Use it for work that waits: requests, queries, files. What computes belongs into a `ThreadPoolExecutor`; the import line
 * and the constructor are all that differs.
 *
 * ```ts
 * import { CoroutineExecutor } from "heddle/futures";
 *
 * await using requests = new CoroutineExecutor({ maxWorkers: 8 });
 * const download = async (url: string) => (await fetch(url, { signal: currentTask()!.signal })).text();
 * for await (const page of requests.with({ timeout: 10_000 }).map(download, urls)) console.log(page.length);
 * ```
 *
 * Each call is a task of heddle/asyncio: it runs in a copy of the caller's context, and begins when the calling code has
 * come to its next `await` or its end. Functions and arguments are used as they are, not copied.
 *
 * **Blocking.** `resultSync` of a call that is not done throws `RuntimeError`: it would block the loop that the call needs.
 *
 * **Cancellation.** `future.cancel` takes back what has not begun; in what runs, the heddle wait it is in, or else the
 * next one, throws `CancelledError`, and `currentTask().signal` aborts. What has not ended after the grace period of a
 * signal or timeout is given up: its future fails, and its place is free; nothing can end a promise from outside.
 *
 * **Fairness.** Calls begin in the order in which they were submitted; those of a higher priority first.
 */
export class CoroutineExecutor extends Executor {
  readonly #runner: LoopRunner;
  #shutDown = false;
  readonly #maps: Maps = new Maps();

  constructor(options?: CoroutineExecutorOptions) {
    super();
    const given = options ?? {};
    if (typeof given !== "object") {
      throw new TypeError(`CoroutineExecutor takes an object such as { maxWorkers: 8 }, not ${describe(given)}`);
    }
    checkCount("maxWorkers", given.maxWorkers);
    this.#runner = new LoopRunner(given.maxWorkers ?? DEFAULT_WORKERS);
    keepHere(this, "an executor belongs to the thread that made it; make one in the other thread, or send it work");
  }

  protected override submitCall(options: CallOptions, fn: AnyFunction, args: readonly unknown[]): Future {
    const call = new Call<unknown>(this.#runner, callerStack(Executor.prototype.submit));
    return call.launch(options, () =>
      this.#runner.send(() => (fn as Callable)(...args), contextFor(options), call, options.priority),
    );
  }

  protected override mapCall(call: CallOptions, fn: AnyFunction, input: MapInput, options: MapOptions): Pump<unknown> {
    const { items, star } = input;
    // As it is at the call: later items belong to it, too.
    const context = contextFor(call);
    const lane = new LoopLane(this.#runner, { fn, star, priority: call.priority }, () => context.copy());
    return new Pump(lane, items, options, call, this, this.#maps.entry());
  }

  /** Takes no more calls. What was submitted is still done, unless `cancelFutures`. May be called again. */
  async shutdown(options?: ShutdownOptions): Promise<void> {
    this.#shutDown = true;
    this.#maps.finish(options?.cancelFutures === true);
    if (options?.cancelFutures === true) this.#runner.cancelAll();
    if (options?.wait === false) return;
    await this.#maps.finished();
    await this.#runner.settled();
  }

  protected override refusal(): Error | undefined {
    return this.#shutDown ? new RuntimeError("cannot schedule new futures after shutdown") : undefined;
  }
}

function contextFor({ context }: CallOptions): Context {
  return context === undefined ? copyContext() : context.copy();
}
