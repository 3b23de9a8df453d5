/**
 * How fast something goes: over the last seconds, so that it follows a change and does not jump with every item.
 *
 * @module
 */

/** Milliseconds that the rate looks back. */
const WINDOW = 5000;

export class Rate {
  readonly #samples: { readonly time: number; readonly value: number }[] = [];

  /** At that time (milliseconds), so many were done. */
  add(time: number, value: number): void {
    this.#samples.push({ time, value });
    while (this.#samples.length > 2 && this.#samples[1]!.time <= time - WINDOW) this.#samples.shift();
  }

  /** Items a second; `undefined`: too early to tell. */
  get perSecond(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.time <= first.time || last.value <= first.value) {
      return undefined;
    }
    return ((last.value - first.value) / (last.time - first.time)) * 1000;
  }
}
