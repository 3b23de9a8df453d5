/**
 * Process: a function that runs in a process of its own.
 *
 * @module
 */

import { host } from "#host";
import { add, load, store } from "#atomics";
import { ADDRESS, DOMAIN, isAttaching, SharedObject } from "../core/handles.ts";
import { callerStack } from "../core/caller-stack.ts";
import { deadlineIn, describe, type WaitOptions } from "../core/deadline.ts";
import { ENDED, EXIT_BASE, PROCESS, PROCESS_WORDS, TAG } from "../core/layout.ts";
import { EXPIRED, type WaitKind } from "../core/parker.ts";
import { lockList, unlockList } from "../core/raw/wait-list.ts";
import { retain } from "../core/references.ts";
import { appendCallerStack } from "../core/wire/error-envelope.ts";
import type { CancellableTasks } from "../threading/thread.ts";
import { CancelledError, DeadlockError, ProcessDiedError, RuntimeError, ValueError } from "../errors.ts";
import { inProcesses, processes } from "./domain.ts";
import { JOIN_WAIT } from "./end.ts";
import { cancelProcess, launchProcess, signalProcess } from "./launch.ts";

/** What a new {@link Process} is given. */
export interface ProcessOptions<A extends unknown[], R> {
  /** What it runs. Default: nothing, or what `run` does in a subclass. */
  target?: ((...args: A) => R | Promise<R>) | undefined;
  args?: A | undefined;
  /** Default: `Process-N`, of a child's children `Process-N:M`. */
  name?: string | undefined;
  /** Ends with its parent, also one that is killed; which does not wait for it. Such a process cannot have children. */
  daemon?: boolean | undefined;
}

type AnyTarget = (...args: unknown[]) => unknown;

/**
 * A function that runs in a process of its own, with a memory that a crash cannot take along.
 *
 * Use it for what may crash or leak, or must be killed for certain; a `Thread` starts faster. The classes of this module
 * (`Lock`, `Queue`, `Value` …) are shared with it through the memory of the operating system, not by messages.
 *
 * ```ts
 * import { isMain } from "heddle";
 * import { Process, Queue } from "heddle/multiprocessing";
 *
 * export function square(n: number, results: Queue<number>) {
 *   results.putSync(n * n);
 * }
 *
 * if (isMain(import.meta)) {
 *   const results = new Queue<number>();
 *   const child = new Process({ target: square, args: [12, results] }).start();
 *   console.log(await results.get()); // 144
 *   await child.join();
 *   console.log(child.exitcode); // 0
 * }
 * ```
 *
 * **Blocking.** `join` waits without blocking, `joinSync` blocks. A program ends when its children have ended that are not
 * daemons.
 *
 * **Cancellation.** `cancel` asks, as for a thread; `terminate` sends SIGTERM, `kill` SIGKILL. Locks that a killed process
 * held are marked, see `Lock.recover`.
 *
 * **Differs from Python.** `join` gives what the target returned, or throws the error that ended the process. Its errors
 * are `RuntimeError` where Python has AssertionError.
 */
export class Process<A extends unknown[] = unknown[], R = unknown> extends SharedObject {
  #target: ((...args: A) => R | Promise<R>) | undefined;
  #args: A | undefined;
  #startedFrom: { readonly stack?: string } | undefined;
  #outcome: { readonly threw: boolean; readonly value: unknown } | undefined;
  #closed = false;
  #abort: AbortController | undefined;
  /** What it runs instead of a target of its own. */
  #tasks: CancellableTasks | undefined;

  constructor(options?: ProcessOptions<A, R>) {
    const attaching = isAttaching();
    if (!attaching) checkOptions(options);
    super(TAG.process, PROCESS_WORDS, (address, { memory, packer }) => {
      store(memory.words, address + PROCESS.name, packer.pack(nameFor(options?.name), "name"));
      const inherited = current !== undefined && current.daemon;
      store(memory.words, address + PROCESS.daemon, (options?.daemon ?? inherited) ? 1 : 0);
    });
    if (attaching || options === undefined) return;
    this.#target = options.target;
    this.#args = options.args;
  }

  /**
   * Starts the process and returns at once; it runs {@link run}.
   *
   * Errors: `RuntimeError` if it was started before, by a daemon, or while this thread still imports the module that
   * starts it; `NotSendableError` if the target, an argument or a field cannot reach the process.
   */
  start(): this {
    this.#launch(undefined);
    return this;
  }

  #launch(onEnd: (() => void) | undefined): void {
    this.#open();
    if (this.pid !== undefined || this.exitcode !== undefined) {
      throw new RuntimeError("a process can only be started once");
    }
    if (current !== undefined && current.daemon) {
      throw new RuntimeError("daemonic processes are not allowed to have children: start this one without daemon");
    }
    this.#startedFrom = callerStack(Process.prototype.start);
    const parent = currentProcess();
    const { memory } = this[DOMAIN];
    // It stands there already if an earlier attempt failed.
    if (load(memory.words, this[ADDRESS] + PROCESS.parent) === 0) {
      retain(memory, parent[ADDRESS]);
      store(memory.words, this[ADDRESS] + PROCESS.parent, parent[ADDRESS]);
    }
    launchProcess(this as Process, { target: this.#target, args: this.#args, base: Process, onEnd });
    this.#forget();
  }

  /** What the process does: calls the target. Override it in a subclass. Called directly, it runs right here. */
  run(): R | Promise<R> {
    const target = this.#target;
    const args = this.#args ?? ([] as unknown as A);
    this.#forget();
    return target === undefined ? (undefined as R) : target(...args);
  }

  /**
   * Waits until the process has ended, and gives what its target returned; throws the error that ended it. With a
   * timeout: `undefined` when it passes.
   *
   * Errors: `RuntimeError` if it was not started; `DeadlockError` if it is the calling process; `ProcessDiedError` if it
   * was killed or called `process.exit` with another code than 0.
   */
  async join(options?: WaitOptions): Promise<Awaited<R>> {
    const deadline = deadlineIn(options);
    this.#mayJoin();
    const { memory, packer, parker } = this[DOMAIN];
    const result = await parker.wait(JOIN_WAIT, this[ADDRESS], this, deadline, options?.signal);
    if (result === EXPIRED) return undefined as Awaited<R>;
    for (const word of [PROCESS.outcome, PROCESS.fields]) {
      const message = load(memory.words, this[ADDRESS] + word);
      if (message !== 0 && this.#outcome === undefined) await packer.prepare(message, true);
    }
    return this.#take();
  }

  /** As {@link join}, blocking. */
  joinSync(options?: WaitOptions): Awaited<R> {
    const deadline = deadlineIn(options);
    this.#mayJoin();
    const result = this[DOMAIN].parker.waitSync(JOIN_WAIT, this[ADDRESS], deadline, options?.signal);
    return result === EXPIRED ? (undefined as Awaited<R>) : this.#take();
  }

  /** Asks the process to end: see `Thread.cancel`. `currentProcess().signal` aborts there, and heddle's waits throw. */
  cancel(reason?: unknown): void {
    this.#open();
    cancelProcess(this as Process, reason ?? new CancelledError(`Process ${this.name} was cancelled`));
  }

  /** Sends SIGTERM. Nothing happens if the process has ended; `RuntimeError` if it was not started. */
  terminate(): void {
    this.#open();
    signalProcess(this as Process, "SIGTERM");
  }

  /** Sends SIGKILL, which no process survives. */
  kill(): void {
    this.#open();
    signalProcess(this as Process, "SIGKILL");
  }

  /** Lets go of what belongs to the process. Throws `ValueError` while it runs; afterwards nothing can be asked of it. */
  close(): void {
    if (this.#closed) return;
    if (this.isAlive) {
      throw new ValueError("Cannot close a process while it is still running: join it first, or terminate it.");
    }
    this.#closed = true;
  }

  /** What the process is called. Need not be unique; may be changed at any time. */
  get name(): string {
    const { memory, packer } = this[DOMAIN];
    const list = this[ADDRESS] + PROCESS.list;
    lockList(memory, list);
    try {
      return packer.peek(load(memory.words, this[ADDRESS] + PROCESS.name)) as string;
    } finally {
      unlockList(memory, list);
    }
  }

  set name(name: string) {
    const { memory, packer } = this[DOMAIN];
    const list = this[ADDRESS] + PROCESS.list;
    const message = packer.pack(String(name), "name");
    lockList(memory, list);
    const before = load(memory.words, this[ADDRESS] + PROCESS.name);
    store(memory.words, this[ADDRESS] + PROCESS.name, message);
    unlockList(memory, list);
    packer.discard(before);
  }

  /** Its number in the operating system; `undefined` until it is started. */
  get pid(): number | undefined {
    this.#open();
    return load(this[DOMAIN].memory.words, this[ADDRESS] + PROCESS.pid) || undefined;
  }

  /** As {@link pid}. */
  get ident(): number | undefined {
    return this.pid;
  }

  /**
   * `undefined` until it has ended; then 0 if all went well, 1 after an error, what `process.exit` was given, or the
   * negative number of the signal that ended it.
   */
  get exitcode(): number | undefined {
    this.#open();
    const { words } = this[DOMAIN].memory;
    if (load(words, this[ADDRESS] + PROCESS.flag) === ENDED.no) return undefined;
    return load(words, this[ADDRESS] + PROCESS.exit) - EXIT_BASE;
  }

  /** Was it started, and has it not ended? */
  get isAlive(): boolean {
    return this.pid !== undefined && load(this[DOMAIN].memory.words, this[ADDRESS] + PROCESS.flag) === ENDED.no;
  }

  /** Ends with its parent, which does not wait for it. Can be set until it is started. */
  get daemon(): boolean {
    this.#open();
    return load(this[DOMAIN].memory.words, this[ADDRESS] + PROCESS.daemon) !== 0;
  }

  set daemon(daemon: boolean) {
    if (this.pid !== undefined) throw new RuntimeError("process has already started: set daemon before start()");
    store(this[DOMAIN].memory.words, this[ADDRESS] + PROCESS.daemon, daemon ? 1 : 0);
  }

  /** Something to give to `connectionWait`, which is ready when the process has ended. */
  get sentinel(): Sentinel {
    this.#open();
    if (this.pid === undefined) throw new ValueError("process not started: its sentinel exists from start() on");
    return new Sentinel(this as Process);
  }

  /** Aborts when the process is cancelled: pass it to `fetch` and the like. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    const { signal } = this.#abort;
    if (this.#isCancelled && !signal.aborted) this.#abort.abort(this.#reason());
    return this.#tasks === undefined ? signal : this.#tasks.signalOf(signal);
  }

  /** Was the process asked to end? */
  get cancelRequested(): boolean {
    return this.#isCancelled || this.#tasks?.cancelRequested === true;
  }

  get #isCancelled(): boolean {
    return load(this[DOMAIN].memory.words, this[ADDRESS] + PROCESS.cancelled) !== 0;
  }

  override toString(): string {
    if (this.#closed) return `<Process ${this.name} closed>`;
    const { exitcode } = this;
    const state =
      this.pid === undefined ? "initial" : this.isAlive ? "started" : `stopped exitcode=${exitcode ?? "unknown"}`;
    return `<Process(${this.name}, ${state}${this.daemon ? ", daemon" : ""})>`;
  }

  #open(): void {
    if (this.#closed) throw new ValueError("process object is closed");
  }

  #forget(): void {
    this.#target = undefined;
    this.#args = undefined;
  }

  #mayJoin(): void {
    this.#open();
    if (this.pid === undefined) throw new RuntimeError("can only join a started process");
    if (this.pid === process.pid) {
      throw new DeadlockError("cannot join the current process: it would wait for itself for ever");
    }
    store(this[DOMAIN].memory.words, this[ADDRESS] + PROCESS.joined, 1);
  }

  #take(): Awaited<R> {
    this.#outcome ??= this.#readOutcome();
    if (this.#outcome.threw) throw this.#outcome.value;
    return this.#outcome.value as Awaited<R>;
  }

  #readOutcome(): { readonly threw: boolean; readonly value: unknown } {
    const { memory, packer } = this[DOMAIN];
    const ended = load(memory.words, this[ADDRESS] + PROCESS.ended);
    if (ended === ENDED.no) {
      const { exitcode } = this;
      if (exitcode === 0) return { threw: false, value: undefined };
      return { threw: true, value: new ProcessDiedError(causeOfDeath(this.name, exitcode), { exitcode }) };
    }
    const fields = load(memory.words, this[ADDRESS] + PROCESS.fields);
    if (fields !== 0) Object.assign(this, packer.peek(fields));
    const message = load(memory.words, this[ADDRESS] + PROCESS.outcome);
    const value = message === 0 ? undefined : packer.peek(message);
    if (ended === ENDED.threw) appendCallerStack(value, this.#startedFrom?.stack, "started from");
    return { threw: ended === ENDED.threw, value };
  }

  #reason(): unknown {
    const { memory, packer } = this[DOMAIN];
    const message = load(memory.words, this[ADDRESS] + PROCESS.reason);
    return message === 0 ? new CancelledError(`Process ${this.name} was cancelled`) : packer.peek(message);
  }

  // ── For the rest of multiprocessing ────────────────────────────────────────────────────────────────────────────────

  /** Starts a process that somebody looks after, who is told of its end and deals with its errors. */
  static supervise(process: Process, onEnd: () => void): void {
    store(process[DOMAIN].memory.words, process[ADDRESS] + PROCESS.joined, 1);
    process.#launch(onEnd);
  }

  /** The error that ended a process, if one did. */
  static errorOf(process: Process): unknown {
    process.#outcome ??= process.#readOutcome();
    return process.#outcome.threw ? process.#outcome.value : undefined;
  }

  /** In the process itself: it runs tasks, each of which may be asked to end. */
  static runsTasks(process: Process, tasks: CancellableTasks): void {
    process.#tasks = tasks;
  }

  /** In the process itself: gives its object what it is to run, and makes it the current one. */
  static equip(process: Process, target: AnyTarget | undefined, args: unknown[] | undefined): void {
    process.#target = target;
    process.#args = args;
    current = process;
  }
}

inProcesses(Process.prototype, TAG.process, () => new Process());

/** What a {@link Process} has for `connectionWait`. */
export class Sentinel {
  readonly process: Process;

  constructor(process: Process) {
    this.process = process;
  }

  /** Has the process ended? */
  get ready(): boolean {
    return !this.process.isAlive;
  }

  /** @internal How to wait for it. */
  get wait(): { readonly kind: WaitKind; readonly object: number } {
    return { kind: JOIN_WAIT, object: this.process[ADDRESS] };
  }
}

let current: Process | undefined;

/** The process that runs this code. */
export function currentProcess(): Process {
  if (current === undefined) {
    current = new Process({ name: "MainProcess", daemon: false });
    store(current[DOMAIN].memory.words, current[ADDRESS] + PROCESS.pid, process.pid);
  }
  return current;
}

/** The process that started this one; `undefined` in the first. */
export function parentProcess(): Process | undefined {
  const { memory, handles } = processes();
  const parent = load(memory.words, currentProcess()[ADDRESS] + PROCESS.parent);
  if (parent === 0) return undefined;
  retain(memory, parent);
  return handles.attach(parent) as Process;
}

function nameFor(name: string | undefined): string {
  if (name !== undefined && name !== "") return String(name);
  if (current === undefined) return "MainProcess";
  const { memory } = current[DOMAIN];
  const n = add(memory.words, current[ADDRESS] + PROCESS.children, 1) + 1;
  const own = current.name;
  return own === "MainProcess" ? `Process-${n}` : `${own}:${n}`;
}

function causeOfDeath(name: string, exitcode: number | undefined): string {
  if (exitcode === undefined) return `Process ${name} is gone, and nobody could tell how it ended`;
  if (exitcode >= 0) return `Process ${name} called process.exit(${exitcode})`;
  return `Process ${name} was killed by signal ${-exitcode} before it had finished`;
}

function checkOptions<A extends unknown[], R>(options: ProcessOptions<A, R> | undefined): void {
  // Its name counts the children of this process.
  if (current === undefined && options?.name !== "MainProcess") currentProcess();
  host.ready();
  if (options === undefined) return;
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`new Process takes an object such as { target: work, args: [1] }, not ${describe(options)}`);
  }
  const { target, args } = options;
  if (target !== undefined && typeof target !== "function") {
    throw new TypeError(`A process's target must be a function, not ${describe(target)}`);
  }
  if (args !== undefined && !Array.isArray(args)) {
    throw new TypeError(`A process's args must be an array, not ${describe(args)}: args: [value] for a single one`);
  }
}
