import { FixedQueue, Piscina } from "piscina";
import { type Contestant, WORKERS } from "./contestant.ts";
import { MIB, type TaskName } from "./tasks.ts";

/** The queue that its documentation recommends for many tasks; Atomics are its default, and the fastest. */
export class PiscinaPool implements Contestant {
  readonly name: string;
  readonly #pool: Piscina;

  constructor(name: string, concurrentTasksPerWorker: number) {
    this.name = name;
    this.#pool = new Piscina({
      filename: new URL("./piscina-worker.js", import.meta.url).href,
      minThreads: WORKERS,
      maxThreads: WORKERS,
      taskQueue: new FixedQueue(),
      maxQueue: MIB,
      concurrentTasksPerWorker,
    });
  }

  run(task: TaskName, argument?: unknown): Promise<unknown> {
    const transferList = task === "move" ? [(argument as Uint8Array<ArrayBuffer>).buffer] : [];
    return this.#pool.run(argument, task === "move" ? { name: task, transferList } : { name: task });
  }
}
