/**
 * What the suites of executors are given: a way to make one, and to make its tasks wait and tell.
 *
 * Tasks run wherever the executor runs them, so all that they share with a suite comes as an argument: gates made by
 * the kind, and words of shared memory.
 *
 * @module
 */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Executor } from "heddle/futures";
import { getIdent, isMainThread } from "heddle/threading";

/** Something tasks wait at until the suite opens it, or the suite until a task does. */
export interface Gate {
  set(): void;
  readonly isSet: boolean;
  wait(options?: { timeout?: number }): Promise<boolean>;
  waitSync(options?: { timeout?: number }): boolean;
}

/** A queue by which tasks tell the suite something. */
export interface Mailbox {
  putNowait(item: string): void;
  get(): Promise<string>;
  getNowait(): string;
  readonly qsize: number;
  readonly empty: boolean;
}

export interface ExecutorOptions {
  maxWorkers?: number;
  threadNamePrefix?: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- any initializer, with its arguments
  initializer?: (...args: any[]) => unknown;
  initargs?: unknown[];
}

export interface ExecutorKind {
  readonly name: string;
  make(options?: ExecutorOptions): Executor;
  gate(): Gate;
  mailbox(): Mailbox;
  /** Numbers that tasks and suite share, 0 at first. */
  words(length: number): Int32Array;
  /** Why tests of copies and of workers are left out: everything happens here. `false`: tasks run in threads. */
  readonly here: string | false;
  /** Its workers are processes. */
  readonly inProcesses?: boolean;
  /** The error of a pool that can run nothing any more. */
  readonly Broken: abstract new (...args: never[]) => Error;
}

/** Waits at the gate: blocked in a thread of its own; where the suite itself runs, without blocking. */
export function pass(gate: Gate): boolean | Promise<boolean> {
  return isMainThread ? gate.wait() : gate.waitSync();
}

/** A name of the thread that calls it, which no other thread of any process has. */
export function whoRuns(): string {
  return `${process.pid}/${getIdent()}`;
}

/** Waits at the gate, then gives the value. */
export async function passThrough<T>(gate: Gate, value: T): Promise<T> {
  await pass(gate);
  return value;
}

/** Tells that it runs, then waits at the gate. */
export async function announce(running: Gate, gate: Gate): Promise<string> {
  running.set();
  await pass(gate);
  return "passed";
}

export async function failAfter(gate: Gate, message: string): Promise<never> {
  await pass(gate);
  throw new RangeError(message);
}

export function square(n: number): number {
  return n * n;
}

/** Counts the call of each item in shared words. */
export function countCall(words: Int32Array): (i: number) => number {
  return (i) => {
    Atomics.add(words, i, 1);
    return i;
  };
}

export function words(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * length));
}

export function sum(counts: Int32Array): number {
  return counts.reduce((total, n) => total + n, 0);
}

/** Numbers from 0, telling how many were taken, and whether it was closed. */
export class Numbers {
  taken = 0;
  closed = false;

  *upTo(end: number = Infinity): Generator<number> {
    try {
      for (let i = 0; i < end; i++) {
        this.taken++;
        yield i;
      }
    } finally {
      this.closed = true;
    }
  }

  async *later(end: number = Infinity): AsyncGenerator<number> {
    for (const i of this.upTo(end)) {
      await Promise.resolve();
      yield i;
    }
  }
}

/** What a map gives before it fails, and how. */
export async function drain<R>(results: AsyncIterable<R>): Promise<{ values: R[]; error?: unknown }> {
  const values: R[] = [];
  try {
    for await (const value of results) values.push(value);
    return { values };
  } catch (error) {
    return { values, error };
  }
}

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** Finalizers, and what they set off, run between turns of the loop. */
export async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
