/**
 * How a thread waits for what processes share.
 *
 * @module
 */

import { threads } from "../core/domain.ts";
import { Parker } from "../core/parker.ts";
import { lookAround, LOOK_EVERY } from "./memory/presence.ts";
import type { ProcessMemory } from "./memory/process-memory.ts";

/** Ends its waits when the thread is cancelled, of which only the program's own memory knows. */
export class ProcessParker extends Parker {
  readonly #memory: ProcessMemory;

  constructor(memory: ProcessMemory) {
    super(memory, false);
    this.#memory = memory;
    threads.parker.onRing.add(() => this.drain());
    // A loop is not told of those that were killed.
    const timer = setInterval(() => {
      if (this.pending > 0) lookAround(memory);
    }, LOOK_EVERY) as unknown as { unref(): void };
    timer.unref();
  }

  /** A task that runs in this process is cancelled for both memories. */
  override watchTask(word: number): void {
    super.watchTask(word);
    threads.parker.watchTask(word, this.#memory);
  }

  override drain(): void {
    super.drain();
    threads.parker.lookForCancel();
  }

  override get cancelRequested(): boolean {
    return threads.parker.cancelRequested || super.cancelRequested;
  }
}
