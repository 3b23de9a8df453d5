/**
 * Who waits for whom: finds threads that wait for each other and can never go on.
 *
 * A thread stalls when it has been blocked for about a second in a wait that only one other thread can end (a lock's
 * owner, a thread that is joined), or when its event loop has had nothing but such waits for as long. It says so in its
 * record before it looks at the others; so whoever is the last to wait finds the rest.
 *
 * ```
 *   stalled = number << 3 | SHIELDED | IDLE | BLOCKED
 *
 *   thread ──waits──► lock ──owner──► thread ──waits──► thread ── … ──► the first one
 * ```
 * A blocked thread has one wait, an idle event loop any number and goes on when one of them ends. So a thread can never
 * go on exactly if every thread that it waits for, directly or not, has stalled too (Holt, "Some Deadlock Properties of
 * Computer Systems": a knot).
 *
 * Nothing is locked for the look. It is made three times, and counts if all three agree: who was in the same wait the
 * first and the last time has done nothing in between, hence released nothing, so that all that was seen the second
 * time was so at one moment, and stays so.
 *
 * @module
 */

import { load, store } from "#atomics";
import { ENDED, GRANT, OBJECT, RECORD, RWLOCK, SLOT, SLOT_STATE, TAG, THREAD } from "../layout.ts";
import type { Memory } from "../memory.ts";
import { lockOwner } from "./lock.ts";
import { isAlive, recordOf } from "./threads.ts";

export const STALL = {
  /** A blocked thread: its one blocking wait counts. */
  blocked: 1,
  /** An event loop with nothing but waits: all that are pending count. */
  idle: 2,
  /** None of its waits can be given up. */
  shielded: 4,
} as const;
const KINDS = STALL.blocked | STALL.idle;
const STEP = 8;

/** The calling thread has stalled; until {@link goOn}. */
export function stall(memory: Memory, kind: number): void {
  const word = memory.record + RECORD.stalled;
  // A new number each time: others must be able to tell this stall from the next.
  store(memory.words, word, (((load(memory.words, word) | (STEP - 1)) + 1) | kind) & 0x7fff_ffff);
}

export function goOn(memory: Memory): void {
  const word = memory.record + RECORD.stalled;
  const seen = load(memory.words, word);
  if ((seen & KINDS) !== 0) store(memory.words, word, seen & ~(STEP - 1));
}

export function hasStalled(memory: Memory): boolean {
  return (load(memory.words, memory.record + RECORD.stalled) & KINDS) !== 0;
}

/** A wait that only the thread `owner` can end. */
export interface OwnedWait {
  readonly slot: number;
  readonly object: number;
  readonly tag: number;
  readonly owner: number;
}

export interface StalledThread {
  readonly tid: number;
  readonly record: number;
  /** The word `stalled`. */
  readonly stall: number;
  readonly waits: readonly OwnedWait[];
}

/**
 * The threads that wait for each other and of which the calling one is the first; `undefined`: it is not part of such
 * a knot, though it may wait for one.
 */
export function findKnot(memory: Memory): readonly StalledThread[] | undefined {
  const knot = reachable(memory);
  if (knot === undefined || !allReach(knot, memory.self)) return undefined;
  for (let again = 0; again < 2; again++) {
    for (const seen of knot) if (!isSame(seen, read(memory, seen.tid))) return undefined;
  }
  return knot;
}

/** All that the calling thread waits for, directly or not. `undefined`: one of them can go on. */
function reachable(memory: Memory): StalledThread[] | undefined {
  const found = new Map<number, StalledThread>();
  const ahead = [memory.self];
  for (let tid = ahead.pop(); tid !== undefined; tid = ahead.pop()) {
    if (found.has(tid)) continue;
    const thread = read(memory, tid);
    if (thread === undefined) return undefined;
    found.set(tid, thread);
    for (const wait of thread.waits) ahead.push(wait.owner);
  }
  return [...found.values()];
}

/** Do all of them wait, directly or not, for `self`? Otherwise the knot is further on, and not this thread's. */
function allReach(threads: readonly StalledThread[], self: number): boolean {
  const reaching = new Set<number>();
  const isReaching = ({ owner }: OwnedWait): boolean => owner === self || reaching.has(owner);
  for (let before = -1; before !== reaching.size;) {
    before = reaching.size;
    for (const { tid, waits } of threads) if (waits.some(isReaching)) reaching.add(tid);
  }
  return reaching.size === threads.length;
}

function isSame(a: StalledThread, b: StalledThread | undefined): boolean {
  return (
    b !== undefined &&
    a.stall === b.stall &&
    a.waits.length === b.waits.length &&
    a.waits.every(({ slot, object, owner }, i) => {
      const other = b.waits[i]!;
      return slot === other.slot && object === other.object && owner === other.owner;
    })
  );
}

/** `undefined`: the thread is at work, or may be, or is about to end. */
function read(memory: Memory, tid: number): StalledThread | undefined {
  const record = recordOf(memory, tid);
  if (record === 0) return undefined;
  const seen = load(memory.words, record + RECORD.stalled);
  if ((seen & KINDS) === 0 || !isAlive(memory, tid)) return undefined;
  if (load(memory.words, record + RECORD.orphaned) !== 0 || load(memory.words, record + RECORD.requests) !== 0) {
    return undefined;
  }
  if (load(memory.words, record + RECORD.cancel) !== 0 && (seen & STALL.shielded) === 0) return undefined;
  const waits = (seen & STALL.blocked) !== 0 ? blockingWait(memory, record) : pendingWaits(memory, record);
  if (waits === undefined || waits.length === 0) return undefined;
  if (load(memory.words, record + RECORD.stalled) !== seen) return undefined;
  return { tid, record, stall: seen, waits };
}

function blockingWait(memory: Memory, record: number): OwnedWait[] | undefined {
  const wait = readWait(memory, memory.reach(load(memory.words, record + RECORD.syncSlot)));
  return wait === undefined ? undefined : [wait];
}

function pendingWaits(memory: Memory, record: number): OwnedWait[] | undefined {
  const bell = load(memory.words, record + RECORD.doorbell);
  if (bell !== 0 || load(memory.words, record + RECORD.ready) !== 0) return undefined;
  const waits: OwnedWait[] = [];
  for (let slot = load(memory.words, record + RECORD.slots); slot !== 0; slot = load(memory.words, slot + SLOT.chain)) {
    memory.reach(slot);
    if (load(memory.words, slot + SLOT.state) === SLOT_STATE.free) continue;
    const wait = readWait(memory, slot);
    if (wait === undefined) return undefined;
    waits.push(wait);
  }
  return waits;
}

function readWait(memory: Memory, slot: number): OwnedWait | undefined {
  const object = memory.reach(load(memory.words, slot + SLOT.object));
  if (object === 0) return undefined;
  memory.reach(object + THREAD.tid);
  const tag = load(memory.words, object + OBJECT.tag);
  // First the owner, then the slot: a lock that is handed to this slot names its new owner only once the slot says
  // that it is being granted.
  const owner = ownerOf(memory, object, tag);
  if (owner === 0) return undefined;
  const state = load(memory.words, slot + SLOT.state);
  if (state !== SLOT_STATE.waiting && state !== SLOT_STATE.interrupted) return undefined;
  if (load(memory.words, slot + SLOT.list) === 0 || load(memory.words, slot + SLOT.value) !== GRANT.none)
    return undefined;
  if (load(memory.words, slot + SLOT.object) !== object) return undefined;
  return { slot, object, tag, owner };
}

/** The thread that must go on for a wait for the object to end; 0: any could, or nobody knows. */
function ownerOf(memory: Memory, object: number, tag: number): number {
  switch (tag) {
    case TAG.lock:
    case TAG.rlock:
      return lockOwner(memory, object);
    case TAG.rwlock:
      // While it is held for writing. Of readers, any could be the one that is waited for.
      return load(memory.words, object + RWLOCK.word) >>> 1;
    case TAG.thread:
      return load(memory.words, object + THREAD.flag) === ENDED.no ? load(memory.words, object + THREAD.tid) : 0;
    default:
      return 0;
  }
}
