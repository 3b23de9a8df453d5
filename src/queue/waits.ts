/**
 * How threads wait to get an item, and to put one: the same for every kind of queue.
 *
 * @module
 */

import { load } from "#atomics";
import { deadlineIn, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, type Domain, DOMAIN, type SharedObject } from "../core/handles.ts";
import { GRANT, SLOT } from "../core/layout.ts";
import type { Memory } from "../core/memory.ts";
import { EXPIRED, QUEUED, type WaitKind } from "../core/parker.ts";
import { cancelGet, cancelPut, GET, getCell, got, PUT } from "../core/raw/queue.ts";
import { askForHandOff } from "../core/raw/wait-list.ts";
import { Empty, ShutDown } from "../errors.ts";

/** How a cell that was got becomes an item. */
export interface Opener {
  /** What must be loaded first; `undefined`: nothing. */
  prepare(domain: Domain, cell: number): Promise<unknown> | undefined;
  /** The item; the cell is used up. */
  open(domain: Domain, cell: number): unknown;
  discard(domain: Domain, cell: number): void;
}

/** For cells that are the items. */
export const PLAIN: Opener = {
  prepare: ({ cells }, cell) => cells.prepareCell(cell),
  open: ({ cells }, cell) => cells.fromCell(cell),
  discard: ({ cells }, cell) => cells.discardCell(cell),
};

/** One wait to get, and the cell it got. */
export class GetWait implements WaitKind {
  readonly name: string = "queue.get";
  readonly spins: boolean = true;
  readonly again: (memory: Memory, slot: number) => void = askForHandOff;
  cell = 0;

  enter(memory: Memory, queue: number, slot: number): number {
    const result = getCell(memory, queue, slot);
    if (result === GET.queued) return QUEUED;
    this.cell = got.cell;
    return result === GET.done ? GRANT.done : GRANT.broken;
  }

  cancel(memory: Memory, queue: number, slot: number): boolean {
    return cancelGet(memory, queue, slot);
  }

  take(memory: Memory, slot: number): void {
    this.cell = load(memory.words, slot + SLOT.payload);
  }
}

/** One wait to put. */
export class PutWait implements WaitKind {
  readonly name: string = "queue.put";
  readonly spins: boolean = true;
  /** What was thrown while the item looked for its place. */
  failure: { readonly error: unknown } | undefined;
  /** The caller wanted to give up, but had just been told to try again: it does so once, and does not wait again. */
  gaveUp = false;
  readonly #insert: (slot: number, again: boolean) => number;
  #waited = false;

  constructor(insert: (slot: number, again: boolean) => number) {
    this.#insert = insert;
  }

  static resultOf(put: number): number {
    if (put === PUT.done) return GRANT.done;
    if (put === PUT.refused) return GRANT.refused;
    return put === PUT.full ? EXPIRED : GRANT.broken;
  }

  enter(_memory: Memory, _queue: number, slot: number): number {
    try {
      const result = this.#insert(this.gaveUp ? 0 : slot, this.#waited);
      this.#waited = true;
      return result === PUT.queued ? QUEUED : PutWait.resultOf(result);
    } catch (error) {
      // It may be thrown by the user's code, and the event loop that tries again has no caller to throw it to.
      this.failure = { error };
      return GRANT.refused;
    }
  }

  cancel(memory: Memory, queue: number, slot: number): boolean {
    const out = cancelPut(memory, queue, slot);
    if (!out) this.gaveUp = true;
    return out;
  }
}

export async function takeItem(
  queue: SharedObject,
  { prepare, open, discard }: Opener,
  options?: WaitOptions,
): Promise<unknown> {
  const deadline = deadlineIn(options);
  options?.signal?.throwIfAborted();
  const domain = queue[DOMAIN];
  const wait = new GetWait();
  checkGet(await domain.parker.wait(wait, queue[ADDRESS], queue, deadline, options?.signal));
  const loading = prepare(domain, wait.cell);
  if (loading !== undefined) {
    try {
      await loading;
    } catch (error) {
      discard(domain, wait.cell);
      throw error;
    }
  }
  return open(domain, wait.cell);
}

export function takeItemSync(queue: SharedObject, { open }: Opener, options?: WaitOptions): unknown {
  const deadline = deadlineIn(options);
  options?.signal?.throwIfAborted();
  const domain = queue[DOMAIN];
  if (getCell(domain.memory, queue[ADDRESS], 0) === GET.done) return open(domain, got.cell);
  const wait = new GetWait();
  checkGet(domain.parker.waitSync(wait, queue[ADDRESS], deadline, options?.signal));
  return open(domain, wait.cell);
}

export function takeItemNowait(queue: SharedObject, { open }: Opener): unknown {
  const domain = queue[DOMAIN];
  const result = getCell(domain.memory, queue[ADDRESS], 0);
  if (result !== GET.done) checkGet(result === GET.shut ? GRANT.broken : EXPIRED);
  return open(domain, got.cell);
}

function checkGet(result: number): void {
  if (result === EXPIRED) throw new Empty("The queue is empty.");
  if (result === GRANT.broken) throw new ShutDown("The queue was shut down, and nothing is left in it.");
}
