/**
 * The workers of a pool: hired when there is work for them, looked after while they live.
 *
 * @module
 */

import { type Deadline, now, type WaitOptions } from "../core/deadline.ts";
import type { Domain } from "../core/domain.ts";
import type { BrokenExecutor } from "../errors.ts";
import { type Ring, type RingMaker, STOP, type TaskQueue } from "./ring.ts";
import { READY, type WorkerTerms } from "./task-runner.ts";

/** What each worker does first. */
export interface Setup {
  readonly initializer: ((...args: never[]) => unknown) | undefined;
  readonly initargs: readonly unknown[];
}

/** A worker as its crew sees it: a thread, or a process. */
export interface CrewWorker {
  readonly name: string;
  /** Which thread it is in the memory of the rings; 0: it is none yet. */
  readonly identity: number;
  /** {@link READY}. */
  readonly readiness: number;
  readonly cancelRequested: boolean;
  readonly isAlive: boolean;
  /** Starts it. Its errors are told to nobody else. */
  supervise(onEnd: () => void): void;
  /** What ended it, if it was not its own return. */
  readonly failure: unknown;
  /** Was it ended by somebody else, who may be expected not to do so again? */
  readonly wasKilled: boolean;
  join(): Promise<unknown>;
  joinSync(options: WaitOptions): unknown;
  kill(): void;
}

/** What the workers of a pool are. */
export interface WorkerKind {
  /** The memory that they share with the thread whose pool it is. */
  readonly domain: Domain;
  readonly rings: RingMaker;
  make(name: string, terms: WorkerTerms): CrewWorker;
  /** The error of a pool that can run nothing any more. */
  broken(message: string, options: ErrorOptions): BrokenExecutor;
  /** The error of a task whose worker ended. */
  lostTask(name: string, failure: unknown): unknown;
}

export interface CrewOptions {
  readonly maxWorkers: number;
  /** The name of the n-th worker. */
  name(n: number): string;
  /** See `WorkerTerms`. */
  readonly idleTimeout: number | undefined;
  readonly maxTasks: number | undefined;
}

/** How a worker of a pool ended. */
export interface Loss {
  readonly worker: CrewWorker;
  readonly error: unknown;
  /** It never got to its first task, though nobody had told it to end. */
  readonly stillborn: boolean;
}

/** What to say of a task whose worker ended. */
export function lostTaskText(name: string, exitCode: number | undefined, what: string): string {
  const how = exitCode === undefined ? "" : ` (exit code ${exitCode})`;
  return (
    `The worker ${name} that ran this task ended before the task was done${how}: ${what}. The pool goes on with another ` +
    "worker."
  );
}

/** What to say of an error that ended a worker. */
export function letLoose(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `an error that the task let loose outside of its own calls was caught by nobody: ${text}`;
}

/** After so many workers in a row that were killed before they began, it is no accident. */
const MOST_KILLED_EARLY = 8;

export class Crew {
  readonly #kind: WorkerKind;
  readonly #options: CrewOptions;
  readonly #tasks: TaskQueue;
  readonly #results: Ring;
  /**
   * The user's functions may refer to the executor, which could then never be found abandoned: so they belong to it and
   * its maps, and to the crew only while tasks are pending.
   */
  readonly #setup: WeakRef<Setup>;
  #setupInUse: Setup | undefined;
  readonly #workers: Set<CrewWorker> = new Set();
  /** Those that took their leave, until they are gone. */
  readonly #leaving: Set<Promise<void>> = new Set();
  readonly #onGone: (worker: CrewWorker) => void;
  #named = 0;
  /** How many were killed, one after the other, before they began. */
  #killedEarly = 0;

  /** `onGone` must call {@link strike}, now or once it can. */
  constructor(
    kind: WorkerKind,
    options: CrewOptions,
    setup: Setup,
    { tasks, results }: { readonly tasks: TaskQueue; readonly results: Ring },
    onGone: (worker: CrewWorker) => void,
  ) {
    this.#kind = kind;
    this.#options = options;
    this.#setup = new WeakRef(setup);
    this.#tasks = tasks;
    this.#results = results;
    this.#onGone = onGone;
  }

  get size(): number {
    return this.#workers.size;
  }

  get idents(): number[] {
    return [...this.#workers].map((worker) => worker.identity);
  }

  get max(): number {
    return this.#options.maxWorkers;
  }

  /** There is work: what workers need to start with must stay. */
  hold(): void {
    this.#setupInUse = this.#setup.deref();
  }

  letGo(): void {
    this.#setupInUse = undefined;
  }

  /** Starts one more worker, if `wanted` are not there yet and may be. Errors: `NotSendableError`, of the initializer. */
  hireFor(wanted: number): void {
    if (this.size < this.max && this.size < wanted) this.#hire();
  }

  /** Starts all workers that may be. Errors: as {@link hireFor}. */
  hireAll(): void {
    while (this.size < this.max) this.#hire();
  }

  #hire(): void {
    const setup = this.#setupInUse ?? this.#setup.deref();
    const terms: WorkerTerms = {
      urgent: this.#tasks.urgent,
      tasks: this.#tasks.tasks,
      later: this.#tasks.later,
      results: this.#results,
      owner: this.#kind.domain.memory.self,
      initializer: setup?.initializer as WorkerTerms["initializer"],
      initargs: setup?.initargs ?? [],
      idleTimeout: this.#options.idleTimeout,
      maxTasks: this.#options.maxTasks,
    };
    const worker = this.#kind.make(this.#options.name(this.#named), terms);
    worker.supervise(() => {
      if (this.#workers.has(worker)) this.#onGone(worker);
    });
    this.#workers.add(worker);
    this.#named++;
  }

  /** Takes a worker that is gone off the list. */
  strike(worker: CrewWorker): Loss {
    this.#workers.delete(worker);
    const begun = worker.readiness !== READY.no || worker.cancelRequested;
    // Nor does it matter while another does the work.
    if (begun || [...this.#workers].some(({ readiness }) => readiness === READY.yes)) this.#killedEarly = 0;
    const stillborn = !begun && (!worker.wasKilled || ++this.#killedEarly > MOST_KILLED_EARLY);
    return { worker, error: worker.failure, stillborn };
  }

  /** Lets those go who have taken their leave. They are not waited for; what they left running ends with them. */
  dismiss(): void {
    for (const worker of this.#workers) {
      if (worker.readiness !== READY.left) continue;
      this.#workers.delete(worker);
      const end = (): void => {
        worker.kill();
        this.#leaving.delete(left);
      };
      const left = worker.join().then(end, end);
      this.#leaving.add(left);
    }
  }

  /** Kills the worker of that identity. Its end is told as any other. */
  kill(identity: number): void {
    for (const worker of this.#workers) if (worker.identity === identity) worker.kill();
  }

  killAll(): void {
    for (const worker of [...this.#workers]) worker.kill();
  }

  /** Tells all of them to end, once they have nothing left to do. */
  stop(): void {
    for (const _ of this.#workers) this.#tasks.tasks.put(STOP);
  }

  /** Resolves when those of now have ended. False: others came meanwhile. */
  async ended(): Promise<boolean> {
    await Promise.all(this.#leaving);
    for (const worker of [...this.#workers]) await worker.join().catch(() => undefined);
    return ![...this.#workers].some((worker) => worker.isAlive);
  }

  /** As {@link ended}, blocking. False: the deadline passed first. */
  endedSync(deadline: Deadline, signal: AbortSignal | undefined): boolean {
    for (const worker of [...this.#workers]) {
      const left = deadline === Infinity ? undefined : Math.max(0, deadline - now());
      try {
        worker.joinSync({ ...(left !== undefined && { timeout: left }), ...(signal && { signal }) });
      } catch {
        if (signal?.aborted === true) throw signal.reason;
        // What ended it has been told.
      }
      if (worker.isAlive) return false;
    }
    return true;
  }
}
