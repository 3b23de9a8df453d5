/**
 * The rings of an executor: tasks on their way to the workers, and back with their results.
 *
 * ```
 *   submit ─► block ─► urgent ┐
 *                      tasks  ├─► worker ─► results ─► future
 *                      later  ┘
 * ```
 * A ring is a queue whose cells are addresses of task blocks (core/layout.ts, TASK): one word in, one word out, no
 * message posted. A block travels the whole round and is freed where it was allocated. Tasks with a priority of their own
 * go through two more rings, in the order of their priorities: above 0 before all others, below 0 after them.
 *
 * @module
 */

import { load, store } from "#atomics";
import { ADDRESS, DOMAIN, register, SharedObject } from "../core/handles.ts";
import { GRANT, PRIORITY_WORDS, QUEUE, QUEUE_WORDS, SLOT, TAG } from "../core/layout.ts";
import type { Memory } from "../core/memory.ts";
import { QUEUED, type WaitKind } from "../core/parker.ts";
import { encodeKey } from "../core/priority-key.ts";
import { createNode, itemOf, unwrapNode } from "../core/raw/priority.ts";
import { lookFor, lookOut, putWatched, relieve, serveOthers } from "../core/raw/lookout.ts";
import { cancelGet, cellsIn, createRing, GET, getCell, getCells, got, handCell, putCell } from "../core/raw/queue.ts";

/** Cells that are no tasks; tasks are addresses, which are even. An odd cell above these is a task with news. */
export const STOP = 1;
/**
 * How much longer one looks for a cell than for other things: about 40 µs, as long as it takes to wake a thread on an idle
 * processor. Shorter, and a thread that was woken once is late for ever after; longer, and one that was woken on the
 * looker's own processor waits for it.
 */
const LOOK = 8;

/** Look again, something changed. */
export const NUDGE = 3;
/** In the results ring: a worker took its leave. */
export const LEFT = 5;

/**
 * Was it empty at some moment during the call? First what was got: the other way round, what is put and got in between
 * would hide a third cell.
 */
function isEmpty(memory: Memory, ring: number): boolean {
  const gets = load(memory.words, ring + QUEUE.gets);
  return load(memory.words, ring + QUEUE.puts) === gets;
}

export class Ring extends SharedObject {
  readonly #memory: Memory = this[DOMAIN].memory;

  constructor() {
    super(TAG.ring, QUEUE_WORDS, (address, { memory }) => {
      store(memory.words, address + QUEUE.ring, createRing(memory));
    });
  }

  put(cell: number): void {
    putCell(this.#memory, this[ADDRESS], cell, 0);
  }

  /** As {@link put}, without waking anybody while some getter looks out. */
  putWatched(cell: number): void {
    putWatched(this.#memory, this[ADDRESS], cell);
  }

  /** As {@link put}. A getter that waits and is given it is told after `before`, which is called with its identity. */
  hand(cell: number, before: (tid: number) => void): void {
    handCell(this.#memory, this[ADDRESS], cell, before);
  }

  /** The next cell, or 0. */
  poll(): number {
    return getCell(this.#memory, this[ADDRESS], 0) === GET.done ? got.cell : 0;
  }

  /** Looks for a cell for as long as some wake-ups take. Of a ring whose puts are not watched, or that has one getter. */
  look(): boolean {
    return lookFor(this.#memory, this[ADDRESS], LOOK * this.#memory.patience);
  }

  /** As {@link look}, for one of many getters. False: another does already; else call {@link serveOthers} afterwards. */
  lookOut(): boolean {
    return lookOut(this.#memory, this[ADDRESS], LOOK * this.#memory.patience);
  }

  serveOthers(): void {
    serveOthers(this.#memory, this[ADDRESS]);
  }

  /** A getter that may have looked out has died. */
  relieve(dead: number): void {
    relieve(this.#memory, this[ADDRESS], dead);
  }

  /** All cells there are. */
  pollAll(): number[] {
    return this.isEmpty ? [] : getCells(this.#memory, this[ADDRESS]);
  }

  get isEmpty(): boolean {
    return isEmpty(this.#memory, this[ADDRESS]);
  }

  /** The cells in it now. */
  cells(): number[] {
    return cellsIn(this.#memory, this[ADDRESS]);
  }
}

register(TAG.ring, () => new Ring());

/** A ring whose cells come out in the order of their priorities, the highest first; equal ones as they were put. */
export class PriorityRing extends SharedObject {
  readonly #memory: Memory = this[DOMAIN].memory;

  constructor() {
    super(TAG.priorityRing, PRIORITY_WORDS);
  }

  put(cell: number, priority: number): void {
    putCell(this.#memory, this[ADDRESS], createNode(this.#memory, cell, encodeKey(-priority)), 0);
  }

  get isEmpty(): boolean {
    return isEmpty(this.#memory, this[ADDRESS]);
  }

  /** The next cell, or 0. */
  poll(): number {
    // Asked for every task, and mostly never used.
    if (this.isEmpty) return 0;
    return getCell(this.#memory, this[ADDRESS], 0) === GET.done ? unwrapNode(this.#memory, got.cell) : 0;
  }

  cells(): number[] {
    return cellsIn(this.#memory, this[ADDRESS]).map((node) => itemOf(this.#memory, node));
  }
}

register(TAG.priorityRing, () => new PriorityRing());

/** Makes the rings of one domain. */
export interface RingMaker {
  ring(): Ring;
  priorityRing(): PriorityRing;
}

/** The tasks that wait for a worker. */
export class TaskQueue {
  readonly urgent: PriorityRing;
  readonly tasks: Ring;
  readonly later: PriorityRing;

  constructor(rings: { readonly urgent: PriorityRing; readonly tasks: Ring; readonly later: PriorityRing }) {
    ({ urgent: this.urgent, tasks: this.tasks, later: this.later } = rings);
  }

  static create({ ring, priorityRing }: RingMaker): TaskQueue {
    return new TaskQueue({ urgent: priorityRing(), tasks: ring(), later: priorityRing() });
  }

  put(task: number, priority: number): void {
    if (priority === 0) {
      this.tasks.putWatched(task);
      return;
    }
    (priority > 0 ? this.urgent : this.later).put(task, priority);
    // Wakes a worker that waits at the ring of all.
    this.tasks.putWatched(NUDGE);
  }

  /** Looks out for a task, unless another worker does, and takes it if `mayTake` says so then. Gives what {@link poll} does. */
  lookOut(mayTake: () => boolean): number {
    if (!this.tasks.lookOut()) return 0;
    const cell = mayTake() ? this.poll() : 0;
    this.tasks.serveOthers();
    return cell;
  }

  /**
   * The next task, or {@link STOP}, or 0: then wait at {@link tasks}. `nudged`: that gave a {@link NUDGE}.
   *
   * Whoever takes a nudge may find another task than the one that it was sent for. A worker that had looked before that
   * was there, and waits since, would sleep on: so as long as there are more, the nudge is passed on.
   */
  poll(nudged = false): number {
    for (let wasNudged = nudged; ;) {
      const cell = this.urgent.poll() || this.tasks.poll() || this.later.poll();
      if (cell === NUDGE) {
        wasNudged = true;
      } else {
        if (wasNudged && cell !== 0) this.nudge();
        return cell;
      }
    }
  }

  /** Wakes a worker, if there are tasks that it might not know of. */
  nudge(): void {
    if (!this.urgent.isEmpty || !this.later.isEmpty) this.tasks.put(NUDGE);
  }

  /** The tasks in it now. */
  cells(): number[] {
    const inOrder = [...this.urgent.cells(), ...this.tasks.cells(), ...this.later.cells()];
    return inOrder.filter((cell) => cell !== NUDGE && cell !== STOP);
  }
}

/** One wait for a cell. */
export class RingWait implements WaitKind {
  readonly name: string;
  readonly shielded: boolean;
  cell = 0;

  constructor(name: string, shielded = false) {
    this.name = name;
    this.shielded = shielded;
  }

  enter(memory: Memory, ring: number, slot: number): number {
    // Who slept last is awake soonest: its processor and caches know it. The others may grow idle and go.
    const result = getCell(memory, ring, slot, true);
    if (result === GET.queued) return QUEUED;
    this.cell = got.cell;
    return result === GET.done ? GRANT.done : GRANT.broken;
  }

  cancel(memory: Memory, ring: number, slot: number): boolean {
    return cancelGet(memory, ring, slot);
  }

  take(memory: Memory, slot: number): void {
    this.cell = load(memory.words, slot + SLOT.payload);
  }
}
