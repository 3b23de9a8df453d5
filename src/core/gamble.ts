/**
 * Whether something that often pays, and costs a little when it does not, should be tried again: after each loss in a row
 * twice as many chances are passed up.
 *
 * @module
 */

const MOST_PASSED_UP = 64;

export class Gamble {
  #left = 0;
  #penalty = 1;

  /** Asked at every chance: is it worth trying now? */
  worthTrying(): boolean {
    if (this.#left === 0) return true;
    this.#left--;
    return false;
  }

  settle(won: boolean): void {
    this.#left = won ? 0 : this.#penalty;
    this.#penalty = won ? 1 : Math.min(2 * this.#penalty, MOST_PASSED_UP);
  }
}
