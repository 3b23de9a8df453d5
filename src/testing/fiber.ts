/**
 * A fiber: what a thread of a scenario is. It has an identity in the shared memory like any thread, and slots to wait
 * with; its function runs again from the start for each of its operations, answered with the results it had before,
 * until it comes to the first that has none.
 *
 * Source of re-execution: P. Godefroid, "VeriSoft".
 *
 * @module
 */

import { load, store } from "#atomics";
import { GRANT, RECORD, SLOT, SLOT_STATE, THREAD_STATE } from "../core/layout.ts";
import { EXPIRED, QUEUED, type WaitKind } from "../core/parker.ts";
import { memory } from "../core/program.ts";
import { recordOf } from "../core/raw/threads.ts";
import { cancelWait } from "../core/raw/wait-list.ts";
import { bury } from "../core/reaper.ts";
import { Slots } from "../core/slots.ts";
import { claimThread } from "../core/thread-table.ts";
import { RuntimeError } from "../errors.ts";
import type { Operation } from "./operations.ts";

/** Thrown out of a thread's function when it came to an operation whose turn has not come. */
export const SUSPEND: unique symbol = Symbol("heddle: suspended by explore(), do not catch");

/** An entry of the table of threads, for one fiber after the other. */
export class Identity {
  readonly tid: number;
  readonly record: number;
  readonly #slots: Slots;

  constructor() {
    this.tid = claimThread(memory, memory.self);
    this.record = recordOf(memory, this.tid);
    store(memory.words, this.record + RECORD.state, THREAD_STATE.running);
    this.#slots = this.#with(() => new Slots(memory));
  }

  takeSlot(): number {
    return this.#with(() => this.#slots.take());
  }

  giveSlot(slot: number): void {
    // Grants of event-loop waits come through these; they are looked at in the slots themselves.
    store(memory.words, this.record + RECORD.ready, 0);
    store(memory.words, this.record + RECORD.doorbell, 0);
    this.#slots.give(slot);
  }

  end(): void {
    bury(memory, this.tid, false);
  }

  /** New slots go to the record of the fiber, everything else it allocates to that of the real thread. */
  #with<T>(make: () => T): T {
    const { self, record } = memory;
    memory.self = this.tid;
    memory.record = this.record;
    try {
      return make();
    } finally {
      memory.self = self;
      memory.record = record;
    }
  }
}

export interface Call {
  readonly target: object;
  readonly operation: Operation;
  readonly args: readonly unknown[];
  readonly at: string | undefined;
}

export interface Outcome {
  readonly failed: boolean;
  readonly value: unknown;
}

/** A wait in progress: what the parker has for a real thread. */
export class FiberWait {
  readonly kind: WaitKind;
  readonly object: number;
  readonly slot: number;
  readonly isTimed: boolean;
  readonly #blocking: boolean;
  readonly #resolve: (result: number) => void;

  constructor(
    kind: WaitKind,
    object: number,
    slot: number,
    isTimed: boolean,
    blocking: boolean,
    resolve: (n: number) => void,
  ) {
    this.kind = kind;
    this.object = object;
    this.slot = slot;
    this.isTimed = isTimed;
    this.#blocking = blocking;
    this.#resolve = resolve;
  }

  get isGranted(): boolean {
    return load(memory.words, this.slot + SLOT.state) === SLOT_STATE.granted;
  }

  /** Goes on with what was granted. False: it came too late, and waits again. */
  proceed(last: boolean): boolean {
    const value = load(memory.words, this.slot + SLOT.value);
    this.kind.take?.(memory, this.slot);
    store(memory.words, this.slot + SLOT.state, SLOT_STATE.free);
    if (value !== GRANT.retry) {
      this.#resolve(value);
      return true;
    }
    this.kind.again?.(memory, this.slot);
    const result = this.kind.enter(memory, this.object, this.slot, this.#blocking);
    // Who is told to try again must try, also if it will not wait any more: others rely on it.
    if (result === QUEUED) return last && this.giveUp(true);
    this.#resolve(result);
    return true;
  }

  /** Gives up. False: it was granted in the meantime. */
  giveUp(expired: boolean): boolean {
    const { kind, object, slot } = this;
    const out = kind.cancel === undefined ? cancelWait(memory, slot) : kind.cancel(memory, object, slot, expired);
    if (out) this.#resolve(EXPIRED);
    return out;
  }
}

interface Done extends Outcome {
  readonly call: Call;
}

export class Fiber {
  readonly index: number;
  readonly name: string;
  readonly identity: Identity;
  readonly #body: () => unknown;
  readonly #history: Done[] = [];
  #cursor = 0;
  /** Its function came to an operation whose turn has not come. */
  suspended = false;
  pending: Call | undefined;
  /** The operation in progress. */
  active: Call | undefined;
  outcome: Outcome | undefined;
  wait: FiberWait | undefined;
  /** The run is over: no operation waits any more. */
  abandoned = false;
  end: Outcome | undefined;

  constructor(index: number, name: string, identity: Identity, body: () => unknown) {
    this.index = index;
    this.name = name;
    this.identity = identity;
    this.#body = body;
  }

  /** An operation that the fiber's function calls. */
  call(target: object, operation: Operation, args: readonly unknown[], at: () => string | undefined): unknown {
    if (!this.suspended && this.#cursor < this.#history.length) {
      const done = this.#history[this.#cursor++]!;
      if (done.call.target !== target || done.call.operation !== operation) {
        throw new RuntimeError(
          `Thread ${this.name} did something else when its function ran again. A thread of a scenario must do the same ` +
            "each time: no clocks, no random numbers, no variables that it changes, and shared objects made before.",
        );
      }
      if (operation.isAsync) return done.failed ? Promise.reject(done.value as Error) : Promise.resolve(done.value);
      if (done.failed) throw done.value;
      return done.value;
    }
    if (!this.suspended) {
      this.suspended = true;
      this.pending = { target, operation, args, at: at() };
    }
    if (operation.isAsync) return new Promise(() => undefined);
    throw SUSPEND;
  }

  /** Notes how the operation in progress ended. */
  finish(): void {
    this.#history.push({ call: this.active!, ...this.outcome! });
    this.active = undefined;
    this.outcome = undefined;
  }

  /** Runs the function up to its next operation. */
  async advance(until: (done: () => boolean) => Promise<void>): Promise<void> {
    this.#cursor = 0;
    this.suspended = false;
    this.pending = undefined;
    let end: Outcome | undefined;
    try {
      const result = this.#body();
      if (isThenable(result)) {
        result.then(
          (value) => (end = { failed: false, value }),
          (error: unknown) => (end = { failed: true, value: error }),
        );
        await until(() => this.suspended || end !== undefined);
      } else {
        end = { failed: false, value: result };
      }
    } catch (error) {
      end = { failed: true, value: error };
    }
    if (!this.suspended) this.end = end;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
