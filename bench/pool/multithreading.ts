import { initRuntime, move, spawn } from "multithreading";
import { type Contestant, WORKERS } from "./contestant.ts";
import { type TaskName, tasks } from "./tasks.ts";

/** Whatever can move always does, both ways; so what is to be copied is copied before. */
export class MultithreadingPool implements Contestant {
  readonly name = "multithreading";

  constructor() {
    initRuntime({ maxWorkers: WORKERS });
  }

  async run(task: TaskName, argument?: unknown): Promise<unknown> {
    const fn = tasks[task] as (argument?: unknown) => unknown;
    const given = task === "echo" ? (argument as Uint8Array).slice() : argument;
    const result = await (given === undefined ? spawn(fn) : spawn(move(given), fn)).join();
    if (result.ok) return result.value;
    throw result.error;
  }
}
