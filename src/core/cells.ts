/**
 * Cells for the threads of this program; see cell-coder.ts.
 *
 * @module
 */

import { threads } from "./domain.ts";

const { cells } = threads;

export function toCell(item: unknown, path: string): number {
  return cells.toCell(item, path);
}

export function fromCell(cell: number): unknown {
  return cells.fromCell(cell);
}

export function prepareCell(cell: number): Promise<unknown> | undefined {
  return cells.prepareCell(cell);
}

export function discardCell(cell: number): void {
  cells.discardCell(cell);
}
