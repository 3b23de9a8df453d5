/**
 * AsyncResult: what the asynchronous calls of a Pool give.
 *
 * @module
 */

import type { WaitOptions } from "../core/deadline.ts";
import { TimeoutError, ValueError } from "../errors.ts";
import type { Future } from "../futures/future.ts";

/** Called once the result is there: one or the other, never both. */
export interface ResultCallbacks<T> {
  callback?: ((value: T) => void) | undefined;
  errorCallback?: ((error: unknown) => void) | undefined;
}

/**
 * The result of a call that a {@link Pool} works on.
 *
 * **Differs from Python.** An error that a callback throws is reported, and loses no other result.
 */
export class AsyncResult<T> {
  readonly #future: Future<T>;

  /** A pool makes these. */
  constructor(future: Future<T>, { callback, errorCallback }: ResultCallbacks<T> = {}) {
    this.#future = future;
    if (callback === undefined && errorCallback === undefined) return;
    future.addDoneCallback(() => {
      const error = this.#error();
      if (error === undefined) callback?.(future.resultSync());
      else errorCallback?.(error);
    });
  }

  /** The value, once it is there; throws what the call threw, or `TimeoutError`: ask again later. */
  get(options?: WaitOptions): Promise<T> {
    return this.#future.result(options);
  }

  /** As {@link get}, blocking. */
  getSync(options?: WaitOptions): T {
    return this.#future.resultSync(options);
  }

  /** Waits until the result is there, whatever it is. False: the timeout passed first. */
  async wait(options?: WaitOptions): Promise<boolean> {
    try {
      await this.#future.exception(options);
    } catch (error) {
      this.#mayBeLate(error);
    }
    return this.ready;
  }

  /** As {@link wait}, blocking. */
  waitSync(options?: WaitOptions): boolean {
    try {
      this.#future.exceptionSync(options);
    } catch (error) {
      this.#mayBeLate(error);
    }
    return this.ready;
  }

  /** Is the result there? */
  get ready(): boolean {
    return this.#future.done;
  }

  /** Was there no error? Throws `ValueError` as long as that is not known. */
  get successful(): boolean {
    if (!this.ready) throw new ValueError(`${this.toString()} not ready: wait for it first`);
    return this.#error() === undefined;
  }

  toString(): string {
    const state = !this.ready ? "pending" : this.successful ? "successful" : "failed";
    return `<AsyncResult ${state}>`;
  }

  /** Of a result that is there. */
  #error(): unknown {
    return this.#future.exceptionSync();
  }

  #mayBeLate(error: unknown): void {
    if (!this.ready && !(error instanceof TimeoutError)) throw error;
  }
}
