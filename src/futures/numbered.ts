/**
 * Things in hand, each under a number for as long as it is there: an array with its free places, so that a million of
 * them cost no more each than a hundred. A map of as many would be rehashed again and again.
 *
 * @module
 */

/** A number is `uses of the place << PLACE_BITS | place`, never 0. An old one means nothing for 254 uses more. */
const PLACE_BITS = 23;
const PLACES: number = 1 << PLACE_BITS;
const USES: number = 1 << (31 - PLACE_BITS);

interface Entry<T> {
  readonly value: T;
  readonly number: number;
  /** Grows with every value: the order in which they came. */
  readonly order: number;
}

export class Numbered<T> {
  readonly #entries: (T | undefined)[] = [];
  readonly #numbers: number[] = [];
  readonly #orders: number[] = [];
  readonly #free: number[] = [];
  #count = 0;
  #order = 0;

  get size(): number {
    return this.#count;
  }

  /** Errors: `RangeError` when there are eight million. */
  add(value: T): number {
    const place = this.#free.pop() ?? this.#entries.length;
    if (place === PLACES) throw new RangeError("more than 8 388 608 tasks are pending: wait for some of them");
    const uses = (((this.#numbers[place] ?? 0) >> PLACE_BITS) % (USES - 1)) + 1;
    const number = (uses << PLACE_BITS) | place;
    this.#entries[place] = value;
    this.#numbers[place] = number;
    this.#orders[place] = this.#order++;
    this.#count++;
    return number;
  }

  get(number: number): T | undefined {
    const place = number & (PLACES - 1);
    return this.#numbers[place] === number ? this.#entries[place] : undefined;
  }

  /** Takes it out. */
  take(number: number): T | undefined {
    const value = this.get(number);
    if (value === undefined) return undefined;
    const place = number & (PLACES - 1);
    this.#entries[place] = undefined;
    this.#count--;
    this.#free.push(place);
    return value;
  }

  /** All that are there now, in the order in which they came. */
  entries(): [number, T][] {
    const found: Entry<T>[] = [];
    for (const [place, value] of this.#entries.entries()) {
      if (value !== undefined) found.push({ value, number: this.#numbers[place]!, order: this.#orders[place]! });
    }
    return found.toSorted((a, b) => a.order - b.order).map(({ number, value }) => [number, value]);
  }
}
