/**
 * Thread: a function, or a `run` method, that runs in a thread of its own.
 *
 * ```
 *   new Thread ──start──► starting ──worker runs──► running ──outcome──► ended
 *                            thread object (shared): identity, messages, outcome, who joins
 *                            thread record: its worker, see core/thread-table.ts
 * ```
 * @module
 */

import { host } from "#host";
import { compareExchange, load, store } from "#atomics";
import { deadlineIn, describe, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, isAttaching, register, SharedObject } from "../core/handles.ts";
import type { ResourceLimits } from "../core/host.ts";
import { ENDED, PROGRAM, RECORD, TAG, THREAD, THREAD_WORDS } from "../core/layout.ts";
import { discard, pack, peek, prepare } from "../core/messages.ts";
import { EXPIRED } from "../core/parker.ts";
import { memory, parker, program } from "../core/program.ts";
import { recordOf } from "../core/raw/threads.ts";
import { setEvent } from "../core/raw/event.ts";
import { lockList, ring, unlockList, interrupt } from "../core/raw/wait-list.ts";
import { callerStack } from "../core/caller-stack.ts";
import { Context } from "../contextvars/context.ts";
import { appendCallerStack } from "../core/wire/error-envelope.ts";
import { CancelledError, DeadlockError, RuntimeError } from "../errors.ts";
import { currentThread, nextThreadNumber, setThreadObject } from "./current.ts";
import { launch, requestTermination } from "./launch.ts";
import { JOIN_WAIT } from "./outcome.ts";

/** The tasks of a worker, one of which runs at a time. */
export interface CancellableTasks {
  /** Was the task that runs now asked to end? */
  readonly cancelRequested: boolean;
  /** The signal of the task that runs now, which also aborts with the worker's own; that itself while none runs. */
  signalOf(own: AbortSignal): AbortSignal;
}

/** Options of `new Thread`. */
export interface ThreadOptions<A extends unknown[], R> {
  /** What to run. Any function that can be sent; see the guide to functions. */
  target?: (...args: A) => R | Promise<R>;
  /** Its arguments, copied to the thread; shared objects are shared. */
  args?: A;
  /** Default: `Thread-N (target's name)`. */
  name?: string;
  /** The process does not wait for a daemon thread. Default: as the thread that creates it. */
  daemon?: boolean;
  /** Its values the thread begins with, as far as they can be sent. Default: an empty context. */
  context?: Context;
  resourceLimits?: ResourceLimits;
  /**
   * For programs built by a bundler, which must see this literal:
   * `() => new Worker(new URL("./tasks.ts", import.meta.url), { type: "module" })`. The module registers each function
   * with `task`.
   */
  worker?: () => unknown;
}

/** What a thread ended with, as its joiners see it. */
interface Outcome {
  readonly threw: boolean;
  readonly value?: unknown;
  readonly error?: unknown;
}

// oxlint-disable-next-line typescript/no-explicit-any -- a thread of whatever arguments
type AnyTarget = (...args: any[]) => unknown;

/**
 * A function that runs in a thread of its own, at the same time as everything else.
 *
 * Use it for one piece of work that blocks or computes for long; for many small ones, a `ThreadPoolExecutor`. Pass a
 * `target`, or extend the class and override {@link run}.
 *
 * ```ts
 * import { Thread } from "heddle/threading";
 *
 * const thread = new Thread({ target: (n: number) => n ** 2, args: [12] }).start();
 * console.log(await thread.join()); // 144
 *
 * class Download extends Thread {
 *   bytes = 0;
 *   constructor(readonly url: string) {
 *     super();
 *   }
 *   override async run() {
 *     this.bytes = (await (await fetch(this.url)).arrayBuffer()).byteLength;
 *   }
 * }
 * ```
 *
 * The module of the function is imported again in the thread: the main part of a program goes behind
 * `if (isMain(import.meta))`. Fields of a subclass travel to the thread, and back when it ends.
 *
 * **Blocking.** `join` waits without blocking, `joinSync` blocks. The process ends when the main module has nothing left
 * to do and all threads have ended that are not daemons.
 *
 * **Cancellation.** `cancel` asks; `terminate` insists. An error ends the thread; see {@link join} for who gets it.
 *
 * **Differs from Python.** `join` gives the target's return value, or throws the error that ended the thread. An error
 * that nobody joins goes to the excepthook.
 */
export class Thread<A extends unknown[] = unknown[], R = unknown> extends SharedObject {
  readonly #options: Pick<ThreadOptions<A, R>, "context" | "resourceLimits" | "worker"> | undefined;
  #target: ((...args: A) => R | Promise<R>) | undefined;
  #args: A | undefined;
  #outcome: Outcome | undefined;
  #abort: AbortController | undefined;
  /** What it runs instead of a target of its own. */
  #tasks: CancellableTasks | undefined;
  #startedFrom: { readonly stack?: string } | undefined;

  constructor(options?: ThreadOptions<A, R>) {
    const attaching = isAttaching();
    if (!attaching) checkOptions(options);
    super(TAG.thread, THREAD_WORDS, (address) => {
      const target = options?.target;
      store(memory.words, address + THREAD.name, pack(nameFor(options?.name, target), "name"));
      store(memory.words, address + THREAD.daemon, (options?.daemon ?? inheritedDaemon()) ? 1 : 0);
    });
    if (attaching || options === undefined) return;
    const { target, args, ...others } = options;
    this.#options = others;
    this.#target = target;
    this.#args = args;
  }

  /**
   * Starts the thread and returns at once; it runs {@link run}.
   *
   * Errors: `RuntimeError` if it was started before, or while this thread still imports the module that starts it;
   * `NotSendableError` if the target, an argument or a field cannot reach the thread.
   */
  start(): this {
    this.#launch(undefined);
    return this;
  }

  #launch(onEnd: (() => void) | undefined): void {
    this.#startedFrom = callerStack(Thread.prototype.start);
    launch(this as Thread, {
      target: this.#target,
      args: this.#args,
      context: this.#options?.context,
      resourceLimits: this.#options?.resourceLimits,
      worker: this.#options?.worker,
      base: Thread,
      error: () => this.#read().error,
      onEnd,
    });
    this.#forget();
  }

  /** What the thread does: calls the target. Override it in a subclass. Called directly, it runs right here. */
  run(): R | Promise<R> {
    const target = this.#target;
    const args = this.#args ?? ([] as unknown as A);
    this.#forget();
    return target === undefined ? (undefined as R) : target(...args);
  }

  /**
   * Waits until the thread has ended, and gives what its target returned; throws the error that ended it. With a
   * timeout: `undefined` when it passes.
   *
   * Errors: `RuntimeError` if the thread was not started; `DeadlockError` if it is the calling thread, or if it
   * can never end because it waits, directly or not, for the calling thread, by a join or an RLock; `ThreadDiedError` if
   * it was terminated, exited, or ran out of memory.
   */
  async join(options?: WaitOptions): Promise<Awaited<R>> {
    const deadline = deadlineIn(options);
    this.#mayJoin();
    const result = await parker.wait(JOIN_WAIT, this[ADDRESS], this, deadline, options?.signal);
    if (result === EXPIRED) return undefined as Awaited<R>;
    for (const word of [THREAD.outcome, THREAD.fields]) {
      const message = load(memory.words, this[ADDRESS] + word);
      if (message !== 0 && this.#outcome === undefined) await prepare(message, true);
    }
    return this.#take();
  }

  /** As {@link join}, blocking. */
  joinSync(options?: WaitOptions): Awaited<R> {
    const deadline = deadlineIn(options);
    this.#mayJoin();
    const result = parker.waitSync(JOIN_WAIT, this[ADDRESS], deadline, options?.signal);
    return result === EXPIRED ? (undefined as Awaited<R>) : this.#take();
  }

  /**
   * Asks the thread to end: its `signal` aborts, every heddle wait in it throws `CancelledError`, and
   * `currentThread().cancelRequested` is true for loops that look. A thread that was not started ends when it is.
   */
  cancel(reason?: unknown): void {
    const timer = load(memory.words, this[ADDRESS] + THREAD.timer);
    if (timer !== 0) {
      setEvent(memory, memory.reach(timer));
      return;
    }
    const error = reason ?? new CancelledError(`Thread ${this.name} was cancelled`);
    const message = pack(error, "reason");
    if (compareExchange(memory.words, this[ADDRESS] + THREAD.reason, 0, message) !== 0) discard(message);
    store(memory.words, this[ADDRESS] + THREAD.cancelled, 1);
    this.#abort?.abort(error);
    const tid = load(memory.words, this[ADDRESS] + THREAD.tid);
    if (tid === 0 || !this.isAlive) return;
    const record = recordOf(memory, tid);
    store(memory.words, record + RECORD.cancel, 1);
    interrupt(memory, record);
    ring(memory, record);
  }

  /**
   * Cancels the thread, and kills it if it has not ended `grace` milliseconds later (default: at once). Resolves when it
   * has ended. Whoever joins gets `ThreadDiedError`; locks it held are marked, see `Lock.recover`.
   */
  async terminate(options?: { grace?: number }): Promise<void> {
    const grace = options?.grace ?? 0;
    const deadline = deadlineIn({ timeout: grace });
    const tid = load(memory.words, this[ADDRESS] + THREAD.tid);
    if (tid === 0) throw new RuntimeError("cannot terminate a thread before it is started");
    if (tid === load(memory.words, PROGRAM.mainRecord + RECORD.tid)) {
      throw new RuntimeError("The main thread cannot be terminated; end the program with process.exit().");
    }
    store(memory.words, this[ADDRESS] + THREAD.joined, 1);
    this.cancel();
    if (grace > 0 && (await parker.wait(JOIN_WAIT, this[ADDRESS], this, deadline)) !== EXPIRED) return;
    requestTermination(tid);
    await parker.wait(JOIN_WAIT, this[ADDRESS], this, Infinity);
  }

  /** What the thread is called. Need not be unique; may be changed at any time. */
  get name(): string {
    const list = this[ADDRESS] + THREAD.list;
    lockList(memory, list);
    try {
      return peek(load(memory.words, this[ADDRESS] + THREAD.name)) as string;
    } finally {
      unlockList(memory, list);
    }
  }

  set name(name: string) {
    const list = this[ADDRESS] + THREAD.list;
    const message = pack(String(name), "name");
    lockList(memory, list);
    const before = load(memory.words, this[ADDRESS] + THREAD.name);
    store(memory.words, this[ADDRESS] + THREAD.name, message);
    unlockList(memory, list);
    discard(before);
  }

  /** A number that no other thread of the program has or had. `undefined` until the thread is started. */
  get ident(): number | undefined {
    return load(memory.words, this[ADDRESS] + THREAD.tid) || undefined;
  }

  /** The process does not wait for daemon threads. Can be set until the thread is started. */
  get daemon(): boolean {
    return load(memory.words, this[ADDRESS] + THREAD.daemon) !== 0;
  }

  set daemon(daemon: boolean) {
    if (this.ident !== undefined) {
      throw new RuntimeError("cannot set daemon status of active thread: set it before start()");
    }
    store(memory.words, this[ADDRESS] + THREAD.daemon, daemon ? 1 : 0);
  }

  /** Was it started, and has it not ended? */
  get isAlive(): boolean {
    return this.ident !== undefined && load(memory.words, this[ADDRESS] + THREAD.flag) === ENDED.no;
  }

  /** Aborts when the thread is cancelled: pass it to `fetch` and the like. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    const { signal } = this.#abort;
    if (this.#isCancelled && !signal.aborted) this.#abort.abort(this.#reason());
    return this.#tasks === undefined ? signal : this.#tasks.signalOf(signal);
  }

  /** Was the thread asked to end? Costs a few nanoseconds: made to be polled in a loop. */
  get cancelRequested(): boolean {
    return this.#isCancelled || this.#tasks?.cancelRequested === true;
  }

  get #isCancelled(): boolean {
    return load(memory.words, this[ADDRESS] + THREAD.cancelled) !== 0;
  }

  override toString(): string {
    const state = this.ident === undefined ? "initial" : this.isAlive ? "started" : "stopped";
    const daemon = this.daemon ? " daemon" : "";
    return `<Thread(${this.name}, ${state}${daemon}${this.ident === undefined ? "" : ` ${this.ident}`})>`;
  }

  /** As in Python, what the thread ran is not kept alive by its object. */
  #forget(): void {
    this.#target = undefined;
    this.#args = undefined;
  }

  #mayJoin(): void {
    if (this.ident === undefined) throw new RuntimeError("cannot join thread before it is started");
    if (this.ident === memory.self) {
      throw new DeadlockError("cannot join current thread: it would wait for itself for ever");
    }
    store(memory.words, this[ADDRESS] + THREAD.joined, 1);
  }

  #take(): Awaited<R> {
    const outcome = this.#read();
    if (outcome.threw) throw outcome.error;
    return outcome.value as Awaited<R>;
  }

  #read(): Outcome {
    if (this.#outcome === undefined) {
      this.#outcome = takeOutcome(this as Thread);
      appendCallerStack(this.#outcome.error, this.#startedFrom?.stack, "started from");
    }
    return this.#outcome;
  }

  #reason(): unknown {
    const message = load(memory.words, this[ADDRESS] + THREAD.reason);
    return message === 0 ? new CancelledError(`Thread ${this.name} was cancelled`) : peek(message);
  }

  // ── For the rest of threading ──────────────────────────────────────────────────────────────────────────────────────

  /** In the thread itself: gives its object what it is to run. */
  static equip(thread: Thread, target: AnyTarget | undefined, args: unknown[] | undefined): void {
    thread.#target = target;
    thread.#args = args;
  }

  /** In the thread itself: it runs tasks, each of which may be asked to end. */
  static runsTasks(thread: Thread, tasks: CancellableTasks): void {
    thread.#tasks = tasks;
  }

  /** Starts a thread that somebody looks after, who is told of its end and deals with its errors. */
  static supervise(thread: Thread, onEnd: () => void): void {
    store(memory.words, thread[ADDRESS] + THREAD.joined, 1);
    thread.#launch(onEnd);
  }

  /** The error that ended a thread, if one did. */
  static errorOf(thread: Thread): unknown {
    return thread.#read().error;
  }

  /** In the thread itself: it was cancelled. */
  static cancelled(thread: Thread): void {
    void thread.signal;
  }
}

/** Reads the outcome, and lets the fields of the object be what they were in the thread when it ended. */
function takeOutcome(thread: Thread): Outcome {
  const fields = load(memory.words, thread[ADDRESS] + THREAD.fields);
  if (fields !== 0) Object.assign(thread, peek(fields));
  const message = load(memory.words, thread[ADDRESS] + THREAD.outcome);
  const value = message === 0 ? undefined : peek(message);
  return load(memory.words, thread[ADDRESS] + THREAD.flag) === ENDED.threw
    ? { threw: true, error: value }
    : { threw: false, value };
}

function nameFor(name: string | undefined, target: Function | undefined): string {
  if (name !== undefined && name !== "") return String(name);
  const base = `Thread-${nextThreadNumber()}`;
  return target !== undefined && target.name !== "" ? `${base} (${target.name})` : base;
}

function inheritedDaemon(): boolean {
  return !program.isMain && currentThread().daemon;
}

function checkOptions<A extends unknown[], R>(options: ThreadOptions<A, R> | undefined): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`new Thread takes an object such as { target: work, args: [1] }, not ${describe(options)}`);
  }
  const { target, args, context, worker } = options;
  if (target !== undefined && typeof target !== "function") {
    throw new TypeError(`A thread's target must be a function, not ${describe(target)}`);
  }
  if (args !== undefined && !Array.isArray(args)) {
    throw new TypeError(`A thread's args must be an array, not ${describe(args)}: args: [value] for a single one`);
  }
  if (context !== undefined && !(context instanceof Context)) {
    throw new TypeError(`A thread's context must be a Context, such as copyContext(), not ${describe(context)}`);
  }
  if (worker !== undefined && typeof worker !== "function") {
    throw new TypeError("The worker option must be a function that returns a new Worker");
  }
}

register(TAG.thread, () => new Thread());

// The main thread's own object. It has no start: the program is its run.
if (program.isMain && load(memory.words, PROGRAM.mainRecord + RECORD.object) === 0) {
  const main = new Thread({ name: "MainThread", daemon: false });
  store(memory.words, main[ADDRESS] + THREAD.tid, memory.self);
  setThreadObject(PROGRAM.mainRecord, main[ADDRESS]);
  // It lives as long as the program.
  host.onExit(() => void main);
}
