/**
 * What a map takes its items from: an iterable, or an async one, which is let go once, whoever ends the map.
 *
 * That may be the input itself, in the middle of giving an item: then it is closed when it has given it.
 *
 * @module
 */

export class Source {
  readonly isAsync: boolean;
  readonly #items: Iterator<unknown> | AsyncIterator<unknown>;
  /** Nothing more is to be taken. */
  #isOver = false;
  /** It has ended by itself, or was told to. */
  #hasEnded = false;
  /** It is at giving an item right now. */
  #isGiving = false;

  /** Throws what the iterable throws when it is asked for an iterator. */
  constructor(items: Iterable<unknown> | AsyncIterable<unknown>) {
    // A string is an iterable, but no object.
    this.isAsync = (items as AsyncIterable<unknown>)[Symbol.asyncIterator] !== undefined;
    this.#items = this.isAsync
      ? (items as AsyncIterable<unknown>)[Symbol.asyncIterator]()
      : (items as Iterable<unknown>)[Symbol.iterator]();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** An item is being asked for: the input must not be asked for another. */
  get isGiving(): boolean {
    return this.#isGiving;
  }

  /**
   * Adds items to a list until it has `size`, or there are no more. Of an input that is given up meanwhile, by itself,
   * nothing is left in the list. Throws what the input throws.
   */
  take(items: unknown[], size: number): void {
    while (items.length < size && !this.#isOver) {
      const step = this.#next();
      if (step === undefined) items.length = 0;
      else if (step.done !== true) items.push(step.value);
    }
  }

  #next(): IteratorResult<unknown> | undefined {
    this.#isGiving = true;
    try {
      return this.#given((this.#items as Iterator<unknown>).next());
    } catch (error) {
      return this.#failed(error);
    } finally {
      this.#isGiving = false;
    }
  }

  /** The next of an async input; `undefined` if it was given up meanwhile. Throws what the input throws. */
  async pull(): Promise<IteratorResult<unknown> | undefined> {
    this.#isGiving = true;
    try {
      return this.#given(await (this.#items as AsyncIterator<unknown>).next());
    } catch (error) {
      return this.#failed(error);
    } finally {
      this.#isGiving = false;
    }
  }

  #given(step: IteratorResult<unknown>): IteratorResult<unknown> | undefined {
    const wasGivenUp = this.#isOver;
    if (step.done === true) this.#isOver = this.#hasEnded = true;
    else if (wasGivenUp && !this.isAsync) this.#dismiss();
    return wasGivenUp ? undefined : step;
  }

  #failed(error: unknown): undefined {
    const wasGivenUp = this.#isOver;
    this.#isOver = this.#hasEnded = true;
    // What ended the map counts.
    if (!wasGivenUp) throw error;
  }

  /** Closes an input that could not be closed while it ran. */
  #dismiss(): void {
    try {
      (this.#items as Iterator<unknown>).return?.();
    } catch {
      // What ended the map counts.
    }
  }

  /** Nothing more is to be taken. It may still be closed. */
  giveUp(): void {
    this.#isOver = true;
  }

  /** Gives it up, and lets it know, for it may have something to close. */
  async close(): Promise<void> {
    this.#isOver = true;
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    // It cannot be closed while it runs: `#given` does that.
    if (this.#isGiving && !this.isAsync) return;
    const closing = this.#items.return?.();
    // An async generator closes only once its pending step is over, which may be never.
    if (this.#isGiving) Promise.resolve(closing).catch(() => undefined);
    else await closing;
  }
}
