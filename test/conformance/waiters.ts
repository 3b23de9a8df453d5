/** A look at who waits. @module */

import { load } from "#atomics";
import { ADDRESS, DOMAIN, type SharedObject } from "../../src/core/handles.ts";
import { RECORD, SLOT, SLOT_STATE } from "../../src/core/layout.ts";
import { liveRecords } from "../../src/core/thread-table.ts";

/** Waits in progress for the shared object, of all threads. */
export function waitersOf(object: object): number {
  const { [ADDRESS]: address, [DOMAIN]: domain } = object as SharedObject;
  const { memory } = domain;
  let n = 0;
  for (const record of liveRecords(memory)) {
    for (let slot = load(memory.words, record + RECORD.slots); slot !== 0;) {
      memory.reach(slot);
      const state = load(memory.words, slot + SLOT.state);
      const waits = state === SLOT_STATE.waiting || state === SLOT_STATE.interrupted;
      if (waits && load(memory.words, slot + SLOT.object) === address && load(memory.words, slot + SLOT.list) !== 0)
        n++;
      slot = load(memory.words, slot + SLOT.chain);
    }
  }
  return n;
}
