/**
 * How a task is interrupted: by its cancellation, by a timeout, by the failure of its group.
 *
 * JavaScript cannot throw into whatever a function awaits, so the waits of heddle look: one that is pending when the task
 * is interrupted ends with the error; if none is, the next one does.
 *
 * ```
 *   interrupt ──a wait takes it──► delivered
 *       └────── none does ───────► undelivered ──the next wait──► delivered
 *                                       └──withdraw──► as if it had never been
 * ```
 * @module
 */

import type { Interrupt, RunningTask } from "../core/identity.ts";

/** Turns of the microtask queue until the code that awaited an interrupted wait goes on, at the most. */
const RESUMES_IN = 12;

interface Interruption {
  readonly error: unknown;
  /** Number of the scope that interrupts; 0: the task is cancelled. */
  readonly scope: number;
}

let lastId = 0;

/** A block of code in a task that may interrupt it, or is to hear of it: inner ones have higher numbers. */
export interface InterruptibleScope {
  readonly number: number;
  /** The task was interrupted from outside of the block. */
  interrupted(error: unknown): void;
}

export class Interruptions implements RunningTask {
  readonly id: number = ++lastId;
  readonly #waits: Set<Interrupt> = new Set();
  readonly #scopes: Set<InterruptibleScope> = new Set();
  #undelivered: Interruption | undefined;
  /** The scope for which a wait was ended whose code has not gone on yet. */
  #delivering: number | undefined;
  readonly #delivered: WeakSet<object> = new WeakSet();
  #lastScope = 0;
  #hasRefused = false;

  enter(interrupt: Interrupt): () => void {
    this.#delivering = undefined;
    this.#hasRefused = false;
    const undelivered = this.#undelivered;
    if (undelivered !== undefined && interrupt(undelivered.error)) {
      this.#undelivered = undefined;
      this.#tellScopes(undelivered);
      return () => undefined;
    }
    this.#waits.add(interrupt);
    return () => this.#waits.delete(interrupt);
  }

  /** Ends the waits that are pending, or else the next one, with the error. */
  interrupt(error: unknown, scope = 0): void {
    // A cancellation counts for more than what a scope of the task's own has to say.
    if (this.#undelivered !== undefined && this.#undelivered.scope < scope) return;
    // Two of the same kind before the task goes on are one.
    if (this.#delivering === scope) return;
    const waits = [...this.#waits];
    this.#waits.clear();
    this.#undelivered = undefined;
    let isTaken = false;
    for (const wait of waits) {
      if (wait(error)) isTaken = true;
      else this.#waits.add(wait);
    }
    const interruption = { error, scope };
    if (isTaken) {
      void this.#deliver(scope);
      this.#tellScopes(interruption);
    } else {
      this.#undelivered = interruption;
      this.#hasRefused = waits.length > 0;
    }
  }

  async #deliver(scope: number): Promise<void> {
    this.#delivering = scope;
    for (let i = 0; i < RESUMES_IN && this.#delivering === scope; i++) await Promise.resolve();
    if (this.#delivering === scope) this.#delivering = undefined;
  }

  #tellScopes({ error, scope }: Interruption): void {
    if (typeof error === "object" && error !== null) this.#delivered.add(error);
    for (const each of [...this.#scopes]) if (each.number > scope) each.interrupted(error);
  }

  /** Takes an error back that no wait has been told of. False: one has. */
  withdraw(error: unknown): boolean {
    if (this.#undelivered?.error !== error) return false;
    this.#undelivered = undefined;
    return true;
  }

  /** Did a wait end with this error? */
  wasDelivered(error: object): boolean {
    return this.#delivered.has(error);
  }

  /**
   * The task's wait had ended when it was interrupted, and it has not waited since: if it returns what it waited for, an
   * item of a queue, say, that must not be lost.
   */
  get isTooLate(): boolean {
    return this.#hasRefused;
  }

  /** The error that no wait has been told of. */
  get undelivered(): { readonly error: unknown } | undefined {
    return this.#undelivered;
  }

  /** Begins a block. Returns what ends it. */
  begin(make: (number: number) => InterruptibleScope): () => void {
    const scope = make(++this.#lastScope);
    this.#scopes.add(scope);
    return () => this.#scopes.delete(scope);
  }
}
