/**
 * Chunks: several items of a map that travel as one task.
 *
 * @module
 */

import type { Domain } from "../core/domain.ts";

// oxlint-disable-next-line typescript/no-explicit-any -- any function that was submitted
export type Callable = (...args: any[]) => unknown;

/** The result of a chunk: as many results as there are, and whether an error follows. */
export type ChunkResult = [values: unknown[], failed: boolean, error?: unknown];

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/**
 * Calls the function with each item, or with the arguments that each item lists (`star`). Stops at the first error,
 * which becomes part of the result; or before the next item, if the rest is not wanted.
 */
export function runChunk(
  fn: Callable,
  items: readonly unknown[],
  star: boolean,
  isUnwanted: () => boolean,
): ChunkResult | Promise<ChunkResult> {
  const values: unknown[] = [];
  const call = (item: unknown): unknown => (star ? fn(...(item as unknown[])) : fn(item));
  for (let i = 0; i < items.length; i++) {
    if (isUnwanted()) break;
    try {
      const value = call(items[i]);
      if (isThenable(value)) return finishChunk(call, items, values, value, isUnwanted);
      values.push(value);
    } catch (error) {
      return [values, true, error];
    }
  }
  return [values, false];
}

async function finishChunk(
  call: (item: unknown) => unknown,
  items: readonly unknown[],
  values: unknown[],
  first: PromiseLike<unknown>,
  isUnwanted: () => boolean,
): Promise<ChunkResult> {
  try {
    values.push(await first);
    for (let i = values.length; i < items.length && !isUnwanted(); i++) values.push(await call(items[i]));
    return [values, false];
  } catch (error) {
    return [values, true, error];
  }
}

/** As a cell. One result that cannot be sent must not cost those before it. */
export function packChunk([values, failed, error]: ChunkResult, { cells, packer }: Domain): number {
  try {
    return cells.toCell(failed ? [values, true, error] : [values, false], "result");
  } catch (failure) {
    for (let i = 0; i < values.length; i++) {
      try {
        cells.discardCell(cells.toCell(values[i], "result"));
      } catch (unsendable) {
        return cells.toCell([values.slice(0, i), true, unsendable], "result");
      }
    }
    if (!failed) throw failure;
    // What of the error can be sent.
    return cells.toCell([values, true, packer.unpack(packer.packThrown(error))], "result");
  }
}
