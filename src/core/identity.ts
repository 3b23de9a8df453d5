/**
 * Which asyncio task runs. An RLock belongs to a thread or to one task of it, and a wait in a task ends when the task is
 * cancelled. asyncio replaces both functions when it is loaded; without it there are no tasks.
 *
 * @module
 */

/** The task that runs, as far as a wait is concerned. */
export interface RunningTask {
  /** No other task of the thread has this number; not 0. */
  readonly id: number;
  /**
   * Begins a wait. Throws if the task is to be interrupted already; else `interrupt` is called, at most once, when it is.
   * Returns what ends the wait.
   */
  enter(interrupt: (error: unknown) => void): () => void;
}

export const identity: {
  /** Number of the task that runs; 0 outside of any. */
  task(): number;
  /** The task that runs and has not ended. */
  running(): RunningTask | undefined;
} = { task: () => 0, running: () => undefined };
