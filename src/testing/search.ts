/**
 * Which interleavings to run: all of them, some at random, or a given one.
 *
 * Of several that differ only in the order of steps that do not touch the same thing, one is enough: sleep sets leave
 * the others out. A bound on preemptions and sleep sets do not go together, so with a bound all orders are run.
 *
 * Source: P. Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems"; the bound is that of
 * M. Musuvathi and S. Qadeer, "CHESS".
 *
 * @module
 */

import { RuntimeError, ValueError } from "../errors.ts";
import { EXPIRE, type Run } from "./run.ts";

/** Says which step comes next, or `undefined` for a run that need not go on. */
export interface Search {
  pick(run: Run, enabled: readonly number[]): number | undefined;
  /** After a run. False: there is no other. */
  next(): boolean;
}

interface Frame {
  readonly choices: readonly number[];
  /** Steps that other runs have taken from here, and whose order with what comes next does not matter. */
  readonly asleep: readonly number[];
  readonly preemptions: number;
  readonly last: number;
  next: number;
}

export class Exhaustive implements Search {
  readonly #bound: number;
  readonly #frames: Frame[] = [];
  #asleep: readonly number[] = [];

  constructor(preemptions: number | undefined) {
    this.#bound = preemptions ?? Infinity;
  }

  pick(run: Run, enabled: readonly number[]): number | undefined {
    const depth = run.choices.length;
    if (depth === 0) this.#asleep = [];
    const frame = this.#frames[depth] ?? this.#enter(run, enabled);
    if (frame === undefined) return undefined;
    const choice = frame.choices[frame.next]!;
    if (!enabled.includes(choice)) {
      throw new RuntimeError(
        "The scenario is not deterministic: after the same steps, another thread could go on than before.",
      );
    }
    if (this.#bound === Infinity) {
      const before = [...frame.asleep, ...frame.choices.slice(0, frame.next)];
      this.#asleep = before.filter((other) => run.independent(other, choice));
    }
    return choice;
  }

  #enter(run: Run, enabled: readonly number[]): Frame | undefined {
    const above = this.#frames.at(-1);
    const last = above === undefined ? -1 : above.choices[above.next]! % EXPIRE;
    const interrupts = (choice: number): boolean => choice % EXPIRE !== last && enabled.includes(last);
    const used = above === undefined ? 0 : above.preemptions + (this.#interrupted(above) ? 1 : 0);
    const open = enabled.filter(
      (choice) => !this.#asleep.includes(choice) && !(interrupts(choice) && used >= this.#bound),
    );
    if (open.length === 0) return undefined;
    // The thread that runs goes on first: the first failure found has few interruptions. Deadlines pass last.
    const rank = (choice: number): number => (choice >= EXPIRE ? 2 : choice === last ? 0 : 1);
    open.sort((a, b) => rank(a) - rank(b));
    const frame: Frame = { choices: open, asleep: this.#asleep, preemptions: used, last, next: 0 };
    this.#frames.push(frame);
    return frame;
  }

  #interrupted({ choices, next, last }: Frame): boolean {
    return choices[next]! % EXPIRE !== last && choices.includes(last);
  }

  next(): boolean {
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      if (++frame.next < frame.choices.length) return true;
      this.#frames.pop();
    }
    return false;
  }
}

/** Each step by chance, the same for the same seed. */
export class Random implements Search {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  pick(_run: Run, enabled: readonly number[]): number {
    return enabled[Math.floor(this.#random() * enabled.length)]!;
  }

  next(): boolean {
    return true;
  }

  /** Mulberry32. */
  #random(): number {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }
}

/** One run, step by step as given. */
export class Given implements Search {
  readonly #choices: readonly number[];

  constructor(choices: readonly number[]) {
    this.#choices = choices;
  }

  pick(run: Run, enabled: readonly number[]): number | undefined {
    const choice = this.#choices[run.choices.length];
    if (choice === undefined) return undefined;
    if (!enabled.includes(choice)) {
      throw new RuntimeError(
        `The seed does not fit the scenario: step ${run.choices.length + 1} is not possible. It was made by another ` +
          "version of the scenario, or the scenario is not deterministic.",
      );
    }
    return choice;
  }

  next(): boolean {
    return false;
  }
}

const A = 97;
const CAPITAL_A = 65;

/** A run's steps as text: a letter for each thread, a capital where its deadline passed. */
export function seedOf(choices: readonly number[]): string {
  const letters = choices.map((c) => String.fromCharCode(c >= EXPIRE ? CAPITAL_A + c - EXPIRE : A + c));
  return `run:${letters.join("")}`;
}

export function choicesOf(seed: string): number[] {
  const letters = /^run:([a-zA-Z]*)$/.exec(seed)?.[1];
  if (letters === undefined) {
    throw new ValueError(`seed must be the seed of an earlier failure, such as "run:aabb", or a number; not "${seed}"`);
  }
  return Array.from(letters, (letter) => {
    const code = letter.charCodeAt(0);
    return code >= A ? code - A : code - CAPITAL_A + EXPIRE;
  });
}
