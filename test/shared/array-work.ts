/** What the threads of array.test.ts do. @module */

import type { DataType, SharedArray } from "heddle/shared";

/** Every element becomes the sum of all up to it. */
export function prefixSums(array: SharedArray<number>): void {
  for (let i = 1; i < array.length; i++) array.set(i, array.at(i - 1) + array.at(i));
}

export function fillHalf(data: Float64Array, value: number): number {
  data.fill(value);
  return data.length;
}

/** Gives back what it was given, to see whether it is the same there. */
export function echo<T>(value: T): T {
  return value;
}

/** Reads the whole array through its parts, and sends those. */
export function partsOf(array: SharedArray<number>): { same: boolean; array: SharedArray<number>; part: unknown } {
  return { same: array.data === array.data, array, part: array.data.subarray(2, 4) };
}

export function isSame(array: SharedArray<number>, data: unknown, again: SharedArray<number>): boolean {
  return array === again && array.data === data;
}

export function countLocked(array: SharedArray<number>, times: number): void {
  for (let i = 0; i < times; i++) {
    using _ = array.lock.acquireSync();
    array.set(0, array.at(0) + 1);
    array.data[1]! += 1;
  }
}

export function countAtomics(data: Int32Array, times: number): void {
  for (let i = 0; i < times; i++) Atomics.add(data, i % data.length, 1);
}

export function typeName(array: SharedArray<number>): [DataType<number>, string] {
  return [array.type, array.type.name];
}
