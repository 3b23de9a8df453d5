/**
 * Items as cells: one word that is the item itself, or the address of a message.
 *
 * @module
 */

import type { Packer } from "./packer.ts";
import { isMessage } from "./raw/queue.ts";

/** Constants, below the lowest address a block can have. */
const UNDEFINED = 2;
const NULL = 4;
const FALSE = 6;
const TRUE = 8;

/** Integers that fit a cell beside its tag bit. */
const LEAST = -(2 ** 30);
const MOST = 2 ** 30 - 1;

/** Cells of one memory. */
export class Cells {
  readonly #packer: Packer;

  constructor(packer: Packer) {
    this.#packer = packer;
  }

  /** Errors: `NotSendableError`. The cell then belongs to the caller, until it is put or discarded. */
  toCell(item: unknown, path: string): number {
    if (typeof item === "number") {
      const small = item | 0;
      if (small === item && small >= LEAST && small <= MOST && !Object.is(item, -0)) return (small << 1) | 1;
    } else if (item === undefined) {
      return UNDEFINED;
    } else if (item === null) {
      return NULL;
    } else if (typeof item === "boolean") {
      return item ? TRUE : FALSE;
    }
    return this.#packer.pack(item, path);
  }

  /** The item; its cell is used up. */
  fromCell(cell: number): unknown {
    if ((cell & 1) === 1) return cell >> 1;
    switch (cell) {
      case UNDEFINED:
        return undefined;
      case NULL:
        return null;
      case FALSE:
        return false;
      case TRUE:
        return true;
      default:
        return this.#packer.unpack(cell);
    }
  }

  /**
   * For looking at an item that stays where it is, and that another thread may take as soon as the caller lets it: copies
   * the cell, which must be possible, and reads the copy when what this returns is called.
   */
  copyCell(cell: number): () => unknown {
    if (!isMessage(cell)) return () => this.fromCell(cell);
    const copied = this.#packer.copy(cell);
    return () => this.#packer.unpack(copied);
  }

  /** False: the item holds what can be taken only once. */
  canCopy(cell: number): boolean {
    return !isMessage(cell) || !this.#packer.hasAttachments(cell);
  }

  hasAttachments(cell: number): boolean {
    return isMessage(cell) && this.#packer.hasAttachments(cell);
  }

  /** What is attached to it goes to that thread, which is the one that will read it. False: it must fetch it. */
  deliver(cell: number, to: number): boolean {
    return this.#packer.deliver(cell, to);
  }

  /** What must be loaded before {@link fromCell}. */
  prepareCell(cell: number): Promise<unknown> | undefined {
    return isMessage(cell) ? this.#packer.prepare(cell) : undefined;
  }

  discardCell(cell: number): void {
    if (isMessage(cell)) this.#packer.discard(cell);
  }
}
