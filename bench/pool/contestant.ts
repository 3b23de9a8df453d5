import type { TaskName } from "./tasks.ts";

/** A pool of two workers, set up as its documentation says is best. */
export interface Contestant {
  readonly name: string;
  /** Runs a task of tasks.ts. `move`'s argument is moved to the worker, and its result back. */
  run(task: TaskName, argument?: unknown): PromiseLike<unknown>;
  /** Absent: the pool has no map of its own, and every item is a task. */
  map?(task: TaskName, items: readonly unknown[]): PromiseLike<unknown[]>;
  /** Without a promise, if it can. */
  runSync?(task: TaskName): unknown;
}

/** What is loaded only when it is this contestant's turn: a pool may be missing on a version of Node. */
export interface Entry {
  readonly name: string;
  open(): Promise<Contestant>;
}

export const WORKERS = 2;
