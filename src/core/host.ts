/**
 * The host: what heddle needs from the platform it runs on. Implemented in `host/`, found as `#host`.
 *
 * @module
 */

/** How a worker ended, as far as the thread that started it can tell. */
export interface WorkerEnd {
  /** {@link Host.killWorker} was called. */
  readonly killed: boolean;
  readonly exitCode: number | undefined;
  /** What ended it from outside, such as the memory limit; or an error before heddle ran in it. */
  readonly error: unknown;
}

export interface WorkerOptions {
  readonly tid: number;
  /** The module to import there, and the role it registers, which is then run. */
  readonly url: string;
  readonly role: string;
  readonly name: string;
  readonly resourceLimits?: ResourceLimits | undefined;
  /** The user's own way to make the worker, for bundlers; its module must register the tasks. */
  readonly factory?: (() => unknown) | undefined;
  /** Called once, when the worker is gone: from the event loop, or from a blocking wait of this thread. */
  onEnd(end: WorkerEnd): void;
}

/** Limits of one thread's JavaScript engine. Exceeding one ends the thread, not the program. */
export interface ResourceLimits {
  /** Megabytes of the main heap. */
  maxOldGenerationSizeMb?: number;
  /** Megabytes of the heap for recently created objects. */
  maxYoungGenerationSizeMb?: number;
  /** Megabytes of the memory for generated code. */
  codeRangeSizeMb?: number;
  /** Megabytes of the stack. */
  stackSizeMb?: number;
}

export interface Host {
  /** Makes the host known to the core. Called by everything that may be a program's first use of heddle. */
  ready(): void;
  readonly availableParallelism: number;
  /** Starts a worker. It does not keep the process alive. */
  startWorker(options: WorkerOptions): void;
  /** Kills a worker that this thread started. False: it has no such worker. */
  killWorker(tid: number): boolean;
  /** Registers what a worker of that role does. */
  registerRole(role: string, run: () => Promise<void>): void;
  /** Loads a module of heddle's own without waiting. */
  loadSync(url: string): void;
  /** Prepares a worker for running user code: its output, and what is told of errors nobody caught. */
  enterThread(on: { uncaught(error: unknown): void; exit(code: number): void }): void;
  /** Calls `fn` when the main thread has nothing left to do, again each time that happens. */
  onIdle(fn: () => void): void;
  /** Calls `fn` when the calling thread ends. */
  onExit(fn: () => void): void;
  hold(): void;
  unhold(): void;
  /** Writes to the standard error stream, at once. */
  writeError(text: string): void;
  /** Is the calling code part of a module that is imported because another thread sent a function? */
  isImporting(): boolean;
  /** Is anything pending on the event loop that a blocking wait would hold up? */
  hasPendingWork(): boolean;
  /** Was it asked for, from outside the program, to remember where locks are taken? */
  readonly tracesLocks: boolean;
}
