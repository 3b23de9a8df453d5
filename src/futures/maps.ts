/**
 * The maps of an executor that still take items.
 *
 * @module
 */

import type { Pump } from "./pump.ts";

/** What a map tells its executor. */
export interface MapEntry {
  /** Before it takes the first item: the input may be what shuts the executor down. */
  begun(pump: Pump<unknown>): void;
  /** It takes no more items. */
  finished(): void;
}

export class Maps {
  readonly #running: Map<Pump<unknown>, Promise<void>> = new Map();

  /** For one map. */
  entry(): MapEntry {
    let finished: () => void = () => undefined;
    const running = new Promise<void>((resolve) => {
      finished = resolve;
    });
    return {
      begun: (pump) => {
        this.#running.set(pump, running);
        void running.then(() => this.#running.delete(pump));
      },
      finished,
    };
  }

  /** They take what is left of their input at once, or nothing more. */
  finish(isCancelled: boolean): void {
    for (const pump of this.#running.keys()) pump.finish(isCancelled);
  }

  /** Resolves when none takes any more. */
  async finished(): Promise<void> {
    await Promise.all(this.#running.values());
  }
}
