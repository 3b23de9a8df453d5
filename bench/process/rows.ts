/** The rows of processes and what they share: heddle's against child_process, CPython, and what the system gives. */

import { type ChildProcess, execFile, fork, type Serializable, type SerializationType } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { float64, Lock, Process, Queue, SharedArray, Value } from "heddle/multiprocessing";
import { Lock as ThreadLock } from "heddle/threading";
import type { Contestant } from "../pool/contestant.ts";
import { type Side, takeTurns, timed, type Times } from "../pool/measure.ts";
import type { Question } from "../pool/report.ts";
import { FutexWords } from "./futex-words.ts";
import { answer, consume, handOver, lengthOf, nothing, sum, sumInto } from "./sides.ts";

export interface Row extends Question {
  /** `pools`: opens them all, the first time. */
  measure(pools: () => Promise<readonly Contestant[]>): Promise<Times>;
}

const SMALL = { id: 1, name: "item", ok: true };

const ownFile = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const run = promisify(execFile);

async function forked(serialization: SerializationType): Promise<ChildProcess> {
  const child = fork(ownFile("./ipc-child.js"), { serialization });
  await once(child, "message");
  return child;
}

async function startAndEnd(target: () => void): Promise<void> {
  await new Process({ target }).start().join();
}

function viaIpc(name: string, child: ChildProcess, item: unknown): Side {
  const n = 5000;
  return {
    name,
    sample: () =>
      timed(n, async () => {
        const answered = once(child, "message");
        child.send({ expect: n });
        for (let i = 0; i < n; i++) child.send(item as Serializable);
        await answered;
      }),
  };
}

async function ofCPython(kind: "integers" | "objects"): Promise<Side[]> {
  const sample = async (): Promise<number> => {
    const { stdout } = await run("python3", [ownFile("../../../bench/process/mp_queue.py"), kind, "20000"]);
    return Number(stdout);
  };
  try {
    await run("python3", ["--version"]);
    return [{ name: "CPython", sample }];
  } catch {
    console.log("  there is no python3 here");
    return [];
  }
}

/** One process puts, another gets. */
async function queueOf(kind: "integers" | "objects"): Promise<Times> {
  const item = kind === "integers" ? 7 : SMALL;
  const [json, advanced] = [await forked("json"), await forked("advanced")];
  const [rounds, items, done] = [new Queue<number>(), new Queue<unknown>(), new Queue<number>()];
  const child = new Process({ target: consume, args: [rounds, items, done], daemon: true }).start();
  const n = 100_000;
  const sample = (): Promise<number> =>
    timed(n, () => {
      rounds.putSync(n);
      for (let i = 0; i < n; i++) items.putSync(item);
      done.getSync();
    });
  const times = await takeTurns([
    { name: "Queue", sample },
    viaIpc("IPC, json", json, item),
    viaIpc("IPC, advanced", advanced, item),
    ...(await ofCPython(kind)),
  ]);
  // Not by asking: it may wait for items that could not be put.
  child.kill();
  for (const each of [json, advanced]) each.kill();
  return times;
}

function pairs(name: string, lock: Lock | ThreadLock): Side {
  const n = 500_000;
  const work = (): void => {
    for (let i = 0; i < n; i++) {
      lock.acquireSync();
      lock.release();
    }
  };
  return { name, sample: () => timed(n, work) };
}

async function handOvers(): Promise<Times> {
  const n = 2000;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "heddle-bench-"));
  const file = path.join(folder, "words");
  fs.writeFileSync(file, new Uint8Array(4096));
  const [rounds, bareRounds] = [new Queue<number>(), new Queue<number>()];
  const [ping, pong] = [new Lock().acquireSync(), new Lock().acquireSync()];
  const children = [
    new Process({ target: handOver, args: [rounds, ping, pong] }).start(),
    new Process({ target: answer, args: [bareRounds, file] }).start(),
  ];
  const words = new FutexWords(file);
  const handing = (): void => {
    rounds.putSync(n);
    for (let i = 0; i < n; i++) {
      ping.release();
      pong.acquireSync();
    }
  };
  const bare = (): void => {
    bareRounds.putSync(n);
    for (let i = 0; i < n; i++) {
      words.give(0);
      words.take(1);
    }
  };
  const times = await takeTurns([
    { name: "Lock", sample: () => timed(n, handing) },
    { name: "bare futex", sample: () => timed(n, bare) },
  ]);
  for (const each of [rounds, bareRounds]) each.putSync(0);
  for (const child of children) await child.join();
  fs.rmSync(folder, { recursive: true });
  return times;
}

function handed(name: string, { data }: SharedArray): Side {
  return {
    name,
    sample: () => timed(1, () => new Process({ target: lengthOf, args: [data as Float64Array] }).start().join()),
  };
}

const LAST = 2e9;

async function sumInTwo(): Promise<void> {
  const total = new Value(float64, 0);
  const halves = [
    [1, LAST / 2],
    [LAST / 2 + 1, LAST],
  ] as const;
  const children = halves.map(([from, to]) => new Process({ target: sumInto, args: [from, to, total] }).start());
  for (const each of children) await each.join();
  // In floating point the order in which they are added shows.
  if (Math.abs(total.value / ((LAST * (LAST + 1)) / 2) - 1) > 1e-6) throw new Error(`wrong sum: ${total.value}`);
}

export const rows: readonly Row[] = [
  {
    key: "start",
    heading: "start of a process, and its end",
    targets: [],
    measure: () =>
      takeTurns([
        { name: "Process", sample: () => timed(1, () => startAndEnd(nothing)) },
        {
          name: "child_process.fork",
          sample: () =>
            timed(1, async () => {
              const child = await forked("json");
              child.disconnect();
              await once(child, "exit");
            }),
        },
      ]),
  },
  {
    key: "integers",
    heading: "a queue of integers from process to process, each",
    references: ["CPython"],
    targets: [{ faster: 20 }, { against: "CPython", faster: 10 }],
    measure: () => queueOf("integers"),
  },
  {
    key: "objects",
    heading: "a queue of small objects from process to process, each",
    references: ["CPython"],
    targets: [{ faster: 20 }, { against: "CPython", faster: 10 }],
    measure: () => queueOf("objects"),
  },
  {
    key: "lock",
    heading: "acquireSync and release, nobody else wants it",
    targets: [{ against: "thread Lock", slower: 1.5 }],
    measure: () => takeTurns([pairs("Lock", new Lock()), pairs("thread Lock", new ThreadLock())]),
  },
  {
    key: "hand",
    heading: "a lock handed to another process and back",
    targets: [{ against: "bare futex", slower: 2 }],
    measure: handOvers,
  },
  {
    key: "array",
    heading: "a SharedArray given to a new process, which looks at its length",
    targets: [{ against: "8 bytes", slower: 1.5 }],
    measure: () =>
      takeTurns([
        handed("100 MB", new SharedArray(float64, 100e6 / 8)),
        handed("8 bytes", new SharedArray(float64, 1)),
      ]),
  },
  {
    key: "sum",
    heading: "sum of 1 … 2 · 10⁹ in two new processes, which have to start",
    targets: [],
    measure: () =>
      takeTurns([
        { name: "two processes", sample: () => timed(1, sumInTwo) },
        { name: "one loop", sample: () => timed(1, () => void sum(1, LAST)) },
      ]),
  },
];
