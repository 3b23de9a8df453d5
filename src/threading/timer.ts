/**
 * Timer: a thread that waits before it runs.
 *
 * @module
 */

import { store } from "#atomics";
import { describe } from "../core/deadline.ts";
import { ADDRESS, isAttaching, loadInThreads } from "../core/handles.ts";
import { THREAD } from "../core/layout.ts";
import { memory } from "../core/program.ts";
import { retain } from "../core/references.ts";
import { ValueError } from "../errors.ts";
import { Event } from "./event.ts";
import { threadKinds } from "./kinds.ts";
import { Thread } from "./thread.ts";

/**
 * Calls a function in a thread of its own, once, after an interval, unless it is cancelled before.
 *
 * Use it for what must happen later even if this thread is busy then; otherwise `setTimeout` costs less.
 *
 * ```ts
 * import { Timer } from "heddle/threading";
 *
 * const timer = new Timer(30_000, saveEverything).start();
 * timer.cancel(); // if it still waits, it will not run
 * ```
 */
export class Timer<A extends unknown[] = unknown[], R = unknown> extends Thread<A, R> {
  #interval: number;
  #finished: Event;

  /** @param interval milliseconds from `start()`; 0 or less: at once */
  constructor(interval: number, fn: (...args: A) => R | Promise<R>, args?: A) {
    if (typeof interval !== "number")
      throw new TypeError(`A timer's interval must be a number, not ${describe(interval)}`);
    if (Number.isNaN(interval)) throw new ValueError("A timer's interval must be a number of milliseconds, not NaN");
    if (typeof fn !== "function") throw new TypeError(`A timer's function must be a function, not ${describe(fn)}`);
    const attaching = isAttaching();
    super(args === undefined ? { target: fn } : { target: fn, args });
    this.#interval = interval;
    this.#finished = new Event();
    if (attaching) return;
    // In shared memory, since other threads know a timer as a Thread.
    retain(memory, this.#finished[ADDRESS]);
    store(memory.words, this[ADDRESS] + THREAD.timer, this.#finished[ADDRESS]);
  }

  /** Waits, then calls the function if nobody cancelled. */
  override async run(): Promise<R> {
    const cancelled = await this.#finished.wait({ timeout: Math.max(0, this.#interval) });
    const result = cancelled ? (undefined as R) : await super.run();
    this.#finished.set();
    return result;
  }

  /** Stops a timer that still waits, or is not started yet; it then ends without calling the function. */
  override cancel(): void {
    super.cancel();
  }

  static {
    threadKinds.register({
      name: "Timer",
      constructor: Timer,
      make: () => new Timer(0, () => undefined) as Thread,
      save: (timer) => [(timer as Timer).#interval, (timer as Timer).#finished],
      restore(timer, saved) {
        [(timer as Timer).#interval, (timer as Timer).#finished] = saved as [number, Event];
      },
    });
  }
}

loadInThreads(import.meta.url);
