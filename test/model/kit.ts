/** What scenarios are made of: threads, shared objects and ways to wait, over the linked core. */

import {
  BARRIER,
  BARRIER_WORDS,
  BOX,
  BOX_WORDS,
  CONDITION,
  CONDITION_WORDS,
  EVENT,
  EVENT_WORDS,
  GRANT,
  LIST,
  LOCK,
  LOCK_WORDS,
  MAP,
  MAP_STRIPE,
  MAP_STRIPE_WORDS,
  MAP_WORDS,
  OBJECT,
  PRIORITY,
  PRIORITY_WORDS,
  PROGRAM,
  QUEUE,
  QUEUE_WORDS,
  RECORD,
  RWLOCK,
  RWLOCK_WORDS,
  SEMAPHORE,
  SEMAPHORE_WORDS,
  SLOT,
  STRIPES,
  TAG,
  THREAD_STATE,
} from "../../src/core/layout.ts";
import { encodeKey } from "../../src/core/priority-key.ts";
import type { Parker, WaitKind } from "../../src/core/parker.ts";
import { type Engine, ModelThread, Violation, type Step } from "./engine.ts";
import type { Core } from "./link.ts";
import { ModelMemory } from "./memory.ts";

export const QUEUED = -1000;
export const EXPIRED = -1001;
/** The wait was given up because the thread was cancelled. */
export const CANCELLED = -1002;
/** A deadline that passes when the explorer chooses. */
export const SOON = 1;
export const NEVER: number = Infinity;

export class Kit {
  readonly core: Core;
  readonly memory: ModelMemory = new ModelMemory();
  readonly engine: Engine;
  readonly #parkers: Map<ModelThread, Parker> = new Map();
  readonly #names: Map<number, string> = new Map();
  readonly #guards: number[] = [PROGRAM.heapGuard, PROGRAM.threadGuard];
  #notes = 0;
  /** Sizes of blocks, in words, of which each thread that is made has some at hand. */
  blocks: readonly number[] = [];

  constructor(core: Core) {
    this.core = core;
    this.engine = this.memory.engine;
    this.#adopt();
    for (const [name, address] of Object.entries(PROGRAM)) this.#names.set(address, name);
    core.control.clock = () => this.engine.clock();
    core.control.setTimer = (then) => {
      const timer = { run: then, ran: false };
      this.engine.current!.timers.push(timer);
      return timer;
    };
    core.control.summarize = (call, kept) => this.engine.summarize(call, kept);
    core.control.label = (...live) => this.engine.label(...live);
    // Words of the scenario's own checks.
    this.#notes = core.heap.allocZeroed(this.memory, 64);
  }

  /** The main thread of the model, which sets up and checks. */
  #adopt(): void {
    this.core.table.adoptMainThread(this.memory);
  }

  // ── Shared objects ─────────────────────────────────────────────────────────────────────────────────────────────────

  #object(name: string, tag: number, words: number, fields: Record<string, number>, lists: readonly string[]): number {
    const { heap } = this.core;
    const address = heap.allocZeroed(this.memory, words);
    this.engine.memory[address] = tag;
    this.engine.memory[address + 1] = 1;
    for (const [field, offset] of Object.entries(fields)) {
      if (!lists.includes(field)) {
        this.#names.set(address + offset, `${name}.${field}`);
        continue;
      }
      for (const [part, at] of Object.entries(LIST)) this.#names.set(address + offset + at, `${name}.${field}.${part}`);
      this.#guards.push(address + offset + LIST.guard);
    }
    this.#names.set(address, `${name}.tag`);
    return address;
  }

  lock(name = "lock"): number {
    return this.#object(name, TAG.lock, LOCK_WORDS, LOCK, ["list"]);
  }

  semaphore(permits: number, bound = -1): number {
    const address = this.#object("semaphore", TAG.semaphore, SEMAPHORE_WORDS, SEMAPHORE, ["list"]);
    this.engine.memory[address + SEMAPHORE.word] = permits << 2;
    this.engine.memory[address + SEMAPHORE.bound] = bound;
    return address;
  }

  event(): number {
    return this.#object("event", TAG.event, EVENT_WORDS, EVENT, ["list"]);
  }

  condition(lock: number): number {
    const address = this.#object("condition", TAG.condition, CONDITION_WORDS, CONDITION, ["list"]);
    this.engine.memory[address + CONDITION.lock] = lock;
    return address;
  }

  barrier(parties: number, action = false): number {
    const address = this.#object("barrier", TAG.barrier, BARRIER_WORDS, BARRIER, ["list"]);
    this.engine.memory[address + BARRIER.parties] = parties;
    this.engine.memory[address + BARRIER.timeout] = -1;
    this.engine.memory[address + BARRIER.action] = action ? 1 : 0;
    return address;
  }

  /** `mask`: capacity of the first ring less one, to make it grow early. */
  queue(maxsize: number, mask?: number, tag: number = TAG.queue): number {
    const lists = ["getters", "putters", "joiners"];
    const address = this.#object("queue", tag, QUEUE_WORDS, QUEUE, lists);
    const ring = this.core.queue.createRing(this.memory);
    if (mask !== undefined) this.engine.memory[ring] = mask;
    for (let i = 0; i < 8; i++) this.#names.set(ring + i, i === 0 ? "ring.mask" : `ring[${i - 1}]`);
    this.engine.memory[address + QUEUE.ring] = ring;
    this.engine.memory[address + QUEUE.maxsize] = maxsize;
    return address;
  }

  priorityQueue(maxsize: number): number {
    const { operation, heads } = PRIORITY;
    const fields = { ...QUEUE, operation, "heads[0]": heads, "heads[1]": heads + 1 };
    const lists = ["getters", "putters", "joiners"];
    const address = this.#object("queue", TAG.priorityQueue, PRIORITY_WORDS, fields, lists);
    this.engine.memory[address + QUEUE.maxsize] = maxsize;
    return address;
  }

  /** A node of a priority queue, standing in so many of its levels. */
  node(item: number, priority: number, levels: number): number {
    const { createNode } = this.core.priority;
    for (;;) {
      const node = createNode(this.memory, item, encodeKey(priority));
      this.#names.set(node + 3, `node ${item}.next`);
      if (this.engine.memory[node + 1] === levels) return node;
    }
  }

  rwlock(): number {
    return this.#object("rwlock", TAG.rwlock, RWLOCK_WORDS, RWLOCK, ["list"]);
  }

  map(limit = 0): number {
    const address = this.#object("map", TAG.map, MAP_WORDS, { limit: MAP.limit }, []);
    this.engine.memory[address + MAP.limit] = limit;
    for (let i = 0; i < STRIPES; i++) this.#guards.push(address + MAP.first + i * MAP_STRIPE_WORDS + MAP_STRIPE.guard);
    return address;
  }

  /** Names the words of the map that are there now. */
  nameMap(map: number): void {
    for (let i = 0; i < STRIPES; i++) {
      const stripe = map + MAP.first + i * MAP_STRIPE_WORDS;
      for (const [field, offset] of Object.entries(MAP_STRIPE))
        this.#names.set(stripe + offset, `stripe ${i}.${field}`);
    }
  }

  /** A value that lies in a block of its own, referred to once. */
  box(name: string): number {
    const box = this.#object(name, TAG.box, BOX_WORDS, { references: OBJECT.references, ...BOX }, []);
    this.engine.memory[box + BOX.message] = this.core.heap.allocZeroed(this.memory, 2);
    return box;
  }

  /** A bare wait list and the word of its object's type. */
  list(): number {
    return this.#object("bare", TAG.event, EVENT_WORDS, EVENT, ["list"]) + EVENT.list;
  }

  /** A word of the scenario itself: for its checks ({@link note}), or as the data that a lock protects. */
  word(name: string): number {
    const address = this.#notes++;
    this.#names.set(address, name);
    return address;
  }

  // ── Threads ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #make(name: string, steps: readonly Step[]): ModelThread {
    const { memory, core, engine } = this;
    const tid = core.table.claimThread(memory, memory.actor);
    const record = engine.memory[PROGRAM.threadTable + (tid & 4095)]!;
    engine.memory[record + RECORD.state] = THREAD_STATE.running;
    const [actor, actorRecord] = [memory.actor, memory.actorRecord];
    memory.actor = tid;
    memory.actorRecord = record;
    memory.separate();
    const parker = new core.parker.Parker(memory);
    // A list of the dead needs a block: cutting a page up for it is not what scenarios are about.
    const blocks = [64, ...this.blocks].map((words) => core.heap.alloc(memory, words));
    for (const block of blocks) core.heap.free(memory, block);
    memory.actor = actor;
    memory.actorRecord = actorRecord;
    const thread = new ModelThread(engine.threads.length, name, tid, record, steps, memory.end);
    engine.threads.push(thread);
    this.#parkers.set(thread, parker);
    this.#nameThread(thread);
    return thread;
  }

  #nameThread(thread: ModelThread): void {
    const { memory } = this.engine;
    for (const [field, offset] of Object.entries(RECORD))
      this.#names.set(thread.record + offset, `${thread.name}.${field}`);
    const slot = memory[thread.record + RECORD.syncSlot]!;
    for (const [field, offset] of Object.entries(SLOT)) this.#names.set(slot + offset, `${thread.name}.slot.${field}`);
  }

  thread(name: string, ...steps: Step[]): ModelThread {
    return this.#make(name, steps);
  }

  /** A thread that may be killed at any point; another buries it then. */
  victim(name: string, ...steps: Step[]): ModelThread {
    const thread = this.#make(name, steps);
    thread.victim = true;
    this.engine.kills = Math.max(1, this.engine.kills);
    return thread;
  }

  /** The thread that buries the dead, or the `n`th of them: call it after all others were made. */
  reaper(n = 0, ...then: Step[]): ModelThread {
    const bury = (): void => this.core.reaper.bury(this.memory, this.engine.dead[n]!, true);
    const reaper = this.#make(n === 0 ? "reaper" : `reaper ${n + 1}`, [bury, ...then]);
    reaper.buries = n;
    return reaper;
  }

  /** Call it last: everything is set up. `check` looks at the memory when all threads have ended. */
  ready(check?: () => string | undefined): void {
    const { engine } = this;
    engine.guards = this.#guards;
    engine.names = (address) => this.#names.get(address) ?? `word ${address}`;
    engine.check = () => this.#closed() ?? check?.();
  }

  /** A guard that nobody holds is free, or its owner is dead. */
  #closed(): string | undefined {
    for (const guard of this.#guards) {
      const owner = this.engine.memory[guard]! >>> 1;
      if (owner !== 0 && !this.engine.dead.includes(owner)) return `${this.engine.names(guard)} is closed at the end`;
    }
    return undefined;
  }

  /** Was somebody killed? For checks. */
  get killed(): boolean {
    return this.engine.dead.length > 0;
  }

  // ── What steps do ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Waits as `xSync` does: the thread's own parker, blocking. */
  wait(kind: WaitKind, object: number, deadline: number = NEVER): number {
    const parker = this.#parkers.get(this.engine.current!)!;
    return this.engine.summarize(() => parker.waitSync(kind, object, deadline), cellOf(kind));
  }

  /** Waits as `await x()` does, with an event loop that does nothing else. Once in a step. */
  waitOnLoop(kind: WaitKind, object: number, deadline: number = NEVER): number {
    return this.engine.summarize(() => this.#waitOnLoop(kind, object, deadline), cellOf(kind));
  }

  #waitOnLoop(kind: WaitKind, object: number, deadline: number): number {
    const { memory, engine } = this;
    const me = engine.current!;
    const parker = new this.core.parker.Parker(memory);
    let result: number | undefined;
    void parker.wait(kind, object, null, deadline).then((value) => {
      result = value;
      return undefined;
    });
    while (result === undefined) {
      const timer = me.timers.find((t) => !t.ran);
      const woken = engine.wait(me.record + RECORD.doorbell, 0, timer !== undefined);
      if (woken === 2) {
        timer!.ran = true;
        timer!.run();
      } else {
        memory.bell?.();
      }
    }
    return result;
  }

  /** As {@link wait} or {@link waitOnLoop} in a thread that may be cancelled: then {@link CANCELLED}. */
  waitOrCancelled(kind: WaitKind, object: number, deadline: number = NEVER, onLoop = false): number {
    return this.engine.summarize(() => {
      try {
        if (onLoop) return this.#waitOnLoop(kind, object, deadline);
        // It remembers that it was cancelled: a new one each time, or one schedule would show in the next.
        return new this.core.parker.Parker(this.memory).waitSync(kind, object, deadline);
      } catch (error) {
        if ((error as { code?: unknown }).code === "ERR_HEDDLE_CANCELLED") return CANCELLED;
        throw error;
      }
    }, cellOf(kind));
  }

  /** Asks a thread to end, as `Thread.cancel` does. */
  cancel(thread: ModelThread): void {
    this.engine.store(thread.record + RECORD.cancel, 1);
    this.interrupt(thread);
  }

  /** Makes a thread look up from its wait, as a request to terminate one of its children does. */
  interrupt(thread: ModelThread): void {
    this.core.list.interrupt(this.memory, thread.record);
    this.core.list.ring(this.memory, thread.record);
  }

  /** A counter of the checks: never a point where threads are switched. */
  note(word: number, delta = 1): number {
    return this.engine.note(word, delta);
  }

  /** Between two operations of a critical section: others may run here. */
  pause(word: number): void {
    this.engine.load(word);
  }

  fail(message: string): never {
    throw new Violation(message);
  }

  expect(condition: boolean, message: string): void {
    if (!condition) throw new Violation(message);
  }

  /** The value of a word, for checks at the end. */
  value(word: number): number {
    return this.engine.memory[word]!;
  }

  // ── The kinds of waits, as the classes of threading and queue have them ──────────────────────────────────────────────

  readonly lockWait: WaitKind = {
    name: "lock",
    enter: (memory, lock, slot, blocking) => {
      const result = this.core.lock.lockOrEnqueue(memory, lock, slot, blocking);
      if (result === this.core.lock.LOCK_RESULT.queued) return QUEUED;
      return result === this.core.lock.LOCK_RESULT.acquired ? GRANT.done : GRANT.ownerDied;
    },
    again: (memory, slot) => this.core.list.askForHandOff(memory, slot),
    spins: true,
  };

  readonly semaphoreWait: WaitKind = {
    name: "semaphore",
    enter: (memory, semaphore, slot, blocking) =>
      this.core.semaphore.acquirePermitOrEnqueue(memory, semaphore, slot, blocking) ? GRANT.done : QUEUED,
    again: (memory, slot) => this.core.list.askForHandOff(memory, slot),
    spins: true,
  };

  readonly eventWait: WaitKind = {
    name: "event",
    enter: (memory, event, slot) => (this.core.event.isSetOrEnqueue(memory, event, slot) ? GRANT.done : QUEUED),
  };

  readonly barrierWait: WaitKind = {
    name: "barrier",
    enter: (memory, barrier, slot) => {
      const arrival = this.core.barrier.arrive(memory, barrier, slot);
      return arrival === this.core.barrier.ARRIVAL.queued ? QUEUED : arrival;
    },
    cancel: (memory, barrier, slot, expired) =>
      expired ? this.core.barrier.timeOut(memory, barrier, slot) : this.core.list.cancelWait(memory, slot),
  };

  rwWait(kind: number): WaitKind {
    const { acquireRw, cancelRw, RW_RESULT } = this.core.rwlock;
    return {
      name: "rwlock",
      enter: (memory, rwlock, slot) => {
        const result = acquireRw(memory, rwlock, kind, slot);
        if (result === RW_RESULT.queued) return QUEUED;
        return result === RW_RESULT.acquired ? GRANT.done : GRANT.ownerDied;
      },
      cancel: cancelRw,
    };
  }

  conditionWait(lock: number): WaitKind {
    return {
      name: "condition",
      enter: (memory, condition, slot) => {
        this.core.condition.enqueueForNotify(memory, condition, slot);
        this.core.lock.unlock(memory, lock);
        return QUEUED;
      },
    };
  }

  readonly queueJoin: WaitKind = {
    name: "queue.join",
    enter: (memory, queue, slot) => (this.core.queue.joinOrEnqueue(memory, queue, slot) ? GRANT.done : QUEUED),
  };

  putWait(cell: number): WaitKind {
    const { PUT, putCell, cancelPut } = this.core.queue;
    return {
      name: "queue.put",
      spins: true,
      enter: (memory, queue, slot) => {
        const result = putCell(memory, queue, cell, slot);
        if (result === PUT.queued) return QUEUED;
        return result === PUT.done ? GRANT.done : GRANT.broken;
      },
      cancel: cancelPut,
    };
  }

  getWait(): WaitKind & { cell: number } {
    const { GET, getCell, got, cancelGet } = this.core.queue;
    const { engine } = this;
    return {
      name: "queue.get",
      spins: true,
      cell: 0,
      enter(memory, queue, slot) {
        const result = getCell(memory, queue, slot);
        if (result === GET.queued) return QUEUED;
        this.cell = got.cell;
        return result === GET.done ? GRANT.done : GRANT.broken;
      },
      cancel: cancelGet,
      again: (memory, slot) => this.core.list.askForHandOff(memory, slot),
      take(_, slot) {
        this.cell = engine.load(slot + SLOT.payload);
      },
    };
  }
}

/** What a wait leaves in its kind: the cell of a get. */
function cellOf(kind: WaitKind): () => readonly number[] {
  return () => ("cell" in kind ? [kind.cell as number] : []);
}
