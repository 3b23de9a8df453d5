/**
 * What an exploration found.
 *
 * @module
 */

import { HeddleError } from "../errors.ts";
import { render, type TraceEvent } from "./trace.ts";

export type FailureKind = "data-race" | "deadlock" | "lost-wakeup" | "assertion" | "error";

/** One way in which a scenario goes wrong. */
export class Failure {
  readonly kind: FailureKind;
  /** What went wrong, and where. */
  readonly message: string;
  /** The interleaving in which it does, step by step. */
  readonly trace: readonly TraceEvent[];
  /** Give it to `explore` as `seed`, and exactly this interleaving runs again. */
  readonly seed: string;
  /** What was thrown, if something was. */
  readonly error: unknown;

  constructor(kind: FailureKind, message: string, trace: readonly TraceEvent[], seed: string, error: unknown) {
    this.kind = kind;
    this.message = message;
    this.trace = trace;
    this.seed = seed;
    this.error = error;
  }

  toString(): string {
    return `${this.message}\n\n${render(this.trace)}\n\n  replay: explore(scenario, { seed: "${this.seed}" })`;
  }
}

export class Report {
  /** Nothing was found. See {@link complete} for how much that says. */
  readonly ok: boolean;
  /** The first of {@link failures}. */
  readonly failure: Failure | undefined;
  /** Data races, one for each place, then the failure that ended the exploration. */
  readonly failures: readonly Failure[];
  /** True: every interleaving within the bound on preemptions was run. */
  readonly complete: boolean;
  /** How many interleavings were run to their end. */
  readonly schedules: number;
  /** How many steps they had altogether. */
  readonly steps: number;
  /** How many interleavings were given up because they had too many steps. */
  readonly cut: number;

  constructor(failures: readonly Failure[], complete: boolean, schedules: number, steps: number, cut: number) {
    this.ok = failures.length === 0;
    this.failure = failures[0];
    this.failures = failures;
    this.complete = complete;
    this.schedules = schedules;
    this.steps = steps;
    this.cut = cut;
  }

  /** Throws an error with the whole report if something was found. */
  check(): this {
    if (!this.ok) throw new HeddleError(this.toString(), { cause: this.failure?.error });
    return this;
  }

  toString(): string {
    const cut = this.cut === 0 ? "" : `, ${this.cut} given up because they had no end`;
    const extent = this.complete ? "all within the bounds" : "not all there are";
    const explored = `${this.schedules} interleavings explored, ${this.steps} steps; ${extent}${cut}`;
    return [...this.failures.map(String), explored].join("\n\n");
  }
}
