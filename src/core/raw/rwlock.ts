/**
 * The readers-writer lock: any number of readers at once, or one writer. One list, first come, first served, so neither
 * kind can starve the other.
 *
 * ```
 *   word     = writer's tid << 1 | POISONED
 *   readers  ─► capacity │ used │ tid, shares │ tid, shares │ …
 *
 *   free ──read──► shared (shares > 0) ──last release──► free
 *     └──write──► exclusive (tid) ──release──► free
 *                     └──its thread dies──► POISONED ──recover()──► exclusive
 * ```
 * Shares are counted by thread, so that those of a dead one can be given back. Everything happens under the guard of the
 * list, and each change is committed by one store: of the word, or of one thread's shares. Handing the lock to a waiter
 * takes two, that one and the grant: so the slot is marked `moving` first, and for a reader `request` says how many shares
 * its thread will have then. Whoever comes through the guard next sees from that what a dead thread had already done.
 *
 * The slot's payload is what is waited for: {@link READ} or {@link WRITE}.
 *
 * Source of the policy: task-fair locks as in J. Mellor-Crummey and M. Scott, "Scalable Reader-Writer Synchronization".
 *
 * @module
 */

import { load, store } from "#atomics";
import { allocZeroed, free } from "../heap.ts";
import { GRANT, LIST, RWLOCK, RWLOCK_WORDS, SLOT } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { isOrphaned } from "./threads.ts";
import { enqueue, first, grant, lockList, takeOut, unlockList, wakeAll } from "./wait-list.ts";

export const READ = 1;
export const WRITE = 2;

const POISONED = 1;
const TABLE = { capacity: 0, used: 1, first: 2 } as const;
const FIRST_CAPACITY = 7;

export const RW_RESULT = { acquired: 0, queued: 1, ownerDied: 2 } as const;

/** Takes the lock, or enters the slot; with slot 0, only tries. Who waits already goes first. */
export function acquireRw(memory: Memory, rwlock: number, kind: number, slot: number): number {
  const list = rwlock + RWLOCK.list;
  lockRw(memory, rwlock);
  let free = isFree(memory, rwlock, kind);
  if (!free && buryHolders(memory, rwlock)) {
    // Others may wait for what the dead held.
    settleAndUnlock(memory, rwlock);
    lockRw(memory, rwlock);
    free = isFree(memory, rwlock, kind);
  }
  if (isPoisoned(memory, rwlock)) {
    unlockList(memory, list);
    return RW_RESULT.ownerDied;
  }
  if (free && load(memory.words, list + LIST.head) === 0) {
    try {
      take(memory, rwlock, kind, memory.self);
    } finally {
      // Also if there is no memory for one more reader.
      unlockList(memory, list);
    }
    return RW_RESULT.acquired;
  }
  if (slot !== 0) {
    store(memory.words, slot + SLOT.payload, kind);
    enqueue(memory, list, slot, rwlock);
    // A reaper that looked for waiters before this one stood in the list has missed it.
    if (buryHolders(memory, rwlock)) {
      settleAndUnlock(memory, rwlock);
      return RW_RESULT.queued;
    }
  }
  unlockList(memory, list);
  return RW_RESULT.queued;
}

/** False: this thread does not hold the lock in that way. */
export function releaseRw(memory: Memory, rwlock: number, kind: number): boolean {
  lockRw(memory, rwlock);
  const released = giveUp(memory, rwlock, kind, memory.self);
  if (released && load(memory.words, rwlock + RWLOCK.list + LIST.head) !== 0) settleAndUnlock(memory, rwlock);
  else unlockList(memory, rwlock + RWLOCK.list);
  return released;
}

/** Gives up a wait, and lets those go on who waited behind it. False: it was granted already. */
export function cancelRw(memory: Memory, rwlock: number, slot: number): boolean {
  lockRw(memory, rwlock);
  const waiting = takeOut(memory, rwlock + RWLOCK.list, slot);
  settleAndUnlock(memory, rwlock);
  return waiting;
}

/** Takes a lock whose writer died for writing, and clears the mark. False: it has no such mark. */
export function recoverRw(memory: Memory, rwlock: number): boolean {
  lockRw(memory, rwlock);
  if (buryHolders(memory, rwlock)) {
    settleAndUnlock(memory, rwlock);
    lockRw(memory, rwlock);
  }
  const poisoned = isPoisoned(memory, rwlock);
  if (poisoned) take(memory, rwlock, WRITE, memory.self);
  unlockList(memory, rwlock + RWLOCK.list);
  return poisoned;
}

/** How many shares readers hold, or 1 for a writer. */
export function holdersOf(memory: Memory, rwlock: number, kind: number): number {
  if (kind === WRITE) return load(memory.words, rwlock + RWLOCK.word) >>> 1 === 0 ? 0 : 1;
  lockRw(memory, rwlock);
  const n = shares(memory, rwlock);
  unlockList(memory, rwlock + RWLOCK.list);
  return n;
}

/** For the reaper: a thread died, perhaps with the lock, perhaps while it handed it on. */
export function settleRw(memory: Memory, rwlock: number, bury: boolean): void {
  memory.reach(rwlock + RWLOCK_WORDS);
  lockRw(memory, rwlock);
  if (bury) buryHolders(memory, rwlock);
  settleAndUnlock(memory, rwlock);
}

/** A grant reached a thread that is gone: it never saw what the lock protects, so nothing is the matter with that. */
export function passOnRw(memory: Memory, rwlock: number, kind: number, gone: number): void {
  memory.reach(rwlock + RWLOCK_WORDS);
  lockRw(memory, rwlock);
  giveUp(memory, rwlock, kind, gone);
  settleAndUnlock(memory, rwlock);
}

export function disposeRw(memory: Memory, rwlock: number): void {
  const table = load(memory.words, rwlock + RWLOCK.readers);
  if (table !== 0) free(memory, table);
}

// ── Under the guard ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Takes the guard; what a dead thread had begun is completed or forgotten. */
function lockRw(memory: Memory, rwlock: number): void {
  const list = rwlock + RWLOCK.list;
  for (;;) {
    lockList(memory, list);
    const slot = first(memory, list);
    if (slot === 0 || load(memory.words, slot + SLOT.value) !== GRANT.moving) return;
    settleAndUnlock(memory, rwlock);
  }
}

function settleAndUnlock(memory: Memory, rwlock: number): void {
  const woken: number[] = [];
  settle(memory, rwlock, woken);
  unlockList(memory, rwlock + RWLOCK.list);
  wakeAll(memory, woken);
}

/** Hands the lock to those whose turn it is. */
function settle(memory: Memory, rwlock: number, woken: number[]): void {
  const list = rwlock + RWLOCK.list;
  for (let slot = first(memory, list); slot !== 0; slot = first(memory, list)) {
    const kind = load(memory.words, slot + SLOT.payload);
    const tid = load(memory.words, slot + SLOT.tid);
    const moved = hasMoved(memory, rwlock, slot, kind, tid);
    // Forget a hand-over that never happened: nobody must take it for one that did.
    if (!moved) store(memory.words, slot + SLOT.value, GRANT.none);
    if (moved) {
      serve(memory, list, slot, GRANT.done, woken);
    } else if (isPoisoned(memory, rwlock)) {
      serve(memory, list, slot, GRANT.ownerDied, woken);
    } else if (isFree(memory, rwlock, kind)) {
      store(memory.words, slot + SLOT.request, kind === READ ? sharesOf(memory, rwlock, tid) + 1 : 0);
      store(memory.words, slot + SLOT.value, GRANT.moving);
      take(memory, rwlock, kind, tid);
      serve(memory, list, slot, GRANT.done, woken);
    } else {
      return;
    }
  }
}

function serve(memory: Memory, list: number, slot: number, value: number, woken: number[]): void {
  woken.push(slot, load(memory.words, slot + SLOT.async), load(memory.words, slot + SLOT.tid));
  grant(memory, list, slot, value);
}

function hasMoved(memory: Memory, rwlock: number, slot: number, kind: number, tid: number): boolean {
  if (load(memory.words, slot + SLOT.value) !== GRANT.moving) return false;
  if (kind === WRITE) return load(memory.words, rwlock + RWLOCK.word) >>> 1 === tid;
  return sharesOf(memory, rwlock, tid) === load(memory.words, slot + SLOT.request);
}

function isPoisoned(memory: Memory, rwlock: number): boolean {
  return (load(memory.words, rwlock + RWLOCK.word) & POISONED) !== 0;
}

function isFree(memory: Memory, rwlock: number, kind: number): boolean {
  return load(memory.words, rwlock + RWLOCK.word) === 0 && (kind === READ || shares(memory, rwlock) === 0);
}

function take(memory: Memory, rwlock: number, kind: number, tid: number): void {
  if (kind === WRITE) {
    store(memory.words, rwlock + RWLOCK.word, tid << 1);
    return;
  }
  const entry = entryFor(memory, rwlock, tid);
  store(memory.words, entry + 1, load(memory.words, entry + 1) + 1);
}

function giveUp(memory: Memory, rwlock: number, kind: number, tid: number): boolean {
  if (kind === WRITE) {
    const held = load(memory.words, rwlock + RWLOCK.word) === tid << 1;
    if (held) store(memory.words, rwlock + RWLOCK.word, 0);
    return held;
  }
  const entry = findEntry(memory, rwlock, tid);
  const held = entry !== 0 && load(memory.words, entry + 1) > 0;
  if (held) store(memory.words, entry + 1, load(memory.words, entry + 1) - 1);
  return held;
}

/** Gives back the shares of dead readers, and marks the lock if its writer died. True: there were any. */
function buryHolders(memory: Memory, rwlock: number): boolean {
  let found = false;
  const writer = load(memory.words, rwlock + RWLOCK.word) >>> 1;
  if (writer !== 0 && isOrphaned(memory, writer)) {
    store(memory.words, rwlock + RWLOCK.word, POISONED);
    found = true;
  }
  const [start, end] = entries(memory, rwlock);
  for (let entry = start; entry < end; entry += 2) {
    if (load(memory.words, entry + 1) === 0 || !isOrphaned(memory, load(memory.words, entry))) continue;
    store(memory.words, entry + 1, 0);
    found = true;
  }
  return found;
}

// ── The table of readers ─────────────────────────────────────────────────────────────────────────────────────────────

function entries(memory: Memory, rwlock: number): [start: number, end: number] {
  const table = load(memory.words, rwlock + RWLOCK.readers);
  if (table === 0) return [0, 0];
  memory.reach(table + TABLE.first);
  memory.reach(table + TABLE.first + 2 * load(memory.words, table + TABLE.capacity));
  const start = table + TABLE.first;
  return [start, start + 2 * load(memory.words, table + TABLE.used)];
}

function shares(memory: Memory, rwlock: number): number {
  const [start, end] = entries(memory, rwlock);
  let n = 0;
  for (let entry = start; entry < end; entry += 2) n += load(memory.words, entry + 1);
  return n;
}

function sharesOf(memory: Memory, rwlock: number, tid: number): number {
  const entry = findEntry(memory, rwlock, tid);
  return entry === 0 ? 0 : load(memory.words, entry + 1);
}

function findEntry(memory: Memory, rwlock: number, tid: number): number {
  const [start, end] = entries(memory, rwlock);
  for (let entry = start; entry < end; entry += 2) if (load(memory.words, entry) === tid) return entry;
  return 0;
}

/** The thread's entry: its own, one that nobody needs any more, or a new one. */
function entryFor(memory: Memory, rwlock: number, tid: number): number {
  const own = findEntry(memory, rwlock, tid);
  if (own !== 0) return own;
  const [start, end] = entries(memory, rwlock);
  let entry = start;
  while (entry < end && load(memory.words, entry + 1) !== 0) entry += 2;
  if (entry === end) entry = newEntry(memory, rwlock);
  store(memory.words, entry, tid);
  return entry;
}

function newEntry(memory: Memory, rwlock: number): number {
  let table = load(memory.words, rwlock + RWLOCK.readers);
  const used = table === 0 ? 0 : load(memory.words, table + TABLE.used);
  if (table === 0 || used === load(memory.words, table + TABLE.capacity)) table = enlarge(memory, rwlock, table, used);
  // The new entry is all 0: it counts for nothing until it is filled in.
  store(memory.words, table + TABLE.used, used + 1);
  return table + TABLE.first + 2 * used;
}

function enlarge(memory: Memory, rwlock: number, table: number, used: number): number {
  const capacity = used === 0 ? FIRST_CAPACITY : 2 * used;
  const larger = allocZeroed(memory, TABLE.first + 2 * capacity);
  store(memory.words, larger + TABLE.capacity, capacity);
  store(memory.words, larger + TABLE.used, used);
  for (let i = 0; i < 2 * used; i++) {
    store(memory.words, larger + TABLE.first + i, load(memory.words, table + TABLE.first + i));
  }
  store(memory.words, rwlock + RWLOCK.readers, larger);
  if (table !== 0) free(memory, table);
  return larger;
}
