import { Tinypool } from "tinypool";
import { type Contestant, WORKERS } from "./contestant.ts";
import type { TaskName } from "./tasks.ts";

type TinypoolOptions = NonNullable<ConstructorParameters<typeof Tinypool>[0]>;

export class TinypoolPool implements Contestant {
  readonly name: string;
  readonly #pool: Tinypool;

  constructor(name = "tinypool", own: TinypoolOptions = {}) {
    this.name = name;
    this.#pool = new Tinypool({
      filename: new URL("./tinypool-worker.js", import.meta.url).href,
      minThreads: WORKERS,
      maxThreads: WORKERS,
      ...own,
    });
  }

  run(task: TaskName, argument?: unknown): Promise<unknown> {
    const transferList = task === "move" ? [(argument as Uint8Array<ArrayBuffer>).buffer] : [];
    return this.#pool.run(argument, task === "move" ? { name: task, transferList } : { name: task });
  }
}
