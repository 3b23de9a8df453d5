/** The backend of worker threads. @module */

import { load } from "#atomics";
import { Queue } from "heddle/queue";
import { spawn } from "heddle/threading";
import { ADDRESS } from "../../src/core/handles.ts";
import { RECORD, SLOT, SLOT_STATE } from "../../src/core/layout.ts";
import { memory } from "../../src/core/program.ts";
import { liveRecords } from "../../src/core/thread-table.ts";
import type { Backend } from "./kit.ts";

/** Waits in progress for the shared object, of all threads. */
export function waitersOf(object: object): number {
  const address = (object as { [ADDRESS]: number })[ADDRESS];
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

export const threads: Backend = {
  name: "threads",
  spawn,
  mailbox: <T>() => new Queue<T>(),
  waiting: waitersOf,
  words: (length) => new Int32Array(new SharedArrayBuffer(4 * length)),
};
