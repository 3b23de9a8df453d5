/**
 * The hash map behind SharedMap: stripes, each a table of its own under a guard of its own.
 *
 * ```
 *   map ── stripe 0 ── guard │ table ──► mask │ hash, entry │ hash, 0 │ hash, DELETED │ …
 *          stripe 1                                  │
 *          …                                         ▼
 *                              hash │ key │ cell │ version │ lock │ words of the key
 *                                            │               │
 *                          small value, or   ▼               ▼  made by the first update of the key
 *                          box ──► message                  lock
 * ```
 * One store commits each change: of an entry's address into the table, of a cell into the entry, of a new table into the
 * stripe. The counters only follow; whoever takes a guard over from a dead thread counts again. What a thread had in its
 * hand when it died is lost, never more.
 *
 * A box counts references: the map's, and one of each reader that decodes the value outside of the guard.
 *
 * An update has three steps, of which only the last changes anything:
 * ```
 *   take the key's lock ─► read cell and version ─► (the user's function) ─► set, if the version is still that
 * ```
 * So the lock only spares others useless work; what makes the update atomic is the version.
 *
 * @module
 */

import { add, load, store } from "#atomics";
import { alloc, allocZeroed, free, sizeOf } from "../heap.ts";
import { BOX, LOCK_WORDS, MAP, MAP_ENTRY, MAP_STRIPE, MAP_STRIPE_WORDS, OBJECT, STRIPES, TAG } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { lockGuard, unlockGuard } from "./guard.ts";
import { decodeKey, encoded, encodeKey, hasKey, keyLength } from "./map-key.ts";
import { isMessage } from "./queue.ts";

export const SET = { done: 0, changed: 1, full: 2 } as const;

/** For {@link setCell}: whatever the version is. */
export const ANY = -1;

/** Gives back a reference to a box or a lock. */
export type Release = (address: number) => void;

/** In a table: an entry was here, and searches go on. No address is 1. */
const DELETED = 1;
const SMALLEST = 8;
/** A table this large shrinks when an eighth of it is in use. */
const SHRINKS = 64;

/** Where {@link readCell}, {@link setCell} and {@link removeCell} leave what else they found. */
export const found: { cell: number; version: number; lock: number } = { cell: 0, version: 0, lock: 0 };

/** The value's cell, or 0. A box is retained for the caller. {@link found} tells the version, 0 for no value. */
export function readCell(memory: Memory, map: number, key: string | number): number {
  const stripe = lockStripeOf(memory, map, key);
  const entry = find(memory, stripe);
  const cell = entry === 0 ? 0 : load(memory.words, entry + MAP_ENTRY.cell);
  found.version = cell === 0 ? 0 : load(memory.words, entry + MAP_ENTRY.version);
  // Under the guard: the map's own reference keeps it until here.
  if (isMessage(cell) && cell !== 0) add(memory.words, memory.reach(cell) + OBJECT.references, 1);
  unlockGuard(memory, stripe);
  return cell;
}

export function hasCell(memory: Memory, map: number, key: string | number): boolean {
  const stripe = lockStripeOf(memory, map, key);
  const entry = find(memory, stripe);
  const cell = entry === 0 ? 0 : load(memory.words, entry + MAP_ENTRY.cell);
  unlockGuard(memory, stripe);
  return cell !== 0;
}

/**
 * Puts a cell under the key, if the version there is the expected one and the map may grow so much. The cell is the
 * map's then, and {@link found} has the one it replaced, now the caller's.
 */
export function setCell(memory: Memory, map: number, key: string | number, cell: number, expected: number): number {
  const stripe = lockStripeOf(memory, map, key);
  try {
    const entry = find(memory, stripe);
    const before = entry === 0 ? 0 : load(memory.words, entry + MAP_ENTRY.cell);
    if (expected !== ANY && expected !== (before === 0 ? 0 : load(memory.words, entry + MAP_ENTRY.version))) {
      return SET.changed;
    }
    const more = cellWords(memory, cell) - cellWords(memory, before);
    if (exceeds(memory, map, more + (entry === 0 ? entryWords() + tableGrowth(memory, stripe) : 0))) return SET.full;
    found.cell = before;
    if (entry === 0) {
      insert(memory, stripe, cell);
      return SET.done;
    }
    // First the version: with the cell first, a death in between would hide the change from an update in progress.
    store(memory.words, entry + MAP_ENTRY.version, nextVersion(memory, stripe));
    store(memory.words, entry + MAP_ENTRY.cell, cell);
    if (before === 0) count(memory, stripe + MAP_STRIPE.live, 1);
    count(memory, stripe + MAP_STRIPE.words, more);
    return SET.done;
  } finally {
    unlockGuard(memory, stripe);
  }
}

/** Takes a value out; {@link found} has its cell and lock (or 0), now the caller's. False: there was none. */
export function removeCell(memory: Memory, map: number, key: string | number): boolean {
  const stripe = lockStripeOf(memory, map, key);
  try {
    const entry = find(memory, stripe);
    const cell = entry === 0 ? 0 : load(memory.words, entry + MAP_ENTRY.cell);
    if (cell === 0) return false;
    found.cell = cell;
    found.lock = load(memory.words, entry + MAP_ENTRY.lock);
    if (found.lock !== 0 && load(memory.words, memory.reach(found.lock) + OBJECT.references) > 1) {
      // Somebody updates the key: the lock stays where others look for it.
      store(memory.words, entry + MAP_ENTRY.cell, 0);
      count(memory, stripe + MAP_STRIPE.live, -1);
      count(memory, stripe + MAP_STRIPE.words, -cellWords(memory, cell));
      found.lock = 0;
      return true;
    }
    takeOut(memory, stripe, entry, cell);
    return true;
  } finally {
    unlockGuard(memory, stripe);
  }
}

/** The lock of the key, retained for the caller; made if there is none, with an entry that has no value. */
export function lockOfKey(memory: Memory, map: number, key: string | number): number {
  const stripe = lockStripeOf(memory, map, key);
  try {
    const entry = find(memory, stripe) || insert(memory, stripe, 0);
    let lock = load(memory.words, entry + MAP_ENTRY.lock);
    if (lock === 0) {
      lock = allocZeroed(memory, LOCK_WORDS);
      store(memory.words, lock + OBJECT.references, 1);
      store(memory.words, lock + OBJECT.tag, TAG.lock);
      store(memory.words, entry + MAP_ENTRY.lock, lock);
      count(memory, stripe + MAP_STRIPE.words, sizeOf(memory, lock));
    }
    add(memory.words, memory.reach(lock) + OBJECT.references, 1);
    return lock;
  } finally {
    unlockGuard(memory, stripe);
  }
}

/**
 * After an update: gives back the caller's reference to the lock, and takes out the entry if it has no value and nobody
 * else updates it. True: a reference is left that is the caller's to release, and that nobody else has.
 *
 * The reference goes under the guard, where {@link removeCell} looks at it: a key that is removed meanwhile would stay
 * for ever if both left it to the other.
 */
export function forgetKey(memory: Memory, map: number, key: string | number, lock: number): boolean {
  const stripe = lockStripeOf(memory, map, key);
  const entry = find(memory, stripe);
  const references = add(memory.words, lock + OBJECT.references, -1);
  const unused =
    references === 2 &&
    entry !== 0 &&
    load(memory.words, entry + MAP_ENTRY.cell) === 0 &&
    load(memory.words, entry + MAP_ENTRY.lock) === lock;
  if (unused) takeOut(memory, stripe, entry, 0);
  // The map was cleared: nobody else would free the lock.
  if (references === 1) store(memory.words, lock + OBJECT.references, 1);
  unlockGuard(memory, stripe);
  return unused || references === 1;
}

/** Number of values. Each stripe is asked by itself. */
export function mapSize(memory: Memory, map: number): number {
  return sum(memory, map, MAP_STRIPE.live);
}

/** Words of memory that keys, values and tables take. */
export function mapWords(memory: Memory, map: number): number {
  return sum(memory, map, MAP_STRIPE.words);
}

/** The keys of one stripe that have a value. */
export function keysOf(memory: Memory, map: number, index: number): (string | number)[] {
  const stripe = stripeAt(map, index);
  const keys: (string | number)[] = [];
  lockStripe(memory, stripe);
  forEachEntry(memory, load(memory.words, stripe + MAP_STRIPE.table), (entry) => {
    if (load(memory.words, entry + MAP_ENTRY.cell) !== 0) keys.push(decodeKey(memory, entry));
  });
  unlockGuard(memory, stripe);
  return keys;
}

/** Takes everything out of one stripe, at once for all who look at it. */
export function clearStripe(memory: Memory, map: number, index: number, release: Release): void {
  const stripe = stripeAt(map, index);
  lockStripe(memory, stripe);
  const table = load(memory.words, stripe + MAP_STRIPE.table);
  store(memory.words, stripe + MAP_STRIPE.table, 0);
  for (const word of [MAP_STRIPE.live, MAP_STRIPE.used, MAP_STRIPE.words]) store(memory.words, stripe + word, 0);
  unlockGuard(memory, stripe);
  freeTable(memory, table, release);
}

/** Frees all that the map has: nobody refers to it any more. */
export function disposeMap(memory: Memory, map: number, release: Release): void {
  memory.reach(stripeAt(map, STRIPES));
  for (let i = 0; i < STRIPES; i++) {
    freeTable(memory, load(memory.words, stripeAt(map, i) + MAP_STRIPE.table), release);
  }
}

function freeTable(memory: Memory, table: number, release: Release): void {
  if (table === 0) return;
  forEachEntry(memory, table, (entry) => {
    const cell = load(memory.words, entry + MAP_ENTRY.cell);
    const lock = load(memory.words, entry + MAP_ENTRY.lock);
    if (cell !== 0 && isMessage(cell)) release(cell);
    if (lock !== 0) release(lock);
    free(memory, entry);
  });
  free(memory, table);
}

function stripeAt(map: number, index: number): number {
  return map + MAP.first + index * MAP_STRIPE_WORDS;
}

/** Encodes the key and locks its stripe. */
function lockStripeOf(memory: Memory, map: number, key: string | number): number {
  encodeKey(key);
  const stripe = stripeAt(map, encoded.hash & (STRIPES - 1));
  lockStripe(memory, stripe);
  return stripe;
}

function lockStripe(memory: Memory, stripe: number): void {
  if (lockGuard(memory, stripe + MAP_STRIPE.guard)) recount(memory, stripe);
}

/** The counters of a stripe whose holder died may not have followed its table. */
function recount(memory: Memory, stripe: number): void {
  const table = load(memory.words, stripe + MAP_STRIPE.table);
  let [live, words] = [0, table === 0 ? 0 : sizeOf(memory, table)];
  forEachEntry(memory, table, (entry) => {
    const cell = load(memory.words, entry + MAP_ENTRY.cell);
    const lock = load(memory.words, entry + MAP_ENTRY.lock);
    if (cell !== 0) live++;
    words += sizeOf(memory, entry) + cellWords(memory, cell) + (lock === 0 ? 0 : sizeOf(memory, lock));
  });
  let used = 0;
  if (table !== 0) {
    const mask = load(memory.words, table);
    for (let i = 0; i <= mask; i++) if (load(memory.words, table + 2 + 2 * i) !== 0) used++;
  }
  store(memory.words, stripe + MAP_STRIPE.live, live);
  store(memory.words, stripe + MAP_STRIPE.used, used);
  store(memory.words, stripe + MAP_STRIPE.words, words);
}

/** The stripe's table, all of it reachable, or 0. */
function tableOf(memory: Memory, stripe: number): number {
  const table = load(memory.words, stripe + MAP_STRIPE.table);
  return table === 0 ? 0 : reachTable(memory, table);
}

function reachTable(memory: Memory, table: number): number {
  memory.reach(table);
  memory.reach(table + 2 * load(memory.words, table) + 2);
  return table;
}

/** Makes an entry with all words of its key reachable. */
function reachEntry(memory: Memory, entry: number): number {
  memory.reach(entry + MAP_ENTRY.data);
  memory.reach(entry + MAP_ENTRY.data + keyLength(load(memory.words, entry + MAP_ENTRY.key)));
  return entry;
}

/** Address of the entry of the encoded key, or 0. Under the guard. */
function find(memory: Memory, stripe: number): number {
  const place = placeOf(memory, stripe, 0);
  return place === 0 ? 0 : load(memory.words, place + 1);
}

/** Where in the table the encoded key's entry stands, or that very `entry`; 0: nowhere. A table is never full. */
function placeOf(memory: Memory, stripe: number, entry: number): number {
  const table = tableOf(memory, stripe);
  if (table === 0) return 0;
  const mask = load(memory.words, table);
  const hash = entry === 0 ? encoded.hash : load(memory.words, entry + MAP_ENTRY.hash);
  for (let i = (hash >>> 4) & mask; ; i = (i + 1) & mask) {
    const place = table + 1 + 2 * i;
    const there = load(memory.words, place + 1);
    if (there === 0) return 0;
    if (there === DELETED || load(memory.words, place) !== hash) continue;
    if (entry === 0 ? hasKey(memory, reachEntry(memory, there)) : there === entry) return place;
  }
}

function forEachEntry(memory: Memory, table: number, visit: (entry: number) => void): void {
  if (table === 0) return;
  reachTable(memory, table);
  const mask = load(memory.words, table);
  for (let i = 0; i <= mask; i++) {
    const entry = load(memory.words, table + 2 + 2 * i);
    if (entry > DELETED) visit(reachEntry(memory, entry));
  }
}

/** Enters the encoded key. The entry's address is stored last: until then it does not exist. Returns it. */
function insert(memory: Memory, stripe: number, cell: number): number {
  const growth = tableGrowth(memory, stripe);
  if (growth !== 0) resize(memory, stripe);
  const { hash, header, length, words } = encoded;
  const entry = alloc(memory, MAP_ENTRY.data + length);
  const table = tableOf(memory, stripe);
  reachEnd(memory, entry + MAP_ENTRY.data + length);
  memory.words.set(length === words.length ? words : words.subarray(0, length), entry + MAP_ENTRY.data);
  store(memory.words, entry + MAP_ENTRY.hash, hash);
  store(memory.words, entry + MAP_ENTRY.key, header);
  store(memory.words, entry + MAP_ENTRY.cell, cell);
  store(memory.words, entry + MAP_ENTRY.version, nextVersion(memory, stripe));
  store(memory.words, entry + MAP_ENTRY.lock, 0);
  const mask = load(memory.words, table);
  let i = (hash >>> 4) & mask;
  while (load(memory.words, table + 2 + 2 * i) > DELETED) i = (i + 1) & mask;
  const place = table + 1 + 2 * i;
  const isFresh = load(memory.words, place + 1) === 0;
  store(memory.words, place, hash);
  store(memory.words, place + 1, entry);
  if (isFresh) count(memory, stripe + MAP_STRIPE.used, 1);
  if (cell !== 0) count(memory, stripe + MAP_STRIPE.live, 1);
  count(memory, stripe + MAP_STRIPE.words, sizeOf(memory, entry) + cellWords(memory, cell));
  return entry;
}

function reachEnd(memory: Memory, end: number): void {
  memory.reach(end - 1);
}

/** Takes an entry out of the table and frees it, but not its cell and lock. Under the guard. */
function takeOut(memory: Memory, stripe: number, entry: number, cell: number): void {
  const place = placeOf(memory, stripe, entry);
  const lock = load(memory.words, entry + MAP_ENTRY.lock);
  const words = sizeOf(memory, entry) + cellWords(memory, cell) + (lock === 0 ? 0 : sizeOf(memory, lock));
  store(memory.words, place + 1, DELETED);
  if (cell !== 0) count(memory, stripe + MAP_STRIPE.live, -1);
  count(memory, stripe + MAP_STRIPE.words, -words);
  free(memory, entry);
  const mask = load(memory.words, tableOf(memory, stripe));
  if (mask < SHRINKS || load(memory.words, stripe + MAP_STRIPE.live) > mask >>> 3) return;
  try {
    resize(memory, stripe);
  } catch {
    // No memory for a smaller table: the larger one does as well.
  }
}

/** How many words the table will grow by for one more entry; 0: it has room. Counts what is moved, not what is freed. */
function tableGrowth(memory: Memory, stripe: number): number {
  const table = tableOf(memory, stripe);
  if (table === 0) return 2 * SMALLEST + 1;
  const capacity = load(memory.words, table) + 1;
  if (4 * (load(memory.words, stripe + MAP_STRIPE.used) + 1) <= 3 * capacity) return 0;
  return Math.max(1, 2 * (capacityFor(load(memory.words, stripe + MAP_STRIPE.live) + 1) - capacity));
}

function capacityFor(entries: number): number {
  let capacity = SMALLEST;
  while (capacity < 2 * entries) capacity *= 2;
  return capacity;
}

/** A new table with room for one more entry at least, and no places of deleted ones. */
function resize(memory: Memory, stripe: number): void {
  const old = load(memory.words, stripe + MAP_STRIPE.table);
  let entries = 0;
  forEachEntry(memory, old, () => entries++);
  const capacity = capacityFor(entries + 1);
  const table = allocZeroed(memory, 2 * capacity + 1);
  const mask = capacity - 1;
  store(memory.words, table, mask);
  reachTable(memory, table);
  forEachEntry(memory, old, (entry) => {
    const hash = load(memory.words, entry + MAP_ENTRY.hash);
    let i = (hash >>> 4) & mask;
    while (load(memory.words, table + 2 + 2 * i) !== 0) i = (i + 1) & mask;
    store(memory.words, table + 1 + 2 * i, hash);
    store(memory.words, table + 2 + 2 * i, entry);
  });
  const growth = sizeOf(memory, table) - (old === 0 ? 0 : sizeOf(memory, old));
  store(memory.words, stripe + MAP_STRIPE.table, table);
  store(memory.words, stripe + MAP_STRIPE.used, entries);
  count(memory, stripe + MAP_STRIPE.words, growth);
  if (old !== 0) free(memory, old);
}

function exceeds(memory: Memory, map: number, more: number): boolean {
  const limit = load(memory.words, map + MAP.limit);
  return limit > 0 && more > 0 && mapWords(memory, map) + more > limit;
}

/** An entry for the encoded key takes about this much. */
function entryWords(): number {
  return MAP_ENTRY.data + encoded.length;
}

function cellWords(memory: Memory, cell: number): number {
  if (cell === 0 || !isMessage(cell)) return 0;
  const message = load(memory.words, memory.reach(cell) + BOX.message);
  return sizeOf(memory, cell) + sizeOf(memory, message);
}

function nextVersion(memory: Memory, stripe: number): number {
  // Positive, so that it is never 0 nor ANY.
  const version = (load(memory.words, stripe + MAP_STRIPE.version) + 1) & 0x3fffffff || 1;
  store(memory.words, stripe + MAP_STRIPE.version, version);
  return version;
}

/** Under the guard, so nobody else writes it. */
function count(memory: Memory, word: number, delta: number): void {
  store(memory.words, word, load(memory.words, word) + delta);
}

function sum(memory: Memory, map: number, word: number): number {
  let n = 0;
  for (let i = 0; i < STRIPES; i++) n += load(memory.words, stripeAt(map, i) + word);
  return n;
}
