/**
 * wait and asCompleted: many futures at once, of any executor.
 *
 * @module
 */

import { atDeadline, deadlineIn, deadlineOf, describe } from "../core/deadline.ts";
import { identity } from "../core/identity.ts";
import { TimeoutError, ValueError } from "../errors.ts";
import { Future } from "./future.ts";

export type ReturnWhen = "ALL_COMPLETED" | "FIRST_COMPLETED" | "FIRST_EXCEPTION";

export interface WaitResult<T> {
  readonly done: Set<Future<T>>;
  readonly notDone: Set<Future<T>>;
}

/**
 * Waits until all futures are done, or the first one, or the first that failed; or until the timeout passes, which is no
 * error. Nothing is cancelled.
 *
 * ```ts
 * const { done, notDone } = await wait(futures, { timeout: 1000, returnWhen: "FIRST_COMPLETED" });
 * ```
 *
 * `FIRST_EXCEPTION` waits for all if none fails; a cancelled future has not failed, but it is done.
 */
export async function wait<T>(
  futures: Iterable<Future<T>>,
  options?: { timeout?: number; returnWhen?: ReturnWhen },
): Promise<WaitResult<T>> {
  const deadline = deadlineIn(options);
  const returnWhen = options?.returnWhen ?? "ALL_COMPLETED";
  if (!["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"].includes(returnWhen)) {
    throw new ValueError(
      `returnWhen must be ALL_COMPLETED, FIRST_COMPLETED or FIRST_EXCEPTION, not ${String(returnWhen)}`,
    );
  }
  const all = allOf(futures, "wait");
  let pending = 0;
  for (const future of all) if (!future.done) pending++;
  const enough = (future: Future<T>): boolean =>
    returnWhen === "FIRST_COMPLETED" || (returnWhen === "FIRST_EXCEPTION" && hasFailed(future));
  if (pending > 0 && deadline !== 0 && ![...all].some((future) => future.done && enough(future))) {
    await new Promise<void>((resolve, reject) => {
      const watches: (() => void)[] = [];
      let leave = (): void => undefined;
      const end = (): void => {
        leave();
        stop();
        for (const unwatch of watches) unwatch();
        resolve();
      };
      const stop = atDeadline(deadline, end);
      for (const future of all) {
        if (future.done) continue;
        const onDone = (): void => {
          if (--pending === 0 || enough(future)) end();
        };
        watches.push(Future.watch(future, onDone));
      }
      leave =
        identity.running()?.enter((error) => {
          reject(error);
          end();
          return true;
        }) ?? leave;
    });
  }
  const done = new Set<Future<T>>();
  const notDone = new Set<Future<T>>();
  for (const future of all) (future.done ? done : notDone).add(future);
  return { done, notDone };
}

function allOf<T>(futures: Iterable<Future<T>>, where: string): Set<Future<T>> {
  const all = new Set(futures);
  for (const future of all) {
    if (!(future instanceof Future)) throw new TypeError(`${where} takes futures and tasks, not ${describe(future)}`);
  }
  return all;
}

function hasFailed<T>(future: Future<T>): boolean {
  return !future.cancelled && future.exceptionSync() !== undefined;
}

/**
 * Gives each future as it gets done: first those that are, then in the order in which they finish, cancelled ones too.
 * Each once, also if it was passed twice.
 *
 * ```ts
 * for await (const future of asCompleted(futures)) console.log(await future);
 * ```
 *
 * Errors: `TimeoutError` when the timeout, counted from the first `next()`, passes with some not done; those that are
 * done by then were given before.
 */
export function asCompleted<T>(futures: Iterable<Future<T>>, options?: { timeout?: number }): CompletionIterator<T> {
  deadlineIn(options);
  return new Completions(allOf(futures, "asCompleted"), options?.timeout);
}

/**
 * Gives futures, not their values: what can be awaited is not, neither at run time nor by the types. (In the type of a
 * plain `AsyncIterableIterator<Future<T>>`, the variable of a `for await` is a `T`.)
 */
export interface CompletionIterator<T> extends AsyncIterableIterator<Future<T>, undefined> {
  next(): Promise<IteratorResult<Future<T>, undefined>>;
  return(): Promise<IteratorResult<Future<T>, undefined>>;
  [Symbol.asyncIterator](): this;
}

/** Not an async generator: that would await each future it yields. */
class Completions<T> implements CompletionIterator<T> {
  readonly #all: Set<Future<T>>;
  readonly #timeout: number | undefined;
  readonly #finished: Future<T>[] = [];
  /** Those who called `next` and have nothing yet. */
  readonly #waiting: { resolve(result: IteratorResult<Future<T>, undefined>): void; reject(error: unknown): void }[] =
    [];
  #left: number;
  #started = false;
  #expired = false;
  #ended = false;
  readonly #watches: (() => void)[] = [];
  #stop: () => void = () => undefined;

  constructor(all: Set<Future<T>>, timeout: number | undefined) {
    this.#all = all;
    this.#timeout = timeout;
    this.#left = all.size;
  }

  next(): Promise<IteratorResult<Future<T>, undefined>> {
    if (!this.#started) this.#start();
    return new Promise((resolve, reject) => {
      const waiting = { resolve, reject };
      this.#waiting.push(waiting);
      this.#serve();
      if (!this.#waiting.includes(waiting)) return;
      const leave = identity.running()?.enter((error) => {
        const place = this.#waiting.indexOf(waiting);
        if (place < 0) return false;
        this.#waiting.splice(place, 1);
        reject(error);
        return true;
      });
      if (leave !== undefined) waiting.resolve = (result) => (leave(), resolve(result));
    });
  }

  return(): Promise<IteratorResult<Future<T>, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #start(): void {
    this.#started = true;
    for (const future of this.#all) {
      const onDone = (): void => {
        this.#finished.push(future);
        this.#serve();
      };
      this.#watches.push(Future.watch(future, onDone));
    }
    const expire = (): void => {
      this.#expired = true;
      this.#serve();
    };
    if (this.#timeout === 0) expire();
    else this.#stop = atDeadline(deadlineOf(this.#timeout), expire);
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const future = this.#ended ? undefined : this.#finished.shift();
      if (future !== undefined) {
        // With none left to wait for, the timer must not keep the process alive until somebody asks for the end.
        if (--this.#left === 0) this.#stop();
        this.#waiting.shift()!.resolve({ done: false, value: future });
      } else if (this.#ended || this.#left === 0) {
        this.#end();
        this.#waiting.shift()!.resolve({ done: true, value: undefined });
      } else if (this.#expired) {
        this.#end();
        this.#waiting.shift()!.reject(new TimeoutError(`${this.#left} (of ${this.#all.size}) futures unfinished`));
      } else {
        return;
      }
    }
  }

  #end(): void {
    this.#ended = true;
    this.#stop();
    for (const unwatch of this.#watches.splice(0)) unwatch();
  }
}
