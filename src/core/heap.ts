/**
 * The allocator of the program's memory.
 *
 * ```
 *   alloc ─► this thread's free list ─► central free list (chains of blocks) ─► a new slab page
 *   large (> 32 KiB) ─► a run of whole pages in the page map
 *
 *   page map word:   0 free   |   n > 0 first page of a run of n   |   -(class + 1) slab of that class
 * ```
 * A thread allocates and frees without any lock until its own list is empty or too long. Every step is committed by
 * one store, so a thread that is terminated anywhere in here costs at most the block in its hand, never the lists.
 * Free runs join by themselves: the search steps from run to run, and what it does not step over is free.
 *
 * Source of the shape: tcmalloc's thread caches and transfer of whole batches.
 *
 * @module
 */

import { load, store } from "#atomics";
import { FIRST_PAGE, PAGE_MAP, PAGE_SHIFT, PAGE_WORDS, PROGRAM, RECORD, SIZE_CLASSES } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { lockGuard, unlockGuard } from "./raw/guard.ts";

/** Words of the largest small block. */
const LARGEST = PAGE_WORDS / 2;

/** Block sizes in words: 4, 8, 12, 16, then four steps for each doubling. */
const SIZES: readonly number[] = Array.from({ length: SIZE_CLASSES }, (_, c) =>
  c < 4 ? 4 * (c + 1) : (1 << ((c >> 2) + 1)) * (5 + (c & 3)),
);

/** How many blocks move between a thread and the centre at once. */
const BATCH: readonly number[] = SIZES.map((size) => Math.max(1, Math.min(64, LARGEST / size)) | 0);

function classOf(size: number): number {
  if (size <= 16) return (size - 1) >> 2;
  const exponent = 31 - Math.clz32(size - 1);
  return ((exponent - 3) << 2) + (((size - 1) >> (exponent - 2)) & 3);
}

/** Address of a block of at least `size` words. Its content is whatever was there before. */
export function alloc(memory: Memory, size: number): number {
  if (size > LARGEST) return allocRun(memory, Math.ceil(size / PAGE_WORDS));
  const c = classOf(size < 1 ? 1 : size);
  const cache = memory.record + RECORD.caches + 2 * c;
  const words = memory.words;
  const block = words[cache]!;
  if (block === 0) return refill(memory, c, cache);
  memory.reach(block);
  memory.words[cache] = memory.words[block]!;
  memory.words[cache + 1]!--;
  return block;
}

/** As {@link alloc}, all words 0. */
export function allocZeroed(memory: Memory, size: number): number {
  const block = alloc(memory, size);
  memory.words.fill(0, block, block + size);
  return block;
}

export function free(memory: Memory, block: number): void {
  memory.reach(block);
  const entry = load(memory.words, PAGE_MAP + (block >>> PAGE_SHIFT));
  if (entry > 0) {
    freeRun(memory, block >>> PAGE_SHIFT);
    return;
  }
  const c = -entry - 1;
  const cache = memory.record + RECORD.caches + 2 * c;
  const words = memory.words;
  words[block] = words[cache]!;
  words[cache] = block;
  if (++words[cache + 1]! >= 2 * BATCH[c]!) flush(memory, c, cache);
}

/** The usable size of a block, in words. */
export function sizeOf(memory: Memory, block: number): number {
  const entry = load(memory.words, PAGE_MAP + (block >>> PAGE_SHIFT));
  return entry > 0 ? entry * PAGE_WORDS : SIZES[-entry - 1]!;
}

function lockHeap(memory: Memory): void {
  // Nothing to repair: every state between two stores is a valid one.
  lockGuard(memory, PROGRAM.heapGuard);
}

function unlockHeap(memory: Memory): void {
  unlockGuard(memory, PROGRAM.heapGuard);
}

/** Fetches a chain of blocks and keeps all but one. In a chain, word 0 links the blocks and word 1 the chains. */
function refill(memory: Memory, c: number, cache: number): number {
  lockHeap(memory);
  let chain: number;
  try {
    chain = load(memory.words, PROGRAM.freeLists + c);
    if (chain === 0) {
      chain = carve(memory, c);
    } else {
      memory.reach(chain);
      store(memory.words, PROGRAM.freeLists + c, memory.words[chain + 1]!);
    }
  } finally {
    // The memory may be full.
    unlockHeap(memory);
  }
  let length = 0;
  for (let block = memory.words[chain]!; block !== 0; block = memory.words[block]!, length++) memory.reach(block);
  memory.words[cache] = memory.words[chain]!;
  memory.words[cache + 1] = length;
  return chain;
}

/** Cuts a new page into blocks: one chain to take, the others to the central list. Under the heap's guard. */
function carve(memory: Memory, c: number): number {
  const page = findPages(memory, 1);
  store(memory.words, PAGE_MAP + page, -(c + 1));
  const size = SIZES[c]!;
  const batch = BATCH[c]!;
  const blocks = Math.floor(PAGE_WORDS / size);
  const words = memory.words;
  let first = 0;
  for (let start = 0; start < blocks; start += batch) {
    const end = Math.min(blocks, start + batch);
    const chain = page * PAGE_WORDS + start * size;
    for (let i = start; i < end; i++)
      words[page * PAGE_WORDS + i * size] = i + 1 < end ? page * PAGE_WORDS + (i + 1) * size : 0;
    if (start === 0) {
      first = chain;
    } else {
      words[chain + 1] = load(words, PROGRAM.freeLists + c);
      store(words, PROGRAM.freeLists + c, chain);
    }
  }
  return first;
}

/** Gives one batch back to the centre. */
function flush(memory: Memory, c: number, cache: number): void {
  const words = memory.words;
  const chain = words[cache]!;
  let last = chain;
  for (let i = 1; i < BATCH[c]!; i++) last = words[last]!;
  const rest = words[last]!;
  words[cache] = rest;
  words[cache + 1]! -= BATCH[c]!;
  words[last] = 0;
  lockHeap(memory);
  words[chain + 1] = load(words, PROGRAM.freeLists + c);
  store(words, PROGRAM.freeLists + c, chain);
  unlockHeap(memory);
}

/** Gives everything a record has cached back to the centre: its thread has ended. */
export function flushCaches(memory: Memory, record: number): void {
  for (let c = 0; c < SIZE_CLASSES; c++) {
    const cache = record + RECORD.caches + 2 * c;
    const chain = load(memory.words, cache);
    if (chain === 0) continue;
    memory.reach(chain);
    store(memory.words, cache, 0);
    store(memory.words, cache + 1, 0);
    lockHeap(memory);
    store(memory.words, chain + 1, load(memory.words, PROGRAM.freeLists + c));
    store(memory.words, PROGRAM.freeLists + c, chain);
    unlockHeap(memory);
  }
}

function allocRun(memory: Memory, pages: number): number {
  lockHeap(memory);
  try {
    const page = findPages(memory, pages);
    store(memory.words, PAGE_MAP + page, pages);
    store(memory.words, PROGRAM.largePages, load(memory.words, PROGRAM.largePages) + pages);
    return page * PAGE_WORDS;
  } finally {
    unlockHeap(memory);
  }
}

function freeRun(memory: Memory, page: number): void {
  lockHeap(memory);
  const pages = load(memory.words, PAGE_MAP + page);
  store(memory.words, PAGE_MAP + page, 0);
  store(memory.words, PROGRAM.largePages, load(memory.words, PROGRAM.largePages) - pages);
  if (page < load(memory.words, PROGRAM.pageHint)) store(memory.words, PROGRAM.pageHint, page);
  unlockHeap(memory);
}

/** First fit: the first page of `wanted` free ones in a row, growing the memory if there are none. Under the guard. */
function findPages(memory: Memory, wanted: number): number {
  const hint = load(memory.words, PROGRAM.pageHint);
  let end = load(memory.words, PROGRAM.pages);
  let start = hint;
  let firstFree = 0;
  for (let page = hint; ;) {
    if (page - start >= wanted) break;
    if (page >= end) {
      memory.grow(start + wanted);
      end = load(memory.words, PROGRAM.pages);
      continue;
    }
    const entry = load(memory.words, PAGE_MAP + page);
    if (entry === 0) {
      if (firstFree === 0) firstFree = page;
      page++;
    } else {
      page += entry > 0 ? entry : 1;
      start = page;
    }
  }
  // Another thread may have grown the memory since this one looked.
  memory.reach((start + wanted) * PAGE_WORDS - 1);
  // All before the first free page is taken; a single page moves the hint past itself.
  store(
    memory.words,
    PROGRAM.pageHint,
    Math.max(FIRST_PAGE, firstFree === start && wanted === 1 ? start + 1 : firstFree || start),
  );
  return start;
}
