/**
 * What becomes of the tasks that a worker had in hand when it ended, and of all when there are no workers any more.
 *
 * @module
 */

import { TASK_STATE } from "../core/layout.ts";
import type { Job } from "./call.ts";
import type { Loss, WorkerKind } from "./crew.ts";
import type { Numbered } from "./numbered.ts";
import { STOP, type TaskQueue } from "./ring.ts";
import type { Arrived, TaskBlocks } from "./task-block.ts";

/** A task that is not settled. */
export interface Pending {
  /** Its block; 0 once that has come back. */
  task: number;
  readonly job: Job;
  readonly priority: number;
  /** Calls off what happens at the end of its grace period. */
  stopGrace: (() => void) | undefined;
  /** The worker that has what is attached to its arguments; 0: none yet. */
  movedTo: number;
  /** Its result, until what it needs is loaded. */
  arrived: Arrived | undefined;
}

/** What it needs of the dispatcher. */
interface Surroundings {
  readonly kind: WorkerKind;
  readonly blocks: TaskBlocks;
  readonly tasks: TaskQueue;
  readonly pending: Numbered<Pending>;
  /** A task is pending no more. */
  forget(id: number): void;
  /** Takes in a block that is done. */
  takeInCell(cell: number): void;
}

export class Recovery {
  readonly #around: Surroundings;
  /** Cancelled blocks in the hand of some worker, perhaps of a dead one: freed when they come back, or at the end. */
  readonly #astray: Set<number> = new Set();
  /** Blocks of tasks that did not stop in time, until the workers that ran them are gone. */
  readonly #doomed: Set<number> = new Set();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** The block of a task that was given up is its worker's until that is gone. */
  doom(task: number): void {
    this.#doomed.add(task);
  }

  /** Frees a block that has come back. */
  dispose(task: number): void {
    if (this.#astray.size > 0) this.#astray.delete(task);
    this.#around.blocks.dispose(task);
  }

  /** Looks through all tasks for what a dead worker had in hand. */
  recover({ worker, error }: Loss): void {
    const { blocks, pending: all, tasks, kind } = this.#around;
    // One that ended before it had an identity has nothing in hand; and 0 is also whose is nobody's.
    const gone = worker.identity === 0 ? NaN : worker.identity;
    for (const task of this.#doomed) {
      if (blocks.holderOf(task) !== gone) continue;
      this.#doomed.delete(task);
      blocks.dispose(task);
    }
    const inRing = new Set(tasks.cells());
    for (const [id, pending] of all.entries()) {
      const { task, job } = pending;
      if (task !== 0 && pending.movedTo === gone && blocks.revoke(task)) {
        // What was attached to it has gone with the worker.
        blocks.disposeInput(task);
        if (!inRing.has(task)) this.#astray.add(task);
        this.#around.forget(id);
        job.fail(kind.lostTask(worker.name, error));
        continue;
      }
      if (task === 0 || inRing.has(task)) continue;
      const state = blocks.stateOf(task);
      const holder = blocks.holderOf(task);
      if (holder === gone) {
        if (state === TASK_STATE.pending) {
          blocks.release(task);
          tasks.put(task, pending.priority);
        } else if (state === TASK_STATE.running) {
          this.#around.forget(id);
          this.dispose(task);
          job.fail(kind.lostTask(worker.name, error));
        } else {
          // Done, but it died before it could send the result.
          this.#around.takeInCell(task);
        }
      } else if (holder === 0) {
        this.#sendAgain(pending);
      }
    }
  }

  /**
   * The task is in some worker's hand that has not put its name to it: of a living one, or of one that died right then.
   * So that it runs exactly once, this block is cancelled, if it can be, and another sent in its place.
   */
  #sendAgain(pending: Pending): void {
    const { blocks, tasks } = this.#around;
    const { task } = pending;
    if (!blocks.revoke(task)) return;
    const again = blocks.renew(task);
    this.#astray.add(task);
    pending.task = again;
    tasks.put(again, pending.priority);
  }

  /** All that no worker has begun fails. */
  failAll(error: unknown): void {
    const { blocks, pending: all, forget } = this.#around;
    this.#drain(error);
    for (const [id, { task, job }] of all.entries()) {
      if (task === 0 || !blocks.revoke(task)) continue;
      blocks.disposeInput(task);
      this.#astray.add(task);
      forget(id);
      job.fail(error);
    }
  }

  /** All workers are gone. */
  end(error: unknown): void {
    this.#drain(error);
    for (const task of this.#astray) this.dispose(task);
  }

  /** Takes all tasks out of the rings: no worker will come to them any more. */
  #drain(error: unknown): void {
    const { blocks, tasks, pending: all, forget } = this.#around;
    for (let cell = tasks.poll(); cell !== 0; cell = tasks.poll()) {
      if (cell === STOP) continue;
      const id = blocks.idOf(cell);
      const pending = all.get(id);
      this.dispose(cell);
      if (pending?.task !== cell) continue;
      forget(id);
      pending.job.fail(error);
    }
  }
}
