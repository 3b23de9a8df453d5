import { fileURLToPath } from "node:url";
import { FixedClusterPool, FixedThreadPool } from "poolifier";
import { type Contestant, WORKERS } from "./contestant.ts";
import type { TaskName } from "./tasks.ts";

type AnyPool = FixedThreadPool<unknown, unknown> | FixedClusterPool<unknown, unknown>;

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A fixed pool, without a queue of its own: its fastest, as in its own benchmarks. */
export class PoolifierPool implements Contestant {
  readonly name: string;
  readonly #pool: AnyPool;

  constructor(name: string, pool: AnyPool) {
    this.name = name;
    this.#pool = pool;
  }

  static threads(): PoolifierPool {
    return new PoolifierPool(
      "poolifier",
      new FixedThreadPool(WORKERS, script("./poolifier-worker.js"), { enableEvents: false }),
    );
  }

  static processes(name: string, serialization: "json" | "advanced"): PoolifierPool {
    const options = { enableEvents: false, settings: { serialization } };
    return new PoolifierPool(name, new FixedClusterPool(WORKERS, script("../process/poolifier-worker.cjs"), options));
  }

  run(task: TaskName, argument?: unknown): Promise<unknown> {
    if (task !== "move") return this.#pool.execute(argument, task);
    return this.#pool.execute(argument, task, undefined, [(argument as Uint8Array<ArrayBuffer>).buffer]);
  }

  map(task: TaskName, items: readonly unknown[]): Promise<unknown[]> {
    return this.#pool.mapExecute(items, task);
  }
}
