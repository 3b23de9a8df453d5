/**
 * PoolService: does for other threads what their tasks ask of a pool, in the thread that made it.
 *
 * It also sees to it that a pool never waits for itself: when every worker waits for calls of this very pool, none is left
 * to run them, so one of the calls fails with `DeadlockError`.
 *
 * @module
 */

import { discardCell, toCell } from "../core/cells.ts";
import { packThrown } from "../core/messages.ts";
import { memory } from "../core/program.ts";
import { isAlive } from "../core/raw/threads.ts";
import { DeadlockError, RuntimeError } from "../errors.ts";
import type { Job } from "./call.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { heard, type Reply, type Request, say, type Submission } from "./pool-messages.ts";
import { Ring } from "./ring.ts";

/** A call of another thread that is not done. */
interface Nested {
  readonly id: number;
  readonly from: number;
  readonly replies: Ring;
  /** Its number in the dispatcher. */
  number: number;
}

export class PoolService {
  readonly requests: Ring = new Ring();
  readonly #dispatcher: Dispatcher;
  /** Why the pool takes no more, if so. */
  readonly #refusal: () => Error | undefined;
  /** By thread, by the thread's number for it. */
  readonly #nested: Map<number, Map<number, Nested>> = new Map();
  /** Threads that wait for calls of this pool and do nothing else, and for which. */
  readonly #waiting: Map<number, readonly number[]> = new Map();

  constructor(dispatcher: Dispatcher, refusal: () => Error | undefined) {
    this.#dispatcher = dispatcher;
    this.#refusal = refusal;
  }

  /** Does what was asked. */
  serve(): void {
    for (let cell = this.requests.poll(); cell !== 0; cell = this.requests.poll()) this.#do(heard(cell) as Request);
  }

  #do(request: Request): void {
    switch (request.kind) {
      case "submit":
        this.#submit(request);
        break;
      case "stop": {
        const nested = this.#nested.get(request.from)?.get(request.id);
        if (nested === undefined) break;
        if (this.#dispatcher.cancel(nested.number)) this.#reply(nested, "cancelled");
        else this.#dispatcher.stop(nested.number, request.reason, request.grace);
        break;
      }
      case "recall": {
        const nested = this.#nested.get(request.from)?.get(request.id);
        if (nested !== undefined && this.#dispatcher.cancel(nested.number)) this.#reply(nested, "cancelled");
        break;
      }
      case "waits":
        this.#waiting.set(request.from, request.ids);
        this.#lookForKnot();
        break;
    }
  }

  #submit({ id, from, replies, fn, flags, args, context, priority }: Submission): void {
    const nested: Nested = { id, from, replies, number: 0 };
    const job: Job = {
      succeed: () => undefined,
      // As it came: this thread need not know what is in it.
      pass: ({ failed, cell, elapsed }) => this.#reply(nested, failed ? "failed" : "done", cell, elapsed),
      fail: (error) => this.#reply(nested, "failed", packThrown(error)),
      cancelled: () => this.#reply(nested, "cancelled"),
      progress: (fraction, info) => this.#reply(nested, "progress", toCell([fraction, info], "progress")),
    };
    try {
      const refusal = this.#refusal();
      if (refusal !== undefined) throw refusal;
      nested.number = this.#dispatcher.send({ fn, flags, args, context }, job, priority);
    } catch (error) {
      discardCell(args);
      discardCell(context);
      this.#reply(nested, "failed", packThrown(error));
      return;
    }
    const calls = this.#nested.get(from);
    if (calls === undefined) this.#nested.set(from, new Map([[id, nested]]));
    else calls.set(id, nested);
  }

  #reply({ id, from, replies }: Nested, state: Reply["state"], value = 0, elapsed = 0): void {
    if (state !== "progress") {
      const calls = this.#nested.get(from);
      calls?.delete(id);
      if (calls?.size === 0) this.#nested.delete(from);
      if (this.#waiting.get(from)?.includes(id) === true) this.#waiting.delete(from);
    }
    // Of a thread that has ended, nobody would ever take it.
    if (isAlive(memory, from)) say(replies, { id, state, value, elapsed }, from);
    else discardCell(value);
  }

  /** Does every worker wait, so that what they wait for can never run? Then one of them is told. */
  #lookForKnot(): void {
    const workers = this.#dispatcher.workers;
    if (workers.length < this.#dispatcher.maxWorkers || !workers.every((worker) => this.#waiting.has(worker))) return;
    for (const worker of workers) {
      // The newest first: what an earlier task left behind is older than what this one waits for.
      for (const id of this.#waiting.get(worker)!.toReversed()) {
        const nested = this.#nested.get(worker)?.get(id);
        if (nested === undefined || !this.#dispatcher.cancel(nested.number)) continue;
        const n = workers.length;
        const error = new DeadlockError(
          `${n === 1 ? "The only worker of the pool waits" : `All ${n} workers of the pool wait`} for calls of the same ` +
            "pool, which then nobody can run. Await such calls where the pool was made, give the task a pool of its own, or " +
            "make the pool larger than the number of tasks that wait.",
        );
        this.#reply(nested, "failed", packThrown(error));
        return;
      }
    }
  }

  /** What a call gets that comes when the pool has gone. */
  static gone(): RuntimeError {
    return new RuntimeError("The thread that made this pool has ended, and the pool with it");
  }
}
