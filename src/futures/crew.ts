/**
 * The workers of a pool: hired when there is work for them, looked after while they live.
 *
 * @module
 */

import { host } from "#host";
import { load } from "#atomics";
import { ADDRESS } from "../core/handles.ts";
import { THREAD } from "../core/layout.ts";
import { memory } from "../core/program.ts";
import { Thread } from "../threading/thread.ts";
import { PoolWorker, type PoolTerms, READY, type WorkerForm } from "./pool-worker.ts";
import { type Ring, STOP, type TaskQueue } from "./ring.ts";

/** What each worker does first. */
export interface Setup {
  readonly initializer: ((...args: never[]) => unknown) | undefined;
  readonly initargs: readonly unknown[];
}

export interface CrewOptions {
  readonly maxWorkers: number;
  /** The name of the n-th worker. */
  name(n: number): string;
  readonly form: WorkerForm;
  /** See `PoolTerms`. */
  readonly idleTimeout: number | undefined;
  readonly maxTasks: number | undefined;
}

/** How a worker of a pool ended. */
export interface Loss {
  readonly worker: PoolWorker;
  readonly error: unknown;
  /** It never got to its first task, though nobody had told it to end. */
  readonly stillborn: boolean;
}

export class Crew {
  readonly #options: CrewOptions;
  readonly #tasks: TaskQueue;
  readonly #results: Ring;
  /**
   * The user's functions may refer to the executor, which could then never be found abandoned: so they belong to it and
   * its maps, and to the crew only while tasks are pending.
   */
  readonly #setup: WeakRef<Setup>;
  #setupInUse: Setup | undefined;
  readonly #workers: Set<PoolWorker> = new Set();
  /** Those that took their leave, until they are gone. */
  readonly #leaving: Set<Promise<void>> = new Set();
  readonly #onGone: (worker: PoolWorker) => void;
  #named = 0;

  /** `onGone` must call {@link strike}, now or once it can. */
  constructor(
    options: CrewOptions,
    setup: Setup,
    tasks: TaskQueue,
    results: Ring,
    onGone: (worker: PoolWorker) => void,
  ) {
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
    return [...this.#workers].map((worker) => worker.ident!);
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

  #hire(): void {
    const setup = this.#setupInUse ?? this.#setup.deref();
    const terms: PoolTerms = {
      urgent: this.#tasks.urgent,
      tasks: this.#tasks.tasks,
      later: this.#tasks.later,
      results: this.#results,
      owner: memory.self,
      initializer: setup?.initializer as PoolTerms["initializer"],
      initargs: setup?.initargs ?? [],
      idleTimeout: this.#options.idleTimeout,
      maxTasks: this.#options.maxTasks,
    };
    const worker = new PoolWorker(this.#options.name(this.#named), terms, this.#options.form);
    Thread.supervise(worker as Thread, () => {
      if (this.#workers.has(worker)) this.#onGone(worker);
    });
    this.#workers.add(worker);
    this.#named++;
  }

  /** Takes a worker that is gone off the list. */
  strike(worker: PoolWorker): Loss {
    this.#workers.delete(worker);
    const begun = load(memory.words, worker[ADDRESS] + THREAD.ready) !== READY.no;
    return { worker, error: Thread.errorOf(worker as Thread), stillborn: !begun && !worker.cancelRequested };
  }

  /** Lets those go who have taken their leave. They are not waited for; what they left running ends with them. */
  dismiss(): void {
    for (const worker of this.#workers) {
      if (load(memory.words, worker[ADDRESS] + THREAD.ready) !== READY.left) continue;
      this.#workers.delete(worker);
      const end = (): void => {
        this.kill(worker.ident!);
        this.#leaving.delete(left);
      };
      const left = worker.join().then(end, end);
      this.#leaving.add(left);
    }
  }

  /** Kills a worker. Its end is told as any other. */
  kill(ident: number): void {
    host.killWorker(ident);
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
}
