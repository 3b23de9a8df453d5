/**
 * The explorer: runs a few threads, ordinary synchronous functions over the words of one memory, under every
 * interleaving of their operations.
 *
 * ```
 *   choose ─► perform the thread's pending operation ─► run its function again from the start of the step, answering
 *      ▲      with the recorded results; the first operation that has none becomes pending and throws SUSPEND
 *      └────────────────────────────────────────────────────────────────────────────────────────────────┘
 * ```
 * Choices: which thread goes on, whether a timed wait expires, whether a thread is killed. States (memory, position of
 * each thread and what it knows, order of sleepers) are hashed, so that none is visited twice. What a thread knows is what
 * its operations returned; but of a function that has ended only its result counts, and in loops only the variables that
 * go round: see {@link Engine.summarize}. No choice left while a thread has not ended: a deadlock, or a lost wake-up.
 *
 * An operation on a word needs no choice if all that other threads ever do to that word either does not matter to it
 * (both only read), or happens under a guard that is held here too: it commutes with everything others can do meanwhile.
 * Which operations these are, told apart by thread, by guards held and by whether they write, is assumed and checked;
 * when the assumption breaks, both are marked as concurrent and the exploration starts again.
 *
 * A kill is offered after each operation of the victim that changed something others look at: in between it makes no
 * difference.
 *
 * Source of the reduction: S. Stoller, E. Cohen, "Optimistic Synchronization-Based State-Space Reduction". Of
 * re-execution: P. Godefroid, "VeriSoft".
 */

import type { Explorer, Words } from "../../src/core/atomics.model.ts";
import { exploreWith } from "../../src/core/atomics.model.ts";
import { PAGE_SHIFT, PAGE_WORDS, RECORD, THREAD_STATE } from "../../src/core/layout.ts";

const SUSPEND: unique symbol = Symbol("suspend");

export const OP = {
  load: 0,
  store: 1,
  compareExchange: 2,
  exchange: 3,
  add: 4,
  wait: 5,
  notify: 6,
  note: 7,
} as const;
const OP_NAMES: readonly string[] = Object.keys(OP);

/** One way in which a word is used. */
interface Use {
  /** `guards held << 5 | writes << 4 | thread`. */
  readonly how: number;
  /** Others use the word at the same time. */
  concurrent: boolean;
}

const STATUS = { ready: 0, asleep: 1, ended: 2, killed: 3, idle: 4 } as const;
const STATUS_NAMES: readonly string[] = Object.keys(STATUS);

/** A choice is `kind * 16 + thread`. */
const CHOICE = { step: 0, timeout: 1, kill: 2 } as const;

// For hashes of what a thread knows.
const INSIDE = 0x2545_f491;
const AFTER = 0x6c07_8965;
const LABEL = 0x5851_f42d;

/** No scenario takes as many choices, unless somebody goes round in circles. */
const LONGEST = 5_000;

export type Local = Record<string, number>;
export type Step = (local: Local) => void;

interface Operation {
  kind: number;
  address: number;
  a: number;
  b: number;
  /** Needs no choice of another thread: it was only suspended to offer a kill. */
  local: boolean;
}

/** How a scenario ended badly. */
export class Violation extends Error {}

export class ModelThread {
  readonly index: number;
  readonly name: string;
  readonly tid: number;
  readonly record: number;
  readonly steps: readonly Step[];
  /** May be killed. */
  victim = false;
  /** Which of the dead it buries; it begins once there is one, and need not run. -1: it is no reaper. */
  buries = -1;
  /** May it wait for ever, as things are at the end? Default: never. */
  mayWait: () => boolean = () => false;

  step = 0;
  local: Local = {};
  history: number[] = [];
  /** Of what the thread knows where it stands: see {@link Engine.summarize}. */
  hashA = 0;
  hashB = 0;
  /** What it knew when the innermost function that is summarized was called. */
  frameA = 0;
  frameB = 0;
  status: number = STATUS.ready;
  pending: Operation | undefined;
  /** The deadline of the step's wait has passed. */
  fired = false;
  killable = false;
  /** Words from here on are not in the thread's view of the memory until it reaches for them. */
  view: number;
  readonly firstView: number;

  cursor = 0;
  viewNow: number;
  suspended = false;
  wrote = false;
  spinning = -1;
  timers: { run: () => void; ran: boolean }[] = [];

  constructor(index: number, name: string, tid: number, record: number, steps: readonly Step[], view: number) {
    this.index = index;
    this.name = name;
    this.tid = tid;
    this.record = record;
    this.steps = steps;
    this.view = view;
    this.firstView = view;
    this.viewNow = view;
  }
}

interface Saved {
  readonly step: number;
  readonly local: Local;
  readonly history: number[];
  readonly length: number;
  readonly hashA: number;
  readonly hashB: number;
  readonly status: number;
  readonly pending: Operation | undefined;
  readonly fired: boolean;
  readonly killable: boolean;
  readonly view: number;
  readonly viewNow: number;
}

interface Frame {
  readonly choices: readonly number[];
  readonly saved: readonly Saved[];
  readonly undo: number;
  readonly asleep: readonly number[];
  readonly dead: readonly number[];
  readonly preemptions: number;
  readonly last: number;
  readonly depth: number;
  next: number;
}

export interface Limits {
  /** How often a thread that could go on may be interrupted by another. */
  readonly preemptions?: number | undefined;
  /** Gives up after as many states. */
  readonly states?: number | undefined;
}

export interface Failure {
  readonly message: string;
  readonly choices: readonly number[];
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  readonly ends: number;
  readonly milliseconds: number;
  readonly complete: boolean;
  readonly failure: Failure | undefined;
}

export class Engine implements Explorer {
  readonly words: Words;
  readonly memory: Int32Array;
  threads: ModelThread[] = [];
  /** Addresses of guards: words that hold `tid << 1` of their owner. */
  guards: number[] = [];
  names: (address: number) => string = String;
  check: () => string | undefined = () => undefined;
  /** How many kills may happen in one run. */
  kills = 0;

  /** The thread whose function runs now. */
  current: ModelThread | undefined;
  #base: Int32Array = new Int32Array(0);
  #hashA = 0;
  #hashB = 0;
  #undoAddress: number[] = [];
  #undoValue: number[] = [];
  #asleep: readonly number[] = [];
  #woken: number[] = [];
  #preemptions = 0;
  #last = -1;
  #log: string[] | undefined;

  /** How each word was used so far. */
  readonly #uses: (Use[] | undefined)[];
  /** 1: more than one thread uses the word. */
  readonly #isSeen: Uint8Array;
  #broken = false;

  constructor(memory: Int32Array) {
    this.memory = memory;
    this.#uses = Array.from({ length: memory.length }, () => undefined);
    this.#isSeen = new Uint8Array(memory.length);
    // Plain reads and writes of words are operations too.
    this.words = new Proxy(memory, {
      get: (target, key) => this.#plainGet(target, key),
      set: (_, key, value) => {
        this.store(Number(key), value as number);
        return true;
      },
    });
  }

  #plainGet(target: Int32Array, key: string | symbol): unknown {
    if (typeof key === "symbol") return Reflect.get(target, key);
    const index = Number(key);
    if (!Number.isNaN(index)) return this.load(index);
    if (key === "length") return this.current!.viewNow;
    if (key === "set") {
      return (values: ArrayLike<number>, at: number) => {
        for (let i = 0; i < values.length; i++) this.store(at + i, values[i]!);
      };
    }
    if (key === "fill") {
      return (value: number, start: number, end: number) => {
        for (let i = start; i < end; i++) this.store(i, value);
      };
    }
    throw new Violation(`the model has no words.${key}`);
  }

  // ── What threads do ────────────────────────────────────────────────────────────────────────────────────────────────

  load(index: number): number {
    return this.#operation(OP.load, index, 0, 0);
  }

  store(index: number, value: number): void {
    this.#operation(OP.store, index, value, 0);
  }

  compareExchange(index: number, expected: number, value: number): number {
    return this.#operation(OP.compareExchange, index, expected, value);
  }

  exchange(index: number, value: number): number {
    return this.#operation(OP.exchange, index, value, 0);
  }

  add(index: number, delta: number): number {
    return this.#operation(OP.add, index, delta, 0);
  }

  /** 0: woken, 1: not equal, 2: timed out. */
  wait(index: number, expected: number, timed: boolean): number {
    return this.#operation(OP.wait, index, expected, timed ? 1 : 0);
  }

  notify(index: number, count: number): void {
    this.#operation(OP.notify, index, count, 0);
  }

  /**
   * A spin loop looks again: if nothing has changed since, at once. Seeing a change only after a few turns is the same
   * as having started to spin later.
   */
  pause(): void {
    const t = this.current;
    if (t === undefined) return;
    t.spinning = this.#lastLoaded;
  }
  #lastLoaded = -1;

  reach(address: number): number {
    const t = this.current;
    // As a view that just covers the address: the memory may have grown no further.
    if (t !== undefined && address >= t.viewNow) t.viewNow = ((address >>> PAGE_SHIFT) + 1) * PAGE_WORDS;
    return address;
  }

  /** The clock of deadlines: 0 before the deadline, 2 after it. */
  clock(): number {
    return this.#operation(OP.note, -1, 0, 0);
  }

  /** What the operating system knows of a thread. */
  isGone(tid: number): boolean {
    return this.#operation(OP.note, -2, tid, 0) === 1;
  }

  /** Changes a word that only the scenario's own checks use. */
  note(index: number, delta: number): number {
    return this.#operation(OP.note, index, delta, 0);
  }

  #operation(kind: number, address: number, a: number, b: number): number {
    const t = this.current!;
    // A `finally` block on the way out of a suspended function.
    if (t.suspended) throw SUSPEND;
    if (address >= t.viewNow) {
      throw new Violation(`${t.name} used ${this.names(address)} without making sure that its view covers it`);
    }
    const again = t.spinning === address && kind === OP.load;
    t.spinning = -1;
    this.#lastLoaded = kind === OP.load ? address : -1;
    if (t.cursor < t.history.length) {
      const known = t.history[t.cursor++]!;
      mix(t, known);
      return known;
    }
    const local = again || kind === OP.note || !this.#isConcurrent(t, kind, address);
    const offerKill = t.victim && t.wrote && this.#killsLeft > 0 && kind !== OP.note;
    if (local && !offerKill && kind !== OP.wait) {
      const result = this.#perform(t, kind, address, a, b);
      t.history.push(result);
      t.cursor++;
      mix(t, result);
      return result;
    }
    t.pending = { kind, address, a, b, local: local && kind !== OP.wait };
    t.suspended = true;
    throw SUSPEND;
  }

  // ── What a thread knows ────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Calls a function of which only the result matters afterwards, not how it came about: two ways through it that end
   * alike lead to the same state. That is so for functions over shared words that keep nothing in other variables.
   * `kept`: what it does keep.
   */
  summarize<R>(call: () => R, kept?: () => readonly number[]): R {
    const t = this.current;
    if (t === undefined) return call();
    const { hashA, hashB, frameA, frameB } = t;
    // Inside, at a label, and after it are different places, though the same may be known there.
    mix(t, INSIDE);
    t.frameA = t.hashA;
    t.frameB = t.hashB;
    const result: R = call();
    t.frameA = frameA;
    t.frameB = frameB;
    const known = knowledgeIn(result);
    if (known === undefined) return result;
    t.hashA = hashA;
    t.hashB = hashB;
    mix(t, AFTER);
    for (const value of known) mix(t, value);
    if (kept !== undefined) for (const value of kept()) mix(t, value);
    return result;
  }

  /** A place in a function that is summarized, where only these variables, and those it was called with, matter. */
  label(...live: readonly unknown[]): void {
    const t = this.current;
    if (t === undefined) return;
    t.hashA = t.frameA;
    t.hashB = t.frameB;
    mix(t, LABEL);
    for (const value of live) mix(t, Number(value));
  }

  /** Performs an operation that is about to be recorded. A wait that falls asleep has no result yet: -1. */
  #perform(t: ModelThread, kind: number, address: number, a: number, b: number): number {
    if (kind === OP.note) {
      if (address === -2) return this.dead.includes(a) ? 1 : 0;
      if (address < 0) return t.fired ? 2 : 0;
      const value = this.memory[address]! + a;
      if (a !== 0) this.#write(address, value);
      return value;
    }
    const seen = this.memory[address]!;
    let value = seen;
    let result = seen;
    let wrote = false;
    switch (kind) {
      case OP.store:
        value = a;
        wrote = true;
        result = 0;
        break;
      case OP.compareExchange:
        if (seen === a) {
          value = b;
          wrote = true;
        }
        break;
      case OP.exchange:
        value = a;
        wrote = true;
        break;
      case OP.add:
        value = seen + a;
        wrote = true;
        break;
      case OP.wait:
        if (seen !== a) {
          result = 1;
        } else {
          t.status = STATUS.asleep;
          this.#asleep = [...this.#asleep, t.index];
          t.killable = true;
          result = -1;
        }
        break;
      case OP.notify:
        result = 0;
        this.#wake(address, a);
        t.killable = true;
        break;
      default:
    }
    this.#account(t, kind, address);
    if (wrote && this.#isGuard(address)) this.#checkGuard(t, address, seen, value);
    if (value !== seen) {
      this.#write(address, value);
      // What nobody else ever looks at does not tell when it died.
      if (this.#isSeen[address] === 1) t.wrote = t.killable = true;
    }
    if (this.#log !== undefined) this.#trace(t, kind, address, a, b, seen, result);
    return result;
  }

  #wake(address: number, count: number): void {
    let left = count;
    for (const index of this.#asleep) {
      if (left <= 0) break;
      const sleeper = this.threads[index]!;
      if (sleeper.pending!.address !== address) continue;
      left--;
      this.#woken.push(index);
    }
    if (this.#woken.length > 0) this.#asleep = this.#asleep.filter((index) => !this.#woken.includes(index));
  }

  #write(address: number, value: number): void {
    const old = this.memory[address]!;
    this.#undoAddress.push(address);
    this.#undoValue.push(old);
    this.#set(address, old, value);
  }

  #set(address: number, old: number, value: number): void {
    const base = this.#base[address]!;
    if (old !== base) this.#toggle(address, old);
    if (value !== base) this.#toggle(address, value);
    this.memory[address] = value;
  }

  #toggle(address: number, value: number): void {
    let h = Math.imul(address, 0x9e37_79b1) ^ Math.imul(value + 0x7f4a_7c15, 0x85eb_ca77);
    h = Math.imul(h ^ (h >>> 15), 0x2c1b_3c6d);
    this.#hashA ^= h ^ (h >>> 12);
    let g = Math.imul(value, 0x165667b1) ^ Math.imul(address + 0x3c6e_f372, 0x27d4_eb2f);
    g = Math.imul(g ^ (g >>> 13), 0x297a_2d39);
    this.#hashB ^= g ^ (g >>> 15);
  }

  /** As in {@link Use}. While an operation runs, a guard that it opens is still held. */
  #how(t: ModelThread, kind: number): number {
    let held = 0;
    const { guards, memory } = this;
    for (let i = 0; i < guards.length; i++) if (memory[guards[i]!]! >>> 1 === t.tid) held |= 1 << i;
    // Waking who waits for a word counts as writing it.
    return (held << 5) | (kind === OP.load || kind === OP.wait ? 0 : 16) | t.index;
  }

  #isConcurrent(t: ModelThread, kind: number, address: number): boolean {
    const uses = this.#uses[address];
    if (uses === undefined) return false;
    const how = this.#how(t, kind);
    for (let i = 0; i < uses.length; i++) if (uses[i]!.how === how) return uses[i]!.concurrent;
    return false;
  }

  /** Keeps the assumptions about how a word is used, and breaks them if they do not hold. */
  #account(t: ModelThread, kind: number, address: number): void {
    const how = this.#how(t, kind);
    const uses = (this.#uses[address] ??= []);
    for (let i = 0; i < uses.length; i++) if (uses[i]!.how === how) return;
    const use: Use = { how, concurrent: false };
    if (this.#isSeen[address] === 0 && uses.some((other) => (other.how & 15) !== t.index)) {
      this.#isSeen[address] = 1;
      if (this.kills > 0) this.#broken = true;
    }
    for (const other of uses) {
      const bothRead = ((other.how | how) & 16) === 0;
      if (bothRead || (other.how & 15) === t.index || (other.how & how) >>> 5 !== 0) continue;
      if (!other.concurrent || !use.concurrent) this.#broken = true;
      other.concurrent = true;
      use.concurrent = true;
    }
    uses.push(use);
  }

  // ── Running threads ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Runs a thread up to its next operation that needs a choice. */
  #run(t: ModelThread): void {
    while (t.step < t.steps.length) {
      t.cursor = 0;
      t.viewNow = t.view;
      t.suspended = false;
      t.spinning = -1;
      t.timers = [];
      this.current = t;
      const local = { ...t.local };
      t.hashA = t.hashB = t.frameA = t.frameB = 0;
      try {
        t.steps[t.step]!(local);
        if (t.suspended) throw SUSPEND;
      } catch (error) {
        if (error === SUSPEND) return;
        throw error;
      } finally {
        this.current = undefined;
      }
      t.step++;
      t.local = local;
      t.history = [];
      t.fired = false;
      t.view = t.viewNow;
    }
    t.status = STATUS.ended;
    t.pending = undefined;
  }

  #resumeWoken(): void {
    while (this.#woken.length > 0) {
      const t = this.threads[this.#woken.shift()!]!;
      t.status = STATUS.ready;
      t.history.push(0);
      t.wrote = true;
      t.killable = true;
      t.pending = undefined;
      this.#run(t);
    }
  }

  #choose(choice: number, length: number): void {
    if (length > LONGEST) throw new Violation("a thread runs for ever");
    const t = this.threads[choice & 15]!;
    const kind = choice >> 4;
    for (const other of this.threads) other.killable = false;
    if (kind === CHOICE.step) {
      const { kind: op, address, a, b } = t.pending!;
      if (this.#last !== t.index && this.#last >= 0 && this.threads[this.#last]!.status === STATUS.ready)
        this.#preemptions++;
      this.#last = t.index;
      t.wrote = false;
      const result = this.#perform(t, op, address, a, b);
      if (t.status === STATUS.ready) {
        t.history.push(result);
        t.pending = undefined;
        this.#run(t);
      }
    } else if (kind === CHOICE.timeout) {
      this.#log?.push(`${t.name}: its wait times out`);
      this.#asleep = this.#asleep.filter((index) => index !== t.index);
      t.status = STATUS.ready;
      if (!this.#isGuard(t.pending!.address)) t.fired = true;
      t.wrote = true;
      t.history.push(2);
      t.pending = undefined;
      this.#run(t);
    } else {
      this.#log?.push(`${t.name} is killed`);
      this.#asleep = this.#asleep.filter((index) => index !== t.index);
      t.status = STATUS.killed;
      this.dead = [...this.dead, t.tid];
      for (const reaper of this.threads) {
        if (reaper.status !== STATUS.idle || reaper.buries >= this.dead.length) continue;
        reaper.status = STATUS.ready;
        this.#run(reaper);
      }
    }
    this.#resumeWoken();
  }
  /** Identities of the threads that were killed, in that order. */
  dead: readonly number[] = [];

  get #killsLeft(): number {
    return this.kills - this.dead.length;
  }

  /** Only its owner may open or pass on a guard, as long as the owner lives; the reduction relies on it. */
  #checkGuard(t: ModelThread, address: number, seen: number, value: number): void {
    const owner = seen >>> 1;
    if (owner === 0 || owner === t.tid || owner === value >>> 1 || this.dead.includes(owner)) return;
    throw new Violation(`${t.name} took ${this.names(address)} from a living thread`);
  }

  #isGuard(address: number): boolean {
    return this.guards.includes(address);
  }

  #choices(): number[] {
    const choices: number[] = [];
    for (const t of this.threads) {
      if (t.status === STATUS.ready && t.pending!.local) {
        choices.push(t.index);
        if (t.killable && this.#killsLeft > 0) choices.push((CHOICE.kill << 4) | t.index);
        return choices;
      }
    }
    // The thread that ran last comes first: with a bound on preemptions that finds most with few.
    const n = this.threads.length;
    const from = this.#last < 0 ? 0 : this.#last;
    for (let i = 0; i < n; i++) {
      const t = this.threads[(from + i) % n]!;
      if (t.status === STATUS.ready) choices.push(t.index);
    }
    for (const t of this.threads) {
      if (t.status === STATUS.asleep && t.pending!.b === 1 && this.#mayExpire(t))
        choices.push((CHOICE.timeout << 4) | t.index);
      if (t.killable && t.victim && this.#killsLeft > 0 && (t.status === STATUS.ready || t.status === STATUS.asleep)) {
        choices.push((CHOICE.kill << 4) | t.index);
      }
    }
    return choices;
  }

  /**
   * Sleepers on a guard look up from time to time. That must not hide a lost wake-up: it is for guards of the dead, and
   * for wake-ups that went to them.
   */
  #mayExpire(t: ModelThread): boolean {
    if (!this.#isGuard(t.pending!.address)) return true;
    if (this.dead.length === 0) return false;
    const owner = this.memory[t.pending!.address]! >>> 1;
    return owner === 0 || this.dead.includes(owner) || !this.#isAlive(owner);
  }

  #isAlive(tid: number): boolean {
    const thread = this.threads.find((t) => t.tid === tid);
    if (thread === undefined) return false;
    const state = this.memory[thread.record + RECORD.state]!;
    return state === THREAD_STATE.starting || state === THREAD_STATE.running;
  }

  // ── Exploring ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #start(initial: Int32Array): void {
    this.memory.set(initial);
    this.#base = initial;
    this.#hashA = 0;
    this.#hashB = 0;
    this.#undoAddress.length = 0;
    this.#undoValue.length = 0;
    this.#asleep = [];
    this.#woken = [];
    this.dead = [];
    this.#preemptions = 0;
    this.#last = -1;
    for (const t of this.threads) {
      t.step = 0;
      t.local = {};
      t.history = [];
      t.hashA = 0;
      t.hashB = 0;
      t.status = t.buries >= 0 ? STATUS.idle : STATUS.ready;
      t.pending = undefined;
      t.fired = false;
      t.killable = false;
      t.view = t.viewNow = t.firstView;
      t.wrote = false;
    }
    for (const t of this.threads) if (t.buries < 0) this.#run(t);
    this.#resumeWoken();
  }

  #save(t: ModelThread): Saved {
    const { step, local, history, hashA, hashB, status, pending, fired, killable, view, viewNow } = t;
    const length = history.length;
    return { step, local, history, length, hashA, hashB, status, pending, fired, killable, view, viewNow };
  }

  #restore(frame: Frame): void {
    while (this.#undoAddress.length > frame.undo) {
      const address = this.#undoAddress.pop()!;
      this.#set(address, this.memory[address]!, this.#undoValue.pop()!);
    }
    this.#asleep = frame.asleep;
    this.#woken = [];
    this.#preemptions = frame.preemptions;
    this.#last = frame.last;
    this.dead = frame.dead;
    for (const [i, s] of frame.saved.entries()) {
      const t = this.threads[i]!;
      t.step = s.step;
      t.local = s.local;
      t.history = s.history;
      t.history.length = s.length;
      t.hashA = s.hashA;
      t.hashB = s.hashB;
      t.status = s.status;
      t.pending = s.pending;
      t.fired = s.fired;
      t.killable = s.killable;
      t.view = s.view;
      t.viewNow = s.viewNow;
    }
  }

  #key(): number {
    let a = this.#hashA;
    let b = this.#hashB;
    for (const t of this.threads) {
      let locals = (t.step << 4) | t.status | (t.fired ? 0x800_0000 : 0);
      for (const name in t.local) locals = Math.imul(locals ^ t.local[name]!, 0x0100_0193) + 1;
      a = Math.imul(a ^ t.hashA, 0x9e37_79b1) + Math.imul(locals, 0x85eb_ca77);
      a ^= a >>> 15;
      b = Math.imul(b + t.hashB, 0x27d4_eb2f) ^ Math.imul(locals + t.viewNow, 0xc2b2_ae3d);
      b ^= b >>> 14;
    }
    for (const index of this.#asleep) {
      a = Math.imul(a + index + 1, 0x0100_0193);
      b = Math.imul(b ^ (index + 7), 0x85eb_ca6b);
    }
    for (const tid of this.dead) b = Math.imul(b ^ tid, 0x0100_0193);
    a ^= a >>> 16;
    b ^= b >>> 16;
    return (a >>> 0) * 0x20_0000 + (b & 0x1f_ffff);
  }

  /** Explores until everything was seen, something failed, or a limit was reached. */
  explore(limits: Limits = {}): Exploration {
    const initial = this.memory.slice();
    const began = performance.now();
    exploreWith(this);
    try {
      for (;;) {
        const result = this.#search(initial, limits);
        if (result !== undefined) return { ...result, milliseconds: performance.now() - began };
      }
    } finally {
      exploreWith(undefined);
      this.memory.set(initial);
    }
  }

  /** `undefined`: an assumption about a word did not hold. */
  #search(initial: Int32Array, limits: Limits): Omit<Exploration, "milliseconds"> | undefined {
    const visited = new Map<number, number>();
    const most = limits.states ?? Infinity;
    const bound = limits.preemptions ?? Infinity;
    const path: number[] = [];
    const stack: Frame[] = [];
    let transitions = 0;
    let ends = 0;
    let enough = 0;
    // The states since another thread had its turn.
    let alone = new Set<number>();
    this.#broken = false;
    const done = (complete: boolean, failure?: Failure) => ({
      states: visited.size,
      transitions,
      ends,
      complete,
      failure,
    });
    try {
      this.#start(initial);
      for (;;) {
        // Goes on for a while, to learn in one go what else does not hold.
        if (!this.#broken) enough = 2 * transitions + 500;
        else if (transitions > enough) return undefined;
        let choices: number[] = [];
        const key = this.#key();
        if (alone.has(key)) this.#checkCircle(path);
        alone.add(key);
        // A state reached again counts only if more preemptions are left than before.
        const spent = bound === Infinity ? 0 : this.#preemptions;
        const before = visited.get(key);
        if (before === undefined || before > spent) {
          visited.set(key, spent);
          if (visited.size > most) return this.#broken ? undefined : done(false);
          choices = this.#choices();
          if (choices.length === 0) {
            ends++;
            this.#checkEnd();
          } else if (bound !== Infinity && this.#preemptions >= bound) {
            choices = this.#withoutPreemption(choices);
          }
        }
        if (choices.length > 1) {
          stack.push({
            choices,
            saved: this.threads.map((t) => this.#save(t)),
            undo: this.#undoAddress.length,
            asleep: this.#asleep,
            dead: this.dead,
            preemptions: this.#preemptions,
            last: this.#last,
            depth: path.length,
            next: 1,
          });
        }
        let choice = choices[0];
        if (choice === undefined) {
          let frame = stack.at(-1);
          while (frame !== undefined && frame.next === frame.choices.length) {
            stack.pop();
            frame = stack.at(-1);
          }
          if (frame === undefined) return this.#broken ? undefined : done(true);
          this.#restore(frame);
          path.length = frame.depth;
          choice = frame.choices[frame.next++]!;
          alone = new Set();
        } else if ((choice & 15) !== ((path.at(-1) ?? -1) & 15)) {
          alone = new Set([key]);
        }
        path.push(choice);
        transitions++;
        this.#choose(choice, path.length);
      }
    } catch (error) {
      if (this.#broken) return undefined;
      return done(false, { message: describe(error), choices: [...path] });
    }
  }

  /**
   * A thread has come back to where it was without anybody else doing anything. It may do so for as long as others could
   * go on, if it sleeps in between.
   */
  #checkCircle(path: readonly number[]): void {
    const last = path.at(-1)!;
    const others = this.#choices().filter((choice) => (choice & 15) !== (last & 15));
    const looks = (choice: number): boolean =>
      choice >> 4 === CHOICE.timeout && this.#isGuard(this.threads[choice & 15]!.pending!.address);
    if (others.every(looks)) this.#fail("stuck", this.threads);
    for (let i = path.length - 1; i >= 0 && (path[i]! & 15) === (last & 15); i--) {
      if (path[i]! >> 4 !== CHOICE.step) return;
    }
    this.#fail("goes round in circles", [this.threads[last & 15]!]);
  }

  #fail(what: string, threads: readonly ModelThread[]): never {
    throw new Violation(`${what}: ${threads.map((t) => this.#describeThread(t)).join("; ")}`);
  }

  #withoutPreemption(choices: number[]): number[] {
    const last = this.#last;
    if (last < 0 || this.threads[last]!.status !== STATUS.ready) return choices;
    return choices.filter((choice) => choice >> 4 !== CHOICE.step || (choice & 15) === last);
  }

  #checkEnd(): void {
    const over: readonly number[] = [STATUS.ended, STATUS.killed, STATUS.idle];
    const stuck = this.threads.filter((t) => !over.includes(t.status) && !t.mayWait());
    if (stuck.length > 0) this.#fail("stuck", stuck);
    // The scenario's check uses the algorithms themselves, on the memory as it is.
    exploreWith(undefined);
    try {
      const wrong = this.check();
      if (wrong !== undefined) throw new Violation(wrong);
    } finally {
      exploreWith(this);
    }
  }

  #describeThread(t: ModelThread): string {
    const op = t.pending;
    return `${t.name} ${STATUS_NAMES[t.status]}${op === undefined ? "" : ` in ${OP_NAMES[op.kind]} ${this.names(op.address)} (${this.memory[op.address]})`}`;
  }

  /** Runs one schedule again and tells what happened, line by line. */
  replay(choices: readonly number[]): { readonly message: string | undefined; readonly trace: readonly string[] } {
    const initial = this.memory.slice();
    const log: string[] = [];
    exploreWith(this);
    try {
      this.#log = log;
      this.#start(initial);
      // Going round in circles is told by the states on the way.
      let alone = new Set<number>();
      for (const [i, choice] of [...choices, -1].entries()) {
        const key = this.#key();
        if (alone.has(key)) this.#checkCircle(choices.slice(0, i));
        alone.add(key);
        if (choice < 0) break;
        if ((choice & 15) !== ((choices[i - 1] ?? -1) & 15)) alone = new Set([key]);
        this.#choose(choice, i + 1);
      }
      if (this.#choices().length === 0) this.#checkEnd();
      return { message: undefined, trace: log };
    } catch (error) {
      return { message: describe(error), trace: log };
    } finally {
      this.#log = undefined;
      exploreWith(undefined);
      this.memory.set(initial);
    }
  }

  #trace(t: ModelThread, kind: number, address: number, a: number, b: number, seen: number, result: number): void {
    const name = this.names(address);
    // What concerns nobody else, and turns of a spin loop, would only hide the rest.
    const isPrivate = this.#uses[address]?.every((use) => !use.concurrent) === true;
    if (kind === OP.load && (isPrivate || this.#log!.at(-1) === `${t.name}: ${name} is ${seen}`)) return;
    switch (kind) {
      case OP.load:
        this.#log!.push(`${t.name}: ${name} is ${seen}`);
        break;
      case OP.compareExchange:
        this.#log!.push(`${t.name}: ${name} ${a} -> ${b}: ${seen === a ? "done" : `no, it is ${seen}`}`);
        break;
      case OP.wait:
        this.#log!.push(`${t.name}: waits while ${name} is ${a}${result === 1 ? `: no, it is ${seen}` : ""}`);
        break;
      case OP.notify:
        this.#log!.push(`${t.name}: notifies ${name}`);
        break;
      default:
        this.#log!.push(`${t.name}: ${OP_NAMES[kind]} ${name} ${seen} -> ${this.memory[address]}`);
    }
  }
}

/** A result as numbers; `undefined`: it is something else. */
function knowledgeIn(result: unknown): readonly number[] | undefined {
  if (result === undefined || result === null) return [0];
  if (Array.isArray(result))
    return result.every((value) => typeof value === "number") ? [...result, result.length] : undefined;
  return typeof result === "object" || typeof result === "function" || typeof result === "string"
    ? undefined
    : [Number(result)];
}

function mix(t: ModelThread, value: number): void {
  t.hashA = (Math.imul(t.hashA ^ value, 0x85eb_ca6b) + 0x9e37_79b9) | 0;
  t.hashA ^= t.hashA >>> 15;
  t.hashB = (Math.imul(t.hashB + value, 0xc2b2_ae35) ^ 0x27d4_eb2f) | 0;
  t.hashB ^= t.hashB >>> 13;
}

function describe(error: unknown): string {
  if (error instanceof Violation) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
