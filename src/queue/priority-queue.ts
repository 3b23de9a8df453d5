/**
 * PriorityQueue: the smallest item first.
 *
 * @module
 */

import { load, store } from "#atomics";
import { describe, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, DOMAIN, isAttaching, register } from "../core/handles.ts";
import { PRIORITY, PRIORITY_WORDS, TAG } from "../core/layout.ts";
import { encodeKey } from "../core/priority-key.ts";
import { createNode, itemOf, unwrapNode } from "../core/raw/priority.ts";
import { PUT, putCell, settleQueue } from "../core/raw/queue.ts";
import { retain } from "../core/references.ts";
import { NotSendableError, OwnerDiedError, RuntimeError } from "../errors.ts";
import { holdsLock, type Lock } from "../threading/lock.ts";
import { Queue, type QueueForm } from "./queue.ts";
import type { Opener } from "./waits.ts";

/** How a {@link PriorityQueue} orders its items: by one of the two, or neither. */
export interface PriorityOptions<T> {
  /** Gives an item's priority: a number, a string, or an array of such, which is compared as a Python tuple. */
  key?: ((item: T) => unknown) | undefined;
  /** Negative: `a` comes first; positive: `b` does; 0: whichever was put first. */
  compare?: ((a: T, b: T) => number) | undefined;
}

/**
 * A queue that gives the smallest item first, with all that a {@link Queue} has.
 *
 * Use it for work of different urgency. The items themselves are compared if they are numbers, strings, or arrays of
 * them; give a `key` for anything else, or a `compare` function for an order that no key expresses.
 *
 * ```ts
 * import { PriorityQueue } from "heddle/queue";
 *
 * const jobs = new PriorityQueue<{ name: string; due: number }>(0, { key: (job) => job.due });
 * jobs.putNowait({ name: "later", due: 20 });
 * jobs.putNowait({ name: "soon", due: 10 });
 * jobs.getNowait(); // { name: "soon", due: 10 }
 * ```
 *
 * **Order.** Numbers by value (booleans are 0 and 1, bigints stand among the numbers), strings by code points, arrays as
 * tuples: the first difference decides, and an array that is a beginning of the other comes first. What is equal comes
 * out in the order of its puts.
 *
 * **Errors.** An item that cannot be compared with those it meets on the way to its place (a string among numbers, NaN,
 * an object) throws `TypeError` and leaves the queue as it was. As in Python, two items that never meet are not
 * compared, and `[1, object]` is fine among `[2, object]`.
 *
 * **Functions.** `key` runs once for each item, in the thread that puts it. `compare` runs there too, about 2 log₂ n times,
 * on copies of the items, one thread at a time; getters never wait for it. It must not put into the same queue. Both are
 * shipped to the threads that use the queue as any function is. A key is much the faster.
 *
 * **Fairness.** As in a `Queue`; but with `compare`, a put that waited for room is told to try again, and may lose the
 * place once to a thread that runs already. What a thread that died had just been given comes out next.
 *
 * **Differs from Python.** A failed comparison does not leave the item behind. Equal items keep their order.
 *
 * Source: a skip list, see core/raw/priority.ts; Python's heapq has the same order up to equal items.
 */
export class PriorityQueue<T = unknown> extends Queue<T> {
  /** @internal */
  protected static override readonly form: QueueForm = {
    name: "PriorityQueue",
    tag: TAG.priorityQueue,
    words: PRIORITY_WORDS,
    init: () => undefined,
  };
  /** What the queue was made with, or got from the thread that made it. */
  #options: PriorityOptions<T> | undefined;
  #turn: Lock | undefined;

  /** @param maxsize how many items fit; 0 or less: as many as memory holds */
  constructor(maxsize = 0, options?: PriorityOptions<T>) {
    const attaching = isAttaching();
    const checked = attaching ? undefined : check(options);
    super(maxsize);
    if (checked === undefined) return;
    this.#options = checked;
    const address = this[ADDRESS];
    const { memory, packer, handles } = this[DOMAIN];
    if (checked.compare !== undefined) {
      this.#turn = handles.make(TAG.lock) as Lock;
      retain(memory, this.#turn[ADDRESS]);
      store(memory.words, address + PRIORITY.turn, this.#turn[ADDRESS]);
    }
    if (checked.key !== undefined || checked.compare !== undefined) {
      store(memory.words, address + PRIORITY.function, packer.pack(checked, "options"));
    }
  }

  override async put(item: T, options?: WaitOptions): Promise<void> {
    const { memory, packer } = this[DOMAIN];
    const message = load(memory.words, this[ADDRESS] + PRIORITY.function);
    if (this.#options === undefined && message !== 0) await packer.prepare(message, true);
    await super.put(item, options);
  }

  /** @internal */
  protected override toCell(item: T): number {
    const { key, compare } = this.#ordering();
    const words = compare !== undefined ? [] : encodeKey(key === undefined ? item : key(item));
    const { memory, cells } = this[DOMAIN];
    const cell = cells.toCell(item, "item");
    if (compare !== undefined && !cells.canCopy(cell)) {
      cells.discardCell(cell);
      throw new NotSendableError(
        "item holds something that can be taken out of the queue only once (a port, a blob), so `compare` could not " +
          "look at it: give the queue a key function instead.",
      );
    }
    return createNode(memory, cell, words);
  }

  /** @internal */
  protected override get opener(): Opener {
    return OPENER;
  }

  /** @internal */
  protected override insert(node: number, slot: number, again: boolean): number {
    const { compare } = this.#ordering();
    if (compare === undefined) return putCell(this[DOMAIN].memory, this[ADDRESS], node, slot);
    const turn = this.#takeTurn();
    try {
      return this.#insertComparing(node, slot, again, compare);
    } catch (error) {
      // It may have been invited because there is room: that is for the next now.
      settleQueue(this[DOMAIN].memory, this[ADDRESS]);
      throw error;
    } finally {
      turn.release();
    }
  }

  /**
   * Looks for the place of a node by the user's function, which must not run under the queue's guard. So each search
   * goes as far as the answers known so far lead, copies the item it has to ask about, and is started anew with the
   * answer. No other node comes in meanwhile, since only who holds the turn enters any; nodes that are got in between
   * just are not met again.
   */
  #insertComparing(node: number, slot: number, again: boolean, compare: (a: T, b: T) => number): number {
    const { memory, cells } = this[DOMAIN];
    const item = cells.copyCell(itemOf(memory, node))() as T;
    const answers: Map<number, number> = new Map();
    let asked = 0;
    let other: () => unknown = () => undefined;
    for (;;) {
      const result = putCell(
        memory,
        this[ADDRESS],
        node,
        slot,
        (met) => {
          const answer = answers.get(met);
          if (answer === undefined) {
            asked = met;
            other = cells.copyCell(itemOf(memory, met));
          }
          return answer;
        },
        again,
      );
      if (result !== PUT.asked) return result;
      const answer: unknown = compare(item, other() as T);
      if (typeof answer !== "number" || Number.isNaN(answer)) {
        throw new TypeError(
          `compare must return a number, negative if its first argument comes first, not ${String(answer)}`,
        );
      }
      answers.set(asked, answer);
    }
  }

  /** One thread at a time puts; held only while no promise is awaited, so waiting for it cannot block its holder. */
  #takeTurn(): Lock {
    if (this.#turn === undefined) {
      const { memory, handles } = this[DOMAIN];
      const address = load(memory.words, this[ADDRESS] + PRIORITY.turn);
      retain(memory, address);
      this.#turn = handles.attach(address) as Lock;
    }
    const turn = this.#turn;
    if (holdsLock(turn)) {
      throw new RuntimeError(
        "compare must not put into the queue whose items it compares: that put would wait for it.",
      );
    }
    for (;;) {
      try {
        if ((this[DOMAIN].memory.canBlock ? turn.acquireSync() : turn.tryAcquire()) !== undefined) return turn;
      } catch (error) {
        // Whoever died in its turn left the queue in order: only the mark has to go.
        if (!(error instanceof OwnerDiedError)) throw error;
        if (recovered(turn)) return turn;
      }
    }
  }

  #ordering(): PriorityOptions<T> {
    if (this.#options === undefined) {
      const { memory, packer } = this[DOMAIN];
      const message = load(memory.words, this[ADDRESS] + PRIORITY.function);
      this.#options = message === 0 ? {} : (packer.peek(message) as PriorityOptions<T>);
    }
    return this.#options;
  }
}

register(TAG.priorityQueue, () => new PriorityQueue(), import.meta.url);

const OPENER: Opener = {
  prepare: ({ memory, cells }, node) => cells.prepareCell(itemOf(memory, node)),
  open: ({ memory, cells }, node) => cells.fromCell(unwrapNode(memory, node)),
  discard: ({ memory, cells }, node) => cells.discardCell(unwrapNode(memory, node)),
};

/** Takes a lock whose owner died; false: another thread was faster. */
function recovered(turn: Lock): boolean {
  try {
    turn.recover();
    return true;
  } catch (error) {
    if (error instanceof RuntimeError) return false;
    throw error;
  }
}

function check<T>(options: PriorityOptions<T> | undefined): PriorityOptions<T> {
  if (options === undefined) return {};
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`A PriorityQueue's options must be an object such as { key }, not ${describe(options)}`);
  }
  const { key, compare } = options;
  for (const [name, fn] of Object.entries({ key, compare })) {
    if (fn !== undefined && typeof fn !== "function")
      throw new TypeError(`${name} must be a function, not ${describe(fn)}`);
  }
  if (key !== undefined && compare !== undefined) {
    throw new TypeError("A PriorityQueue is ordered by a key or by a compare function, not by both.");
  }
  return { ...(key && { key }), ...(compare && { compare }) };
}
