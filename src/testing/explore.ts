/**
 * explore: every interleaving of a small concurrent scenario.
 *
 * @module
 */

import { program } from "../core/program.ts";
import { HeddleError, ValueError } from "../errors.ts";
import type { Race } from "./clocks.ts";
import type { TypedArray } from "./data.ts";
import { type Fiber, Identity } from "./fiber.ts";
import { Failure, type FailureKind, Report } from "./report.ts";
import { Run } from "./run.ts";
import { choicesOf, Exhaustive, Given, Random, type Search, seedOf } from "./search.ts";
import { shortPlace, show } from "./trace.ts";

/** A run with more steps goes round in circles, or is no small scenario. */
const LONGEST = 1_000;
const SCHEDULES = 10_000;
/** After a race was found, so many runs more look for what it leads to. */
const AFTERMATH = 1_000;
/** Every so many runs, the event loop gets its turn. */
const BREATH = 50;

export interface ExploreOptions {
  /**
   * How often a thread that could go on may be interrupted by another. Absent: as often as possible. Most bugs need one
   * or two.
   */
  preemptions?: number | undefined;
  /** At most so many interleavings. Default: 10 000. */
  schedules?: number | undefined;
  /**
   * The seed of a failure: only that interleaving is run. A number: interleavings are chosen at random, the same for the
   * same number; for scenarios that have too many.
   */
  seed?: string | number | undefined;
}

/** A thread of a scenario. */
export interface ScenarioThread<R> {
  readonly name: string;
  /** What its function returned; once all threads have ended. */
  readonly result: Awaited<R>;
}

/** Throws if a condition does not hold. Any other assertion library will do as well. */
export interface Assert {
  (condition: unknown, message?: string): void;
  equal(actual: unknown, expected: unknown, message?: string): void;
}

/** What a scenario is given. */
export interface Scenario {
  /** Adds a thread. All begin at once, when the scenario's function has returned. */
  spawn<R>(name: string, body: () => R): ScenarioThread<R>;
  spawn<R>(body: () => R): ScenarioThread<R>;
  /** The same array, with each access to an element a step of its own that may race. */
  shared<T extends TypedArray>(array: T, name?: string): T;
  /** Names a lock, queue … in traces. Returns it. */
  name<T extends object>(object: T, name: string): T;
  assert: Assert;
}

/** Sets up shared objects and threads; what it returns is called after all threads have ended, to check the result. */
export type ScenarioFunction = (scenario: Scenario) => (() => void | Promise<void>) | void;

const failedAssertions: WeakSet<object> = new WeakSet();

function fail(message: string): never {
  const error = new HeddleError(message);
  failedAssertions.add(error);
  throw error;
}

const assert: Assert = Object.assign(
  (condition: unknown, message?: string): void => {
    if (!condition) fail(message ?? "The assertion does not hold.");
  },
  {
    equal(actual: unknown, expected: unknown, message?: string): void {
      if (!Object.is(actual, expected)) fail(message ?? `Expected ${show(expected)}, got ${show(actual)}.`);
    },
  },
);

interface Found {
  readonly kind: FailureKind;
  readonly message: string;
  readonly error: unknown;
}

type Ending = { readonly kind: "ended" | "pruned" | "cut" } | (Found & { readonly kind: FailureKind });

function isAssertion(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  return failedAssertions.has(error) || (error as Error).name === "AssertionError";
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Explorations of one thread, one after the other. */
let previous: Promise<unknown> = Promise.resolve();

/**
 * Runs a small concurrent scenario under every interleaving of its steps, and reports data races, deadlocks, lost
 * wake-ups and failed assertions, each with the interleaving that shows it.
 *
 * Use it in the tests of code whose locks matter: a test with real threads meets one interleaving in a million by luck.
 *
 * ```ts
 * import { explore } from "heddle/testing";
 * import { int32, Value } from "heddle/shared";
 *
 * const report = await explore(({ spawn, name, assert }) => {
 *   const balance = name(new Value(int32, 0), "balance");
 *   for (const customer of ["ann", "bob"]) {
 *     spawn(customer, () => {
 *       balance.value = balance.value + 1;
 *     });
 *   }
 *   return () => assert.equal(balance.value, 2);
 * });
 * console.log(String(report)); // a data race on balance.value, and how a deposit is lost
 * ```
 *
 * **How it works.** The threads are functions that run by turns in the calling thread. Each operation on a lock,
 * condition, semaphore, event, barrier or queue of any type, on a Value, SharedArray, struct, SharedMap or array made with
 * `shared` is a step, in both the blocking and the asynchronous form, and is performed by the primitive itself. Between two steps any other thread may
 * go on; waits with a timeout may time out whenever they wait. The order of waiters, barging and hand-off are those of
 * the real primitives. What happens within one operation is one step.
 *
 * **Data races.** Two accesses to a `Value` by `.value`, to an element, or to a field of a struct, race if at least one of them writes and no
 * chain of locks, events, queues … puts one before the other: whether they met in any run does not matter. `add`,
 * `exchange` and the other atomic methods order what they touch, and race only with plain writes. A SharedMap never races:
 * who gets a value sees what was written before it was set. The function of an `update` is one step.
 *
 * **Limits.** To stop a thread between two steps, its function is left and later run again from its start, with the
 * earlier results given again. So it must do the same each time: shared objects are made by the scenario, not by its
 * threads; no clock, no chance; variables outside of it are read, never written (return the result, or use `shared`); an
 * item it got from a queue is not changed; `catch` lets unknown errors pass. It awaits nothing but heddle's operations,
 * one at a time. A loop that polls has no end: such runs are given up and counted in `cut`. Signals, real
 * threads and executors are not followed. Nothing else may use heddle
 * in this thread meanwhile.
 *
 * Errors: what a thread or check throws is reported, not thrown. `ValueError` for options out of range, `RuntimeError`
 * for a scenario that is not deterministic or does what cannot be followed.
 *
 * @param scenario called anew for each interleaving
 */
export function explore(scenario: ScenarioFunction, options: ExploreOptions = {}): Promise<Report> {
  const search = searchOf(options);
  const result = previous.then(() => Run.intercept(() => new Exploration(scenario).all(search, options)));
  previous = result.then(
    () => undefined,
    () => undefined,
  );
  return result;
}

function searchOf({ preemptions, schedules, seed }: ExploreOptions): Search {
  checkCount("preemptions", preemptions, 0);
  checkCount("schedules", schedules, 1);
  if (typeof seed === "string") return new Given(choicesOf(seed));
  if (seed === undefined) return new Exhaustive(preemptions);
  if (!Number.isInteger(seed))
    throw new ValueError(`seed must be a whole number or a failure's seed, not ${String(seed)}`);
  return new Random(seed);
}

function checkCount(name: string, n: number | undefined, least: number): void {
  if (n === undefined || (Number.isInteger(n) && n >= least)) return;
  throw new ValueError(`${name} must be a whole number, ${least} or more, not ${String(n)}`);
}

class Exploration {
  readonly #scenario: ScenarioFunction;
  readonly #identities: Identity[] = [];
  #steps = 0;

  constructor(scenario: ScenarioFunction) {
    this.#scenario = scenario;
  }

  async all(search: Search, options: ExploreOptions): Promise<Report> {
    let left = options.schedules ?? SCHEDULES;
    let schedules = 0;
    let cut = 0;
    let complete = false;
    const races = new Map<string, readonly number[]>();
    let ended: Failure | undefined;
    try {
      for (let runs = 1; left > 0; runs++) {
        if (runs % BREATH === 0) await new Promise<void>((resolve) => setTimeout(resolve));
        const run = this.#run(false);
        const ending = await this.#execute(run, search);
        left--;
        if (ending.kind === "cut") cut++;
        else if (ending.kind !== "pruned") schedules++;
        const failed = "message" in ending;
        for (const { place } of run.clocks.races) {
          const key = run.keyOf(place);
          if (races.size === 0) left = Math.min(left, AFTERMATH);
          // Where a race has consequences, the run that shows them shows it best.
          if (failed || !races.has(key)) races.set(key, [...run.choices]);
        }
        if (failed) {
          ended = await this.#failure(run.choices, ending.kind);
          break;
        }
        if (!search.next()) {
          complete = !(search instanceof Given);
          break;
        }
      }
      const failures: Failure[] = [];
      for (const [key, choices] of races) failures.push(await this.#race(key, choices));
      if (ended !== undefined) failures.push(ended);
      return new Report(failures, complete && cut === 0, schedules, this.#steps, cut);
    } finally {
      for (const identity of this.#identities) identity.end();
    }
  }

  #run(traces: boolean): Run {
    return new Run(this.#identities, () => new Identity(), traces);
  }

  /** Sets the scenario up, runs its threads as `search` says, and checks the result. */
  #execute(run: Run, search: Search): Promise<Ending> {
    return Run.during(run, async () => {
      const self = program.memory.self;
      const check = this.#scenario({
        spawn: <R>(first: string | (() => R), second?: () => R): ScenarioThread<R> => {
          const body = typeof first === "string" ? second : first;
          if (typeof body !== "function") throw new TypeError("spawn takes a name and a function, or a function alone");
          return threadOf(run.spawn(typeof first === "string" ? first : `thread ${run.fibers.length + 1}`, body));
        },
        shared: (array, name) => run.share(array, name),
        name: (object, name) => run.name(object, name),
        assert,
      });
      const ending = await this.#threads(run, search);
      await run.abandon();
      run.leave(self);
      if (ending.kind !== "ended" || check === undefined) return ending;
      try {
        await check();
      } catch (error) {
        const message = `${isAssertion(error) ? "failed assertion" : "error"} after all threads ended: ${textOf(error)}`;
        return { kind: isAssertion(error) ? "assertion" : "error", message, error };
      }
      return ending;
    });
  }

  async #threads(run: Run, search: Search): Promise<Ending> {
    await run.begin();
    for (;;) {
      const broken = run.fibers.find(({ end }) => end?.failed === true);
      if (broken !== undefined) {
        const error = broken.end!.value;
        const what = isAssertion(error) ? "failed assertion" : "error";
        return {
          kind: isAssertion(error) ? "assertion" : "error",
          message: `${what} in ${broken.name}: ${textOf(error)}`,
          error,
        };
      }
      const enabled = run.enabled();
      if (enabled.length === 0) {
        if (run.fibers.every(({ end }) => end !== undefined)) return { kind: "ended" };
        return { ...run.explainStuck(), error: undefined };
      }
      if (run.choices.length >= LONGEST) return { kind: "cut" };
      const choice = search.pick(run, enabled);
      if (choice === undefined) return { kind: "pruned" };
      await run.step(choice);
      this.#steps++;
    }
  }

  /** Runs the interleaving again, this time taking notes. */
  async #again(choices: readonly number[]): Promise<{ run: Run; ending: Ending }> {
    const run = this.#run(true);
    const steps = this.#steps;
    const ending = await this.#execute(run, new Given(choices));
    this.#steps = steps;
    return { run, ending };
  }

  async #failure(choices: readonly number[], kind: FailureKind): Promise<Failure> {
    const { run, ending } = await this.#again(choices);
    if (ending.kind !== kind || !("message" in ending)) {
      throw new HeddleError(
        "The scenario is not deterministic: a failure did not come again in the same interleaving.",
      );
    }
    return new Failure(kind, ending.message, run.trace, seedOf(choices), ending.error);
  }

  async #race(key: string, choices: readonly number[]): Promise<Failure> {
    const { run, ending } = await this.#again(choices);
    const found = run.clocks.races.find(({ place }) => run.keyOf(place) === key);
    if (found === undefined) {
      throw new HeddleError(
        "The scenario is not deterministic: a data race did not come again in the same interleaving.",
      );
    }
    const consequence = "message" in ending ? `\n${ending.message}` : "";
    const error = "message" in ending ? ending.error : undefined;
    return new Failure("data-race", raceText(run, found) + consequence, run.trace, seedOf(choices), error);
  }
}

function raceText(run: Run, { earlier, later }: Race): string {
  const describe = ({ thread, kind, event }: Race["earlier"]): string => {
    const verb = kind === "read" ? "reads" : kind === "write" ? "writes" : "updates";
    return `${run.fibers[thread]!.name} ${verb} it (${shortPlace(run.trace[event]?.at)})`;
  };
  const what = run.trace[earlier.event]?.operation.replace(/( = | → |\().*$/, "") ?? "shared data";
  return `data race on ${what}: ${describe(earlier)}, ${describe(later)}, and nothing puts one before the other`;
}

function threadOf<R>(fiber: Fiber): ScenarioThread<R> {
  return {
    name: fiber.name,
    get result(): Awaited<R> {
      return fiber.end?.value as Awaited<R>;
    },
  };
}
