/**
 * What heddle is measured against: the least that can be written with Atomics for the same purpose. None of it survives
 * the death of a thread, serves waiters in order, or can be waited for by an event loop.
 */

/** U. Drepper's mutex 2: 0 free, 1 held, 2 held and somebody may sleep. */
export function lockMutex(words: Int32Array, at: number): void {
  let seen = Atomics.compareExchange(words, at, 0, 1);
  if (seen === 0) return;
  if (seen !== 2) seen = Atomics.exchange(words, at, 2);
  while (seen !== 0) {
    Atomics.wait(words, at, 2);
    seen = Atomics.exchange(words, at, 2);
  }
}

export function unlockMutex(words: Int32Array, at: number): void {
  if (Atomics.sub(words, at, 1) !== 1) {
    Atomics.store(words, at, 0);
    Atomics.notify(words, at, 1);
  }
}

/** Sleeps until the word is `turn`. */
export function awaitTurn(words: Int32Array, at: number, turn: number): void {
  for (let seen = Atomics.load(words, at); seen !== turn; seen = Atomics.load(words, at)) Atomics.wait(words, at, seen);
}

export function giveTurn(words: Int32Array, at: number, turn: number): void {
  Atomics.store(words, at, turn);
  Atomics.notify(words, at, 1);
}

/** A ring of blocks between one writer and one reader. Word 0 counts what was written, word 16 what was read. */
export class BlockRing {
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #size: number;
  readonly #slots: number;

  constructor(buffer: SharedArrayBuffer, size: number, slots: number) {
    this.#words = new Int32Array(buffer, 0, 32);
    this.#bytes = new Uint8Array(buffer, 128);
    this.#size = size;
    this.#slots = slots;
  }

  static bytes(size: number, slots: number): number {
    return 128 + size * slots;
  }

  write(block: Uint8Array): void {
    const written = Atomics.load(this.#words, 0);
    for (;;) {
      const read = Atomics.load(this.#words, 16);
      if (written - read < this.#slots) break;
      Atomics.wait(this.#words, 16, read);
    }
    this.#bytes.set(block, (written % this.#slots) * this.#size);
    Atomics.store(this.#words, 0, written + 1);
    Atomics.notify(this.#words, 0, 1);
  }

  /** The block, in memory of its own: the slot will be written again. */
  read(): Uint8Array {
    const read = Atomics.load(this.#words, 16);
    while (Atomics.load(this.#words, 0) === read) Atomics.wait(this.#words, 0, read);
    const start = (read % this.#slots) * this.#size;
    const block = new Uint8Array(this.#size);
    block.set(this.#bytes.subarray(start, start + this.#size));
    Atomics.store(this.#words, 16, read + 1);
    Atomics.notify(this.#words, 16, 1);
    return block;
  }
}
