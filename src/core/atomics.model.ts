/**
 * The twin of atomics.ts for the model checker: the condition `heddle-model` puts it in the place of `#atomics`. Words
 * of a memory that is being explored go to the explorer, which decides who runs next; all others to the real Atomics, so
 * that the same modules also set a memory up and look at it afterwards.
 *
 * @module
 */

import * as native from "./atomics.ts";

export type Words = native.Words;

/** What an explorer does with each operation on its words. Each may throw to suspend the caller. */
export interface Explorer {
  readonly words: Words;
  load(index: number): number;
  store(index: number, value: number): void;
  compareExchange(index: number, expected: number, value: number): number;
  exchange(index: number, value: number): number;
  add(index: number, delta: number): number;
  pause(): void;
}

let explorer: Explorer | undefined;

/** Sends the words of `given` to it; `undefined`: all words are real again. */
export function exploreWith(given: Explorer | undefined): void {
  explorer = given;
}

function explored(words: Words): Explorer | undefined {
  return explorer !== undefined && explorer.words === words ? explorer : undefined;
}

export function load(words: Words, index: number): number {
  const model = explored(words);
  return model === undefined ? native.load(words, index) : model.load(index);
}

export function store(words: Words, index: number, value: number): void {
  const model = explored(words);
  if (model === undefined) native.store(words, index, value);
  else model.store(index, value);
}

export function compareExchange(words: Words, index: number, expected: number, value: number): number {
  const model = explored(words);
  return model === undefined
    ? native.compareExchange(words, index, expected, value)
    : model.compareExchange(index, expected, value);
}

export function exchange(words: Words, index: number, value: number): number {
  const model = explored(words);
  return model === undefined ? native.exchange(words, index, value) : model.exchange(index, value);
}

export function add(words: Words, index: number, delta: number): number {
  const model = explored(words);
  return model === undefined ? native.add(words, index, delta) : model.add(index, delta);
}

// Waiting goes through the Memory, which an explorer brings along; these serve real memories only.
export { canBlock, notify, wait, waitAsync } from "./atomics.ts";

// Values of 64 bits are data, never control words: an explorer need not see them.
export type { LongWords } from "./atomics.ts";
export { compareExchangeLong, exchangeLong, loadLong, storeLong } from "./atomics.ts";

export function pause(): void {
  if (explorer === undefined) native.pause();
  else explorer.pause();
}
