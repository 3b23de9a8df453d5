import { fileURLToPath } from "node:url";
import { Worker } from "jest-worker";
import { type Contestant, WORKERS } from "../pool/contestant.ts";
import { type TaskName, tasks } from "../pool/tasks.ts";

type Methods = Record<TaskName, (argument?: unknown) => Promise<unknown>>;

/** The names of its methods are given, so that it does not load the worker's module to find them. */
export class JestWorkerPool implements Contestant {
  readonly name: string;
  readonly #pool: Worker & Methods;

  constructor(name: string, serialization: "json" | "advanced") {
    this.name = name;
    this.#pool = new Worker(fileURLToPath(new URL("./jest-worker-tasks.js", import.meta.url)), {
      numWorkers: WORKERS,
      exposedMethods: Object.keys(tasks),
      forkOptions: { serialization },
    }) as Worker & Methods;
  }

  run(task: TaskName, argument?: unknown): Promise<unknown> {
    return argument === undefined ? this.#pool[task]() : this.#pool[task](argument);
  }
}
