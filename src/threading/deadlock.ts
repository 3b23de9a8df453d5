/**
 * Deadlocks: what happens when threads wait for each other and none of them can go on.
 *
 * ```
 *   a wait lasts a second ──► the thread leaves an account of itself, and says that it has stalled
 *                         ──► is it in a knot of stalled threads?  RLocks, RWLocks, joins ──► DeadlockError in this wait
 *                                                                  a Lock among them     ──► a warning, once
 * ```
 * One thread at a time looks, so that exactly one of the waits ends; the others then find the knot undone.
 *
 * Where a lock was taken is remembered of some acquires only, fewer and fewer, since it costs more than the lock; of all if
 * `HEDDLE_TRACE_LOCKS=1` is set.
 *
 * @module
 */

import { host } from "#host";
import { load, store } from "#atomics";
import { callerStack } from "../core/caller-stack.ts";
import { isOwnPlace, placeIn } from "../core/own-frames.ts";
import { threads } from "../core/domain.ts";
import { ADDRESS, type SharedObject } from "../core/handles.ts";
import { alloc } from "../core/heap.ts";
import { PROGRAM, RECORD, TAG } from "../core/layout.ts";
import type { Stalled, Watch } from "../core/parker.ts";
import { memory } from "../core/program.ts";
import { findKnot, hasStalled, stall, STALL, type StalledThread } from "../core/raw/deadlock.ts";
import { lockGuard, unlockGuard } from "../core/raw/guard.ts";
import { lockOwner } from "../core/raw/lock.ts";
import { appendCallerStack } from "../core/wire/error-envelope.ts";
import { DeadlockError } from "../errors.ts";
import { currentThread } from "./current.ts";

type Site = { readonly stack?: string };

/** What a thread says of itself when it stalls. */
interface Account {
  readonly name: string;
  readonly waitsIn: string;
  /** Lines of the program, the innermost first. */
  readonly at: readonly string[];
  /** Addresses of the locks it holds, and where each was taken. */
  readonly held: readonly (readonly [lock: number, at: string])[];
}

/** For waits that only the owner of a lock, or the end of a thread, can end. */
export const deadlocks: Watch = {
  look(stalled) {
    if (!hasStalled(memory)) {
      leaveAccount(stalled);
      stall(memory, stalled.kind);
    }
    if (findKnot(memory) === undefined) return undefined;
    const found = settle(stalled);
    if (typeof found === "string") host.writeError(found);
    if (!(found instanceof DeadlockError)) return undefined;
    // Of a blocked thread, the error's own stack tells.
    if ((stalled.kind & STALL.idle) !== 0) appendCallerStack(found, stalled.from?.stack, "waiting since");
    return found;
  },
};

/** An error with which the wait ends; or a warning to print. */
function settle(stalled: Stalled): DeadlockError | string | undefined {
  // What a dead holder leaves here needs no repair: it has given up its wait, or not.
  lockGuard(memory, PROGRAM.deadlockGuard);
  try {
    const knot = findKnot(memory);
    if (knot === undefined) return undefined;
    if (knot.some(({ waits }) => waits.some(({ tag }) => tag === TAG.lock)))
      return isNews(knot) ? warning(knot) : undefined;
    // A wait that must get its lock is left to others of the knot, if one of them can be given up.
    if ((stalled.kind & STALL.shielded) !== 0 && knot.some(({ stall }) => (stall & STALL.shielded) === 0))
      return undefined;
    const said = describe(knot);
    const error = new DeadlockError(`${said}\n${remedy(knot, said)}`);
    return stalled.giveUp() ? error : undefined;
  } finally {
    unlockGuard(memory, PROGRAM.deadlockGuard);
  }
}

/** Has nobody been warned of it? Afterwards somebody has. Under the guard. */
function isNews(knot: readonly StalledThread[]): boolean {
  const isKnown = knot.every(({ record, stall }) => load(memory.words, record + RECORD.warned) === stall);
  for (const { record, stall } of knot) store(memory.words, record + RECORD.warned, stall);
  return !isKnown;
}

// ── What is said of it ───────────────────────────────────────────────────────────────────────────────────────────────

function warning(knot: readonly StalledThread[]): string {
  const said = describe(knot);
  return (
    `heddle: warning: ${said}\n` +
    "A Lock may be released by any thread, so the wait goes on; unless another thread releases it, for ever. An RLock " +
    `would throw a DeadlockError here.\n${remedy(knot, said)}\n`
  );
}

function remedy(knot: readonly StalledThread[], said: string): string {
  const cures = ["Take locks in the same order everywhere", "release them before a join", "or wait with a timeout"];
  const hasLocks = knot.some(({ waits }) => waits.some(({ tag }) => tag !== TAG.thread));
  const hint = said.includes(BEFORE)
    ? " Where a lock was taken before, it was probably taken this time too: run with HEDDLE_TRACE_LOCKS=1 to know."
    : "";
  return `${hasLocks ? cures.join(", ") : "Join in one direction only, or with a timeout"}.${hint}`;
}

function describe(knot: readonly StalledThread[]): string {
  const accounts = new Map(knot.map((thread) => [thread.tid, readAccount(thread)]));
  const nameOf = (tid: number): string => accounts.get(tid)?.name ?? `thread ${tid}`;
  const locks = new Locks();
  for (const { waits } of knot) for (const { object, tag } of waits) locks.add(object, tag);
  const lines: string[] = [];
  for (const { tid, waits } of knot) {
    const account = accounts.get(tid);
    lines.push(`  ${nameOf(tid)}`);
    const taken = new Map(account?.held);
    const wanted = knot.flatMap((other) => other.waits).filter(({ owner, tag }) => owner === tid && tag !== TAG.thread);
    for (const object of new Set([...wanted.map((wait) => wait.object), ...taken.keys()])) {
      const at = taken.get(object);
      lines.push(`    holds ${locks.name(object)}${at === undefined ? "" : `, ${at}`}`);
    }
    for (const { object, tag, owner } of waits) {
      const what =
        tag === TAG.thread ? `the end of ${nameOf(owner)}` : `${locks.name(object)}, held by ${nameOf(owner)}`;
      lines.push(`    waits for ${what}`);
    }
    if (account !== undefined) lines.push(`      in ${[account.waitsIn, ...account.at].join("\n         ")}`);
  }
  const count = knot.length === 1 ? "a thread waits for itself" : `${knot.length} threads wait for each other`;
  return `${count}, so that none of these waits can end:\n${lines.join("\n")}`;
}

/** Locks have no names of their own: they are numbered in the order in which the message comes to them. */
class Locks {
  readonly #names: Map<number, string> = new Map();

  add(object: number, tag: number): void {
    if (tag === TAG.thread || this.#names.has(object)) return;
    const type = tag === TAG.lock ? "Lock" : tag === TAG.rlock ? "RLock" : "RWLock";
    this.#names.set(object, `${type} ${this.#names.size + 1}`);
  }

  name(object: number): string {
    return this.#names.get(object) ?? "another lock";
  }
}

// ── Accounts: one block for each record, made once, so that others can read it at any time ──────────────────────────

const ACCOUNT_WORDS = 1024;
const MOST_CHARACTERS = 2 * (ACCOUNT_WORDS - 1);
const FRAMES = 4;

function leaveAccount({ kind, wait, from }: Stalled): void {
  const waitsIn = (kind & STALL.blocked) !== 0 ? `${wait.name}Sync` : `await ${wait.name}`;
  const at = linesOf(from).slice(0, FRAMES);
  const held = heldLocks();
  const name = currentThread().name.slice(0, 200);
  for (;;) {
    const text = JSON.stringify({ name, waitsIn, at, held } satisfies Account);
    if (text.length <= MOST_CHARACTERS) {
      write(text);
      return;
    }
    if (held.pop() === undefined && at.pop() === undefined) return;
  }
}

function write(text: string): void {
  const word = memory.record + RECORD.account;
  let block = load(memory.words, word);
  if (block === 0) {
    block = alloc(memory, ACCOUNT_WORDS);
    store(memory.words, word, block);
  }
  memory.reach(block + ACCOUNT_WORDS);
  for (let i = 0; i < text.length; i += 2) {
    const second = i + 1 < text.length ? text.charCodeAt(i + 1) : 0;
    memory.words[block + 1 + (i >> 1)] = text.charCodeAt(i) | (second << 16);
  }
  store(memory.words, block, text.length);
}

function readAccount({ record }: StalledThread): Account | undefined {
  const block = load(memory.words, record + RECORD.account);
  if (block === 0) return undefined;
  memory.reach(block + ACCOUNT_WORDS);
  const length = Math.min(MOST_CHARACTERS, load(memory.words, block));
  let text = "";
  for (let i = 0; i < length; i++) {
    const pair = memory.words[block + 1 + (i >> 1)]!;
    text += String.fromCharCode((i & 1) === 0 ? pair & 0xffff : pair >>> 16);
  }
  try {
    return JSON.parse(text) as Account;
  } catch {
    // It was killed while it wrote.
    return undefined;
  }
}

// ── Lines of the program ─────────────────────────────────────────────────────────────────────────────────────────────

/** Frames of the platform: `node:internal/…`. */
const PLATFORM_FRAME = /[( ][a-z]+:(?!\/\/)[^\\/]/;

/** The frames outside of heddle and of the platform: `at name (file:line:column)`. */
function linesOf(site: Site | undefined): string[] {
  const lines = (site?.stack ?? "").split("\n").map((line) => line.trim());
  return lines.filter((line) => {
    const place = line.startsWith("at ") && !PLATFORM_FRAME.test(line) ? placeIn(line) : undefined;
    return place !== undefined && !isOwnPlace(place);
  });
}

// ── Where locks were taken ───────────────────────────────────────────────────────────────────────────────────────────

const sites: Map<number, Site> = new Map();

/** Where a lock was taken, now or at an earlier time. */
export interface Taken {
  readonly site: Site;
  readonly isNow: boolean;
}

const BEFORE = "taken before";

/** Of a handle of a lock, if it is one. */
type Teller = (handle: object) => Taken | undefined;

const tellers: Teller[] = [];

/** For classes of locks that remember where some of their acquires were. */
export function tellsSites(teller: Teller): void {
  tellers.push(teller);
}

/** So many stacks are taken without further ado; a thread that uses more locks than that looks at few of them. */
const FREELY = 1024;
const SELDOM = 64;
let looks = 0;

/**
 * The stack of whoever called `above`, or nothing. A lock asks at its first acquire in this thread, the second, the
 * fourth and so on: a stack takes a hundred times as long as an acquire, and it is the same few lines that take a lock.
 */
export function sampledSite(above: Function): Site | undefined {
  looks++;
  return looks <= FREELY || looks % SELDOM === 0 ? callerStack(above) : undefined;
}

/** A thread with more handles than this does not look through them all. */
const MOST_HANDLES = 10_000;

/** Addresses of the locks that this thread holds, and where each was taken as far as it is known. */
function heldLocks(): [lock: number, at: string][] {
  const held = new Map<number, string>();
  let left = MOST_HANDLES;
  for (const handle of threads.handles.handles()) {
    if (left-- === 0) break;
    for (const tell of tellers) {
      const taken = tell(handle);
      const line = linesOf(taken?.site)[0];
      if (line === undefined) continue;
      held.set((handle as SharedObject)[ADDRESS], taken!.isNow ? `taken ${line}` : `${BEFORE} ${line}`);
    }
  }
  for (const [lock, site] of sites) {
    if (lockOwner(memory, lock) !== memory.self) sites.delete(lock);
    else held.set(lock, `taken ${linesOf(site)[0] ?? ""}`);
  }
  return [...held];
}

interface Acquirable extends SharedObject {
  acquire(options?: object): Promise<unknown>;
  acquireSync(options?: object): unknown;
  tryAcquire(): unknown;
  release(): void;
  readonly locked: boolean;
}

/** Whether where locks are taken, and waited for, is remembered. */
export const tracesLocks: boolean = host.tracesLocks;

/** Makes a class of locks remember where each was taken. Wraps its methods, so that it costs nothing when it is off. */
export function traceLocks(prototype: Acquirable): void {
  if (!tracesLocks) return;
  const { acquire, acquireSync, tryAcquire, release } = prototype;
  const taken = <T>(lock: Acquirable, result: T, site: Site): T => {
    // The outermost of several acquires is the one that matters.
    if (result !== undefined && !sites.has(lock[ADDRESS])) sites.set(lock[ADDRESS], site);
    return result;
  };
  Object.assign(prototype, {
    async acquire(this: Acquirable, options?: object) {
      const site = callerStack(prototype.acquire);
      return taken(this, await acquire.call(this, options), site);
    },
    acquireSync(this: Acquirable, options?: object) {
      return taken(this, acquireSync.call(this, options), callerStack(prototype.acquireSync));
    },
    tryAcquire(this: Acquirable) {
      return taken(this, tryAcquire.call(this), callerStack(prototype.tryAcquire));
    },
    release(this: Acquirable) {
      release.call(this);
      if (lockOwner(memory, this[ADDRESS]) !== memory.self) sites.delete(this[ADDRESS]);
    },
  });
}
