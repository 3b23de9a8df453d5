/**
 * Counts the blocks of shared memory that are in use: all that exist, less those in free lists, and less the records of
 * threads and their slots, which are kept for the threads to come.
 *
 * @module
 */

import { load } from "#atomics";
import { sizeOf } from "../../src/core/heap.ts";
import { FIRST_PAGE, PAGE_MAP, PAGE_WORDS, PROGRAM, RECORD, SIZE_CLASSES, SLOT } from "../../src/core/layout.ts";
import { memory } from "../../src/core/program.ts";

/** Length of a list of blocks, linked through their first words. */
function lengthOf(list: number): number {
  let n = 0;
  for (let block = list; block !== 0; block = load(memory.words, memory.reach(block))) n++;
  return n;
}

/** Only exact while no other thread allocates. */
export function blocksInUse(): number {
  let blocks = 0;
  for (let page = FIRST_PAGE; page < load(memory.words, PROGRAM.pages); page++) {
    if (load(memory.words, PAGE_MAP + page) >= 0) continue;
    memory.reach((page + 1) * PAGE_WORDS - 1);
    blocks += Math.floor(PAGE_WORDS / sizeOf(memory, page * PAGE_WORDS));
  }
  const records: number[] = [];
  for (let i = 0; i < load(memory.words, PROGRAM.threadCount); i++) {
    const record = load(memory.words, PROGRAM.threadTable + i);
    if (record === 0) continue;
    records.push(memory.reach(record));
    if (record !== PROGRAM.mainRecord) blocks--;
    for (
      let slot = load(memory.words, record + RECORD.slots);
      slot !== 0;
      slot = load(memory.words, slot + SLOT.chain)
    ) {
      memory.reach(slot);
      blocks--;
    }
  }
  for (let c = 0; c < SIZE_CLASSES; c++) {
    // In the central list, the second word of a chain's first block links the chains.
    for (let chain = load(memory.words, PROGRAM.freeLists + c); chain !== 0; chain = load(memory.words, chain + 1)) {
      blocks -= lengthOf(chain);
    }
    for (const record of records) blocks -= lengthOf(load(memory.words, record + RECORD.caches + 2 * c));
  }
  return blocks + load(memory.words, PROGRAM.largePages);
}
