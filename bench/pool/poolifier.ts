import { fileURLToPath } from "node:url";
import { FixedThreadPool } from "poolifier";
import { type Contestant, WORKERS } from "./contestant.ts";
import type { TaskName } from "./tasks.ts";

/** A fixed pool, without a queue of its own: its fastest, as in its own benchmarks. */
export class PoolifierPool implements Contestant {
  readonly name = "poolifier";
  readonly #pool: FixedThreadPool<unknown, unknown> = new FixedThreadPool(
    WORKERS,
    fileURLToPath(new URL("./poolifier-worker.js", import.meta.url)),
    { enableEvents: false },
  );

  run(task: TaskName, argument?: unknown): Promise<unknown> {
    if (task !== "move") return this.#pool.execute(argument, task);
    return this.#pool.execute(argument, task, undefined, [(argument as Uint8Array<ArrayBuffer>).buffer]);
  }

  map(task: TaskName, items: readonly unknown[]): Promise<unknown[]> {
    return this.#pool.mapExecute(items, task);
  }
}
