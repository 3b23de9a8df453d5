/**
 * Which asyncio task runs. An RLock belongs to a thread or to one task of it, and a wait in a task ends when the task is
 * cancelled. asyncio replaces both functions when it is loaded; without it there are no tasks.
 *
 * @module
 */

/** Ends a wait with an error. False: it has ended already, and takes no error. */
export type Interrupt = (error: unknown) => boolean;

/** The task that runs, as far as a wait is concerned. */
export interface RunningTask {
  /** No other task of the thread has this number; not 0. */
  readonly id: number;
  /**
   * Begins a wait: `interrupt` is called when the task is cancelled; at once, if it has been and no wait was told yet.
   * Returns what ends the wait.
   */
  enter(interrupt: Interrupt): () => void;
}

export const identity: {
  /** Number of the task that runs; 0 outside of any. */
  task(): number;
  /** The task that runs and has not ended. */
  running(): RunningTask | undefined;
} = { task: () => 0, running: () => undefined };

/** A wait of heddle's own that has nothing to take back: in a task it ends when the task is cancelled. */
export function interruptible<T>(wait: Promise<T>): Promise<T> {
  const task = identity.running();
  if (task === undefined) return wait;
  return new Promise((resolve, reject) => {
    let hasEnded = false;
    const end = (settle: () => void): void => {
      hasEnded = true;
      leave();
      settle();
    };
    let leave = (): void => undefined;
    leave = task.enter((error) => {
      if (hasEnded) return false;
      hasEnded = true;
      reject(error);
      return true;
    });
    wait.then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    );
  });
}
