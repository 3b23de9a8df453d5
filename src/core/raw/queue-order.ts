/**
 * In which order a queue gives its cells: what distinguishes its variants. The queue does the rest: guard, limits,
 * waiting. Everything here runs under the queue's guard.
 *
 * @module
 */

import type { Memory } from "../memory.ts";

/** What became of a cell that was to be added. */
export const ADDED = {
  done: 0,
  /** It cannot be compared with what is there; nothing changed. */
  refused: 4,
  /** The comparator does not know yet; nothing changed. */
  asked: 5,
} as const;

/**
 * Where a cell stands relative to another one in the queue: negative before, positive after it, NaN if they cannot be
 * compared, `undefined` if that has to be found out first.
 */
export type Comparator = (other: number) => number | undefined;

export interface QueueOrder {
  /** Adds a cell to the `n` that are there. Committed by the counter of puts. Gives {@link ADDED}. */
  add(memory: Memory, queue: number, cell: number, n: number, compare?: Comparator): number;
  /** The cell whose turn it is. There is one. */
  next(memory: Memory, queue: number): number;
  /** Removes that cell. Committed by the counter of gets. */
  remove(memory: Memory, queue: number): void;
  /** Adds a cell that was removed, but reached nobody: its turn comes next. Committed by the counter of gets. */
  putBack(memory: Memory, queue: number, cell: number, n: number): void;
  /** All cells, in the order of their turns. */
  cells(memory: Memory, queue: number): number[];
  /** Removes all. Committed by the counter of gets. */
  clear(memory: Memory, queue: number): void;
  /** Frees what is around the item in a cell, and gives the item's own. Absent: the cell is the item's own. */
  unwrap?(memory: Memory, cell: number): number;
  /** Completes or forgets what a dead thread was doing. */
  repair?(memory: Memory, queue: number): void;
  /** True: only who puts a cell can say where it belongs, so waiting putters are told to try again. */
  asks?(memory: Memory, queue: number): boolean;
}
