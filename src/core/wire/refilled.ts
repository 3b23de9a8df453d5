/** Longer lists are not kept from one message to the next. */
const KEPT = 16;

/** A list that each message fills anew. It keeps its memory, and nothing that was in it: most messages are small. */
export class Refilled<T> {
  #items: (T | undefined)[] = [];
  length = 0;

  push(item: T): void {
    this.#items[this.length++] = item;
  }

  at(index: number): T | undefined {
    return index < this.length ? this.#items[index] : undefined;
  }

  replace(index: number, item: T): void {
    this.#items[index] = item;
  }

  /** Of the last that is `item`; -1: none. */
  indexOf(item: T): number {
    for (let i = this.length - 1; i >= 0; i--) if (this.#items[i] === item) return i;
    return -1;
  }

  /** Forgets all from there on. */
  cut(length: number): void {
    if (this.length > KEPT) this.#items.length = Math.max(length, KEPT);
    const { length: all } = this.#items;
    const end = this.length < all ? this.length : all;
    for (let i = length; i < end; i++) this.#items[i] = undefined;
    this.length = length;
  }
}
