/**
 * The slots a thread waits with: one for its blocking waits, and as many as it has waits pending on its event loop.
 * Slots belong to the thread's record for ever and serve its next user too; the record's chain of slots only grows, so
 * a reaper can walk it at any time.
 *
 * @module
 */

import { load, store } from "#atomics";
import { alloc } from "./heap.ts";
import { RECORD, SLOT, SLOT_STATE, SLOT_WORDS } from "./layout.ts";
import type { Memory } from "./memory.ts";

export class Slots {
  readonly #memory: Memory;
  readonly #free: number[] = [];
  /** Slots of the record's earlier users that this one has not taken over yet. */
  #inherited: number;
  /** The slot of this thread's blocking waits. */
  readonly sync: number;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#inherited = load(memory.words, memory.record + RECORD.slots);
    let sync = load(memory.words, memory.record + RECORD.syncSlot);
    if (sync === 0) {
      sync = this.#make();
      store(memory.words, memory.record + RECORD.syncSlot, sync);
    } else {
      this.#reset(sync, 0);
    }
    this.sync = sync;
  }

  /** A slot for a wait on the event loop. */
  take(): number {
    const slot = this.#free.pop() ?? this.#inherit() ?? this.#make();
    this.#reset(slot, 1);
    return slot;
  }

  /** Only once the slot stands in no list and in no ready stack. */
  give(slot: number): void {
    store(this.#memory.words, slot + SLOT.state, SLOT_STATE.free);
    this.#free.push(slot);
  }

  #inherit(): number | undefined {
    while (this.#inherited !== 0) {
      const slot = this.#memory.reach(this.#inherited);
      this.#inherited = load(this.#memory.words, slot + SLOT.chain);
      if (slot !== load(this.#memory.words, this.#memory.record + RECORD.syncSlot)) return slot;
    }
    return undefined;
  }

  #make(): number {
    const memory = this.#memory;
    const slot = alloc(memory, SLOT_WORDS);
    this.#reset(slot, 0);
    store(memory.words, slot + SLOT.chain, load(memory.words, memory.record + RECORD.slots));
    store(memory.words, memory.record + RECORD.slots, slot);
    return slot;
  }

  #reset(slot: number, isAsync: 0 | 1): void {
    const { words, self } = this.#memory;
    store(words, slot + SLOT.state, SLOT_STATE.free);
    store(words, slot + SLOT.list, 0);
    store(words, slot + SLOT.object, 0);
    store(words, slot + SLOT.tid, self);
    store(words, slot + SLOT.async, isAsync);
    store(words, slot + SLOT.request, 0);
    store(words, slot + SLOT.ready, 0);
  }
}
