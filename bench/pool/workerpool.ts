import { fileURLToPath } from "node:url";
import workerpool, { type Pool, type WorkerPoolOptions } from "workerpool";
import { type Contestant, WORKERS } from "./contestant.ts";
import type { TaskName } from "./tasks.ts";

export class WorkerpoolPool implements Contestant {
  readonly name: string;
  readonly #pool: Pool;

  constructor(name = "workerpool", own: WorkerPoolOptions = { workerType: "thread" }) {
    this.name = name;
    this.#pool = workerpool.pool(fileURLToPath(new URL("./workerpool-worker.js", import.meta.url)), {
      minWorkers: WORKERS,
      maxWorkers: WORKERS,
      ...own,
    });
  }

  run(task: TaskName, argument?: unknown): PromiseLike<unknown> {
    const given = argument === undefined ? [] : [argument];
    if (task !== "move") return this.#pool.exec(task, given);
    return this.#pool.exec(task, given, { transfer: [(argument as Uint8Array<ArrayBuffer>).buffer] });
  }
}
