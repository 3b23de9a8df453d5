/** The least that can hand something from process to process: words of a mapped file, and the futex calls. */

import fs from "node:fs";
import { native } from "../../src/multiprocessing/memory/native.ts";

export class FutexWords {
  readonly #words: Int32Array;
  readonly #base: number;

  constructor(file: string) {
    const descriptor = fs.openSync(file, "r+");
    const region = native().map(descriptor, 4096);
    this.#words = new Int32Array(native().view(region, 4096));
    this.#base = region.base;
  }

  give(i: number): void {
    Atomics.store(this.#words, i, 1);
    native().wake(this.#base + 4 * i, 1);
  }

  take(i: number): void {
    while (Atomics.compareExchange(this.#words, i, 1, 0) !== 1) native().wait(this.#base + 4 * i, 0, 100);
  }
}
