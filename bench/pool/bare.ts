/** The least that could do the same: one worker made by hand, without a pool. */

import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

/** Words: the turn of the main thread and of the worker, and whether they are to block. */
const ASKED = 0;
const ANSWERED = 1;

type Order =
  | { readonly kind: "block"; readonly rounds: number }
  | { readonly kind: "echo"; readonly bytes: Uint8Array };

function answer(words: Int32Array, rounds: number): void {
  for (let i = 1; i <= rounds; i++) {
    while (Atomics.load(words, ASKED) !== i) Atomics.wait(words, ASKED, i - 1);
    Atomics.store(words, ANSWERED, i);
    Atomics.notify(words, ANSWERED);
  }
}

export class Bare {
  readonly #words: Int32Array = new Int32Array(new SharedArrayBuffer(8));
  readonly #worker: Worker = new Worker(new URL(import.meta.url), { workerData: this.#words });

  /** Atomics.wait and notify, there and back, so many times. Returns milliseconds. */
  async waitNotify(rounds: number): Promise<number> {
    const words = this.#words;
    words.fill(0);
    this.#worker.postMessage({ kind: "block", rounds } satisfies Order);
    await once(this.#worker, "message");
    const start = performance.now();
    for (let i = 1; i <= rounds; i++) {
      Atomics.store(words, ASKED, i);
      Atomics.notify(words, ASKED);
      while (Atomics.load(words, ANSWERED) !== i) Atomics.wait(words, ANSWERED, i - 1);
    }
    return performance.now() - start;
  }

  /** postMessage there and back, the bytes moved. */
  async moveThereAndBack(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    this.#worker.postMessage({ kind: "echo", bytes } satisfies Order, [bytes.buffer]);
    const [answered] = (await once(this.#worker, "message")) as [Uint8Array<ArrayBuffer>];
    return answered;
  }
}

if (!isMainThread && workerData instanceof Int32Array) {
  const words = workerData;
  parentPort!.on("message", (order: Order) => {
    if (order.kind === "block") {
      parentPort!.postMessage(0);
      answer(words, order.rounds);
    } else {
      const bytes = order.bytes as Uint8Array<ArrayBuffer>;
      parentPort!.postMessage(bytes, [bytes.buffer]);
    }
  });
}
