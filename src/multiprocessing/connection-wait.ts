/**
 * Waiting for whichever of several is ready first.
 *
 * @module
 */

import { atDeadline, deadlineIn, describe, type WaitOptions } from "../core/deadline.ts";
import { ValueError } from "../errors.ts";
import type { Connection } from "./connection.ts";
import { processes } from "./domain.ts";
import { Sentinel } from "./process.ts";

/** What can be waited for: a connection has something to receive or is at its end, a sentinel's process has ended. */
export type Waitable = Connection<never> | Connection | Sentinel;

interface Readiness {
  readonly ready: boolean;
  whenReady(signal: AbortSignal): Promise<unknown>;
}

/**
 * Waits until at least one of the connections has something to receive (or its end), or one of the processes has ended.
 * Gives those that are ready, in the order they were given; none when the timeout passes.
 *
 * Use it to serve several processes from one loop.
 *
 * ```ts
 * import { connectionWait } from "heddle/multiprocessing";
 *
 * for (const each of await connectionWait([results, worker.sentinel], { timeout: 1000 })) {
 *   if (each === results) console.log(await results.recv());
 *   else console.log("the worker is gone");
 * }
 * ```
 *
 * **Blocking.** There is no blocking form: `pollSync` waits for one connection, `joinSync` for one process.
 */
export async function connectionWait<W extends Waitable>(objects: Iterable<W>, options?: WaitOptions): Promise<W[]> {
  const deadline = deadlineIn(options);
  options?.signal?.throwIfAborted();
  const given = [...objects];
  const all = given.map((object, i) => readinessOf(object, i));
  const ready = (): W[] => given.filter((_, i) => all[i]!.ready);
  let found = ready();
  if (found.length > 0 || deadline === 0) return found;
  if (all.length === 0 && deadline === Infinity && options?.signal === undefined) {
    throw new ValueError("There is nothing to wait for: give connections or sentinels, or a timeout.");
  }
  let isExpired = false;
  while (found.length === 0 && !isExpired) {
    const over = new AbortController();
    let stopTimer = (): void => undefined;
    const expiry = new Promise<void>((resolve) => {
      stopTimer = atDeadline(deadline, () => {
        isExpired = true;
        resolve();
      });
    });
    const aborted = new Promise<never>((_, reject) => {
      options?.signal?.addEventListener("abort", () => reject(options.signal!.reason), {
        once: true,
        signal: over.signal,
      });
    });
    const waits = all.map((each) => each.whenReady(over.signal));
    try {
      await Promise.race([expiry, aborted, ...waits]);
    } finally {
      stopTimer();
      over.abort();
      await Promise.allSettled(waits);
    }
    found = ready();
  }
  return found;
}

function readinessOf(object: unknown, index: number): Readiness {
  if (object instanceof Sentinel) {
    return {
      get ready() {
        return object.ready;
      },
      whenReady: (signal) => {
        const { kind, object: address } = object.wait;
        return processes().parker.wait(kind, address, object, Infinity, signal);
      },
    };
  }
  if (typeof (object as Partial<Readiness> | null)?.whenReady === "function") return object as Readiness;
  throw new TypeError(`objects[${index}] must be a Connection or the sentinel of a process, not ${describe(object)}`);
}
