import { ProcessPoolExecutor } from "heddle/multiprocessing";
import { type Contestant, type Entry, WORKERS } from "../pool/contestant.ts";

export const heddle: Entry = {
  name: "heddle",
  open: async () => new (await import("../pool/heddle.ts")).Heddle(new ProcessPoolExecutor({ maxWorkers: WORKERS })),
};

type Serialization = "json" | "advanced";

const kinds: Readonly<Record<string, (name: string, serialization: Serialization) => Promise<Contestant>>> = {
  async tinypool(name, serialization) {
    return new (await import("../pool/tinypool.ts")).TinypoolPool(name, { runtime: "child_process", serialization });
  },
  async workerpool(name, serialization) {
    const options = { workerType: "process", forkOpts: { serialization } } as const;
    return new (await import("../pool/workerpool.ts")).WorkerpoolPool(name, options);
  },
  async poolifier(name, serialization) {
    return (await import("../pool/poolifier.ts")).PoolifierPool.processes(name, serialization);
  },
  async "jest-worker"(name, serialization) {
    return new (await import("./jest-worker.ts")).JestWorkerPool(name, serialization);
  },
};

/** Each with both of Node's ways to write messages: which is faster depends on what is sent. */
export const rivals: readonly Entry[] = Object.entries(kinds).flatMap(([kind, open]) =>
  (["json", "advanced"] as const).map((serialization): Entry => {
    const name = `${kind}, ${serialization}`;
    return { name, open: () => open(name, serialization) };
  }),
);
