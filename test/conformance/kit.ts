/**
 * What a conformance suite is given: threads (or processes) to call functions in, and a look at who waits for what.
 *
 * A suite is a function of a kit and of a factory; it knows nothing else of what it tests, so that the same suite runs
 * over every backend. Nothing here sleeps to let others go on: {@link Kit.until} polls what can be observed.
 *
 * @module
 */

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

/** What a suite needs of a thread. */
export interface Running<R> {
  readonly isAlive: boolean;
  join(): Promise<Awaited<R>>;
  terminate(): Promise<void>;
}

interface Mailbox<T> {
  put(item: T): Promise<void>;
  get(): Promise<T>;
}

export interface Backend {
  readonly name: string;
  spawn<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, ...args: A): Running<R>;
  mailbox<T>(): Mailbox<T>;
  /** How many waits for the object are in progress, everywhere. */
  waiting(object: object): number;
  /** Words shared with everyone, and not atomic unless `Atomics` is used. */
  words(length: number): Int32Array;
}

// oxlint-disable-next-line typescript/no-explicit-any -- jobs of any kind stand in one mailbox
type Job = { readonly fn: (...args: any[]) => unknown; readonly args: readonly unknown[] };
type Reply = { readonly value: unknown } | { readonly error: unknown };

interface Member {
  readonly jobs: Mailbox<Job | null>;
  readonly replies: Mailbox<Reply>;
  readonly thread: Running<void>;
  readonly ended: Promise<void>;
}

/** How long anything may take that is not meant to take time. */
export const PATIENCE = 20_000;

/** Threads that call functions one after the other, kept from test to test: starting one for each would take long. */
export class Kit {
  readonly backend: Backend;
  readonly #idle: Member[] = [];
  readonly #busy: Set<Member> = new Set();

  constructor(backend: Backend) {
    this.backend = backend;
  }

  /** Calls the function in a thread that does nothing else meanwhile. */
  async run<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, ...args: A): Promise<Awaited<R>> {
    const member = this.#idle.pop() ?? this.#recruit();
    this.#busy.add(member);
    await member.jobs.put({ fn, args });
    const reply = await Promise.race([member.replies.get(), member.ended]).finally(() => this.#busy.delete(member));
    assert.ok(reply !== undefined, "the thread ended with its job undone");
    this.#idle.push(member);
    if ("error" in reply) throw reply.error;
    return reply.value as Awaited<R>;
  }

  #recruit(): Member {
    const [jobs, replies] = [this.backend.mailbox<Job | null>(), this.backend.mailbox<Reply>()];
    const thread = this.backend.spawn(serve, jobs, replies);
    const ended = thread.join();
    // Whoever waits for a reply hears of it; nobody may be waiting.
    ended.catch(() => undefined);
    return { jobs, replies, thread, ended };
  }

  /** Waits until what can be observed is so. */
  async until(condition: () => boolean, what: () => string): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    while (!condition()) {
      if (performance.now() > deadline) assert.fail(`waited in vain: ${what()}`);
      await pause(1);
    }
  }

  /** Waits until so many wait for the object. */
  waiting(object: { toString(): string }, n: number): Promise<void> {
    const { backend } = this;
    return this.until(
      () => backend.waiting(object) === n,
      () => `${backend.waiting(object)} of ${n} wait for ${String(object)}`,
    );
  }

  /** Acquires a lock in a thread of its own. Call what this resolves to, and the thread releases it. */
  async hold(lock: Holdable): Promise<() => Promise<void>> {
    const [taken, letGo] = [this.backend.mailbox<boolean>(), this.backend.mailbox<boolean>()];
    const holding = this.run(holdUntil, lock, taken, letGo);
    await Promise.race([taken.get(), holding]);
    return async () => {
      await letGo.put(true);
      await holding;
    };
  }

  /** Ends all threads. One that is still busy is a failure. */
  async close(): Promise<void> {
    const busy = [...this.#busy];
    for (const member of busy) await member.thread.terminate();
    for (const { jobs, ended } of this.#idle) {
      await jobs.put(null);
      await ended;
    }
    this.#idle.length = 0;
    assert.equal(busy.length, 0, "threads that never finished their job");
  }
}

interface Holdable {
  acquire(): Promise<unknown>;
  release(): void;
}

async function holdUntil(lock: Holdable, taken: Mailbox<boolean>, letGo: Mailbox<boolean>): Promise<void> {
  await lock.acquire();
  await taken.put(true);
  await letGo.get();
  lock.release();
}

async function serve(jobs: Mailbox<Job | null>, replies: Mailbox<Reply>): Promise<void> {
  for (;;) {
    const job = await jobs.get();
    if (job === null) return;
    let reply: Reply;
    try {
      reply = { value: await job.fn(...job.args) };
    } catch (error) {
      reply = { error };
    }
    await replies.put(reply);
  }
}

/** The methods that wait: `acquire` and `acquireSync`, and so on. */
// oxlint-disable-next-line typescript/no-explicit-any -- whatever it returns, the suite knows
type Waits<M extends string> = { [K in M]: (...args: any[]) => Promise<any> } & {
  // oxlint-disable-next-line typescript/no-explicit-any -- as above
  [K in `${M}Sync`]: (...args: any[]) => any;
};

/** How waits of one test are made. Every test of waiting runs in each form. */
export interface Form {
  readonly name: string;
  /** Does the `i`th waiter of a test live in a thread of its own? */
  readonly ownThread: (i: number) => boolean;
  /** Calls the method for the `i`th waiter: blocking in a thread, on this event loop, or on another's. */
  // oxlint-disable-next-line typescript/no-explicit-any -- the type of the method that was named
  wait<M extends string>(kit: Kit, i: number, object: Waits<M>, method: M, ...args: unknown[]): Promise<any>;
}

function blocked<M extends string>(kit: Kit, object: Waits<M>, method: M, args: unknown[]): Promise<unknown> {
  return kit.run(callSync, object as never, method, args);
}

function otherLoop<M extends string>(kit: Kit, object: Waits<M>, method: M, args: unknown[]): Promise<unknown> {
  return kit.run(callAsync, object as never, method, args);
}

function callSync(object: Record<string, (...args: unknown[]) => unknown>, method: string, args: unknown[]): unknown {
  return object[`${method}Sync`]!(...args);
}

function callAsync(object: Record<string, (...args: unknown[]) => unknown>, method: string, args: unknown[]): unknown {
  return object[method]!(...args);
}

export const forms: readonly Form[] = [
  {
    name: "blocked threads",
    ownThread: () => true,
    wait: (kit, _, object, method, ...args) => blocked(kit, object, method, args),
  },
  {
    name: "one event loop",
    ownThread: () => false,
    wait: async (_kit, _, object, method, ...args) => await object[method](...args),
  },
  {
    name: "both at once",
    ownThread: (i) => i % 3 !== 1,
    wait: async (kit, i, object, method, ...args) => {
      if (i % 3 === 1) return await object[method](...args);
      return await (i % 3 === 0 ? blocked(kit, object, method, args) : otherLoop(kit, object, method, args));
    },
  },
];

/** What came of a promise, so that many can be watched at once without an unhandled rejection. */
export interface Watched<T> {
  readonly promise: Promise<T>;
  state: "pending" | "fulfilled" | "rejected";
}

export function watch<T>(promise: Promise<T>): Watched<T> {
  const watched: Watched<T> = { promise, state: "pending" };
  promise.then(
    () => (watched.state = "fulfilled"),
    () => (watched.state = "rejected"),
  );
  return watched;
}

export function settled(watched: readonly Watched<unknown>[]): number {
  return watched.filter(({ state }) => state !== "pending").length;
}

/** Milliseconds that the call takes, and what it gives. */
export async function timed<T>(call: () => Promise<T>): Promise<{ took: number; value: T }> {
  const start = performance.now();
  const value = await call();
  return { took: performance.now() - start, value };
}
