/**
 * The maps of an executor that still take items.
 *
 * @module
 */

import type { Pump } from "./pump.ts";

export class Maps {
  readonly #running: Map<Pump<unknown>, Promise<void>> = new Map();

  /** `make` is given what the pump is to call once it takes no more. */
  add(make: (finished: () => void) => Pump<unknown>): Pump<unknown> {
    let finished: () => void = () => undefined;
    const running = new Promise<void>((resolve) => {
      finished = resolve;
    });
    const pump = make(() => finished());
    this.#running.set(pump, running);
    void running.then(() => this.#running.delete(pump));
    return pump;
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
