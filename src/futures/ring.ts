/**
 * The rings of an executor: tasks on their way to the workers, and back with their results.
 *
 * ```
 *   submit ─► block ─► tasks ring ─► worker ─► results ring ─► future
 * ```
 * A ring is a queue whose cells are addresses of task blocks (core/layout.ts, TASK): one word in, one word out, no
 * message posted. A block travels the whole round and is freed where it was allocated.
 *
 * @module
 */

import { load, store } from "#atomics";
import { ADDRESS, register, SharedObject } from "../core/handles.ts";
import { GRANT, QUEUE, QUEUE_WORDS, SLOT, TAG } from "../core/layout.ts";
import type { Memory } from "../core/memory.ts";
import { QUEUED, type WaitKind } from "../core/parker.ts";
import { memory } from "../core/program.ts";
import { cancelGet, createRing, GET, getCell, got, putCell } from "../core/raw/queue.ts";

export class Ring extends SharedObject {
  constructor() {
    super(TAG.ring, QUEUE_WORDS, (address) => store(memory.words, address + QUEUE.ring, createRing(memory)));
  }

  put(cell: number): void {
    putCell(memory, this[ADDRESS], cell, 0);
  }

  /** The next cell, or 0. */
  poll(): number {
    return getCell(memory, this[ADDRESS], 0) === GET.done ? got.cell : 0;
  }
}

register(TAG.ring, () => new Ring());

/** One wait for a cell. */
export class RingWait implements WaitKind {
  readonly name: string;
  cell = 0;

  constructor(name: string) {
    this.name = name;
  }

  enter(memory: Memory, ring: number, slot: number): number {
    const result = getCell(memory, ring, slot);
    if (result === GET.queued) return QUEUED;
    this.cell = got.cell;
    return result === GET.done ? GRANT.done : GRANT.broken;
  }

  cancel(memory: Memory, ring: number, slot: number): boolean {
    return cancelGet(memory, ring, slot);
  }

  take(memory: Memory, slot: number): void {
    this.cell = load(memory.words, slot + SLOT.payload);
  }
}
