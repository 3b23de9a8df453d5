/**
 * Two threads that run the two sides of a variant at the same time: the main thread and one peer.
 */

import { Queue } from "heddle/queue";
import { Semaphore, Thread } from "heddle/threading";
import { variants } from "./variants.ts";

/** One way of doing what a benchmark measures. */
export interface Variant {
  /** What the sides share: what the main thread keeps, and what is sent to the peer. */
  share(): { readonly mine: unknown; readonly sent: unknown };
  main(n: number, mine: never): void;
  /** Absent: the main thread works alone. */
  peer?(n: number, sent: never): void | Promise<void>;
  /** Looks at the result; throws if it is wrong. */
  check?(n: number, mine: never): void;
}

interface Job {
  readonly name: string;
  readonly n: number;
  readonly sent: unknown;
}

/** Both sides come here and leave together. Neither sleeps: waking up is what some of the variants measure. */
function meet(gate: Int32Array, turn: number): void {
  Atomics.add(gate, 0, 1);
  while (Atomics.load(gate, 0) < 2 * turn);
}

/** The peer's thread. */
export async function peer(jobs: Queue<Job | null>, ready: Semaphore, buffer: SharedArrayBuffer): Promise<void> {
  const gate = new Int32Array(buffer);
  let turn = 0;
  for (let job = await jobs.get(); job !== null; job = await jobs.get()) {
    const side = variants[job.name]!.peer!;
    ready.release();
    meet(gate, ++turn);
    await side(job.n, job.sent as never);
    meet(gate, ++turn);
  }
}

export class Pair {
  readonly #jobs: Queue<Job | null> = new Queue();
  readonly #ready: Semaphore = new Semaphore(0);
  readonly #gate: Int32Array = new Int32Array(new SharedArrayBuffer(4));
  readonly #thread: Thread<[Queue<Job | null>, Semaphore, SharedArrayBuffer], void>;
  #turn = 0;

  constructor() {
    const args = [this.#jobs, this.#ready, this.#gate.buffer as SharedArrayBuffer] as const;
    this.#thread = new Thread({ target: peer, args: [...args] }).start();
  }

  /** Nanoseconds for each of `n` operations: from when both sides begin until both are done. */
  time(name: string, n: number): number {
    const variant = variants[name]!;
    const { mine, sent } = variant.share();
    const together = variant.peer !== undefined;
    if (together) {
      this.#jobs.putSync({ name, n, sent });
      // The peer needs this thread to start and to fetch what was sent: not before then may it spin.
      this.#ready.acquireSync();
      meet(this.#gate, ++this.#turn);
    }
    const start = performance.now();
    variant.main(n, mine as never);
    if (together) meet(this.#gate, ++this.#turn);
    const took = performance.now() - start;
    variant.check?.(n, mine as never);
    return (took * 1e6) / n;
  }

  async close(): Promise<void> {
    this.#jobs.putSync(null);
    await this.#thread.join();
  }
}
