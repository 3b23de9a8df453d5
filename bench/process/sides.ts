/** What the children of the benchmark run. */

import type { Lock, Queue, Value } from "heddle/multiprocessing";
import { FutexWords } from "./futex-words.ts";

/** Takes so many items for each number it gets, and says so. */
export function consume(rounds: Queue<number>, items: Queue<unknown>, done: Queue<number>): void {
  for (let n = rounds.getSync(); n > 0; n = rounds.getSync()) {
    for (let i = 0; i < n; i++) items.getSync();
    done.putSync(n);
  }
}

/** Answers: takes the one lock, frees the other. */
export function handOver(rounds: Queue<number>, mine: Lock, theirs: Lock): void {
  for (let n = rounds.getSync(); n > 0; n = rounds.getSync()) {
    for (let i = 0; i < n; i++) {
      mine.acquireSync();
      theirs.release();
    }
  }
}

/** The same with the bare words and calls of the system. */
export function answer(rounds: Queue<number>, file: string): void {
  const words = new FutexWords(file);
  for (let n = rounds.getSync(); n > 0; n = rounds.getSync()) {
    for (let i = 0; i < n; i++) {
      words.take(0);
      words.give(1);
    }
  }
}

export function sum(from: number, to: number): number {
  let total = 0;
  for (let n = from; n <= to; n++) total += n;
  return total;
}

export function sumInto(from: number, to: number, total: Value): void {
  const part = sum(from, to);
  total.lock.acquireSync();
  total.value += part;
  total.lock.release();
}

export function lengthOf(data: Float64Array): number {
  return data.length;
}

export function nothing(): void {}
