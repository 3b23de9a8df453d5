import { type Executor, type Future, ThreadPoolExecutor, transfer } from "heddle/futures";
import { type Contestant, WORKERS } from "./contestant.ts";
import { type TaskName, tasks } from "./tasks.ts";

type AnyTask = (argument?: unknown) => unknown;

export function move(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  return transfer(bytes, [bytes.buffer]);
}

const functions: Record<TaskName, AnyTask> = { ...tasks, move } as Record<TaskName, AnyTask>;

export class Heddle implements Contestant {
  readonly name = "heddle";
  readonly #pool: Executor;

  constructor(pool: Executor) {
    this.#pool = pool;
  }

  run(task: TaskName, argument?: unknown): Future {
    if (argument === undefined) return this.#pool.submit(functions[task]);
    if (task === "move") return this.#pool.submit(functions.move, move(argument as Uint8Array<ArrayBuffer>));
    return this.#pool.submit(functions[task], argument);
  }

  map(task: TaskName, items: readonly unknown[]): PromiseLike<unknown[]> {
    return this.#pool.map(functions[task], items);
  }

  runSync(task: TaskName): unknown {
    return this.#pool.submit(functions[task]).resultSync();
  }
}

export function onThreads(): Heddle {
  return new Heddle(new ThreadPoolExecutor({ maxWorkers: WORKERS }));
}
