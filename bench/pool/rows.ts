/** What is measured: one row for each line of the table in docs/benchmarks.md. */

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Bare } from "./bare.ts";
import type { Contestant } from "./contestant.ts";
import { type Side, takeTurns, timed, type Times } from "./measure.ts";
import type { Question } from "./report.ts";
import { factorial, MIB, sumOf } from "./tasks.ts";

export interface Row extends Question {
  measure(pools: Pools): Promise<Times>;
}

export interface Pools {
  readonly all: readonly Contestant[];
  readonly bare: Bare;
}

const ownFile = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const run = promisify(execFile);

export function inFlight(n: number): (pool: Contestant) => Side {
  return (pool) => ({
    name: pool.name,
    sample: () => timed(n, () => Promise.all(Array.from({ length: n }, () => pool.run("noop")))),
  });
}

export function oneAtATime(pool: Contestant): Side {
  const trips = 400;
  return {
    name: pool.name,
    sample: () =>
      timed(trips, async () => {
        for (let i = 0; i < trips; i++) await pool.run("noop");
      }),
  };
}

export function blocking(pool: Contestant): Side[] {
  if (pool.runSync === undefined) return [];
  const trips = 400;
  return [
    {
      name: `${pool.name}, resultSync`,
      sample: () =>
        timed(trips, () => {
          for (let i = 0; i < trips; i++) pool.runSync!("noop");
        }),
    },
  ];
}

/** Its own map, or a task for each item. A rival's time for an item hardly depends on how many there are. */
export function mapping(pool: Contestant): Side {
  const n = pool.name === "heddle" ? 1_000_000 : 10_000;
  const items = Array.from({ length: n }, (_, i) => i);
  return {
    name: pool.name,
    sample: () =>
      timed(n, async () => {
        const results = await (pool.map?.("increment", items) ??
          Promise.all(items.map((item) => pool.run("increment", item))));
        if (results.length !== n || results[n - 1] !== n) throw new Error("wrong results");
      }),
  };
}

const SENDS = 30;

function checkBytes(bytes: unknown): void {
  if (!(bytes instanceof Uint8Array) || bytes.length !== MIB || bytes[MIB - 1] !== 7) throw new Error("wrong bytes");
}

function copying(pool: Contestant): Side {
  const bytes = new Uint8Array(MIB).fill(7);
  return {
    name: pool.name,
    sample: () =>
      timed(SENDS, async () => {
        for (let i = 0; i < SENDS; i++) checkBytes(await pool.run("echo", bytes));
      }),
  };
}

function moving(pool: Contestant): Side {
  let bytes = new Uint8Array(MIB).fill(7);
  return {
    name: pool.name,
    sample: () =>
      timed(SENDS, async () => {
        for (let i = 0; i < SENDS; i++) {
          bytes = (await pool.run("move", bytes)) as Uint8Array<ArrayBuffer>;
          checkBytes(bytes);
        }
      }),
  };
}

const BOUND = 100_000_000;
const SLICES = Array.from({ length: 8 }, (_, i): [number, number] => [(i * BOUND) / 8, ((i + 1) * BOUND) / 8]);

export async function spread(
  pool: Contestant,
  task: "sumOf" | "factorial",
  items: readonly unknown[],
): Promise<unknown[]> {
  return Promise.all(items.map((item) => pool.run(task, item)));
}

function summing(pool: Contestant): Side {
  return {
    name: pool.name,
    sample: () =>
      timed(1, async () => {
        const sums = (await spread(pool, "sumOf", SLICES)) as number[];
        if (sums.reduce((a, b) => a + b) < BOUND) throw new Error("wrong sum");
      }),
  };
}

const FACTORIALS = Array.from({ length: 2000 }, () => 1000);

function multiplying(pool: Contestant): Side {
  return {
    name: pool.name,
    sample: () =>
      timed(FACTORIALS.length, async () => {
        const results = await (pool.map?.("factorial", FACTORIALS) ?? spread(pool, "factorial", FACTORIALS));
        if (results[0] !== factorial(1000)) throw new Error("wrong product");
      }),
  };
}

export function alone(work: () => void, operations: number, name = "one thread"): Side {
  return { name, sample: () => timed(operations, () => work()) };
}

async function fresh(question: "cold" | "memory", ...args: string[]): Promise<number> {
  const { stdout } = await run(process.execPath, [ownFile("./fresh.js"), question, ...args]);
  return Number(stdout);
}

/** Each sample a process of its own. */
function starting({ name }: Contestant): Side {
  return { name, sample: async () => 1e6 * (await fresh("cold", name)) };
}

/** As many in flight all the time, until so many are done. */
function keeping(pool: Contestant, depth: number): Side {
  const n = Math.max(depth, 200_000);
  return {
    name: `${depth.toLocaleString("en")} queued`,
    sample: () =>
      timed(n, async () => {
        let left = n - depth;
        const one = async (): Promise<void> => {
          for (await pool.run("noop"); left > 0; await pool.run("noop")) left--;
        };
        await Promise.all(Array.from({ length: depth }, one));
      }),
  };
}

/** CPython's executor of threads or of processes, where there is a python3. `count`: tasks in flight, or trips. */
export async function withPython(
  kind: "threads" | "processes",
  answer: "noop" | "trip",
  count: number,
): Promise<Side[]> {
  hasPython ??= await run("python3", ["--version"]).then(
    () => true,
    () => false,
  );
  if (!hasPython) console.log(`  ${"CPython".padEnd(22)}python3 is not installed`);
  return hasPython ? [python(kind, answer, count)] : [];
}

let hasPython: boolean | undefined;

function python(kind: string, answer: "noop" | "trip", count: number): Side {
  const sizes = answer === "noop" ? [count, 1] : [1, count];
  return {
    name: "CPython",
    sample: async () => {
      const script = ownFile("../../../bench/pool/executors.py");
      const { stdout } = await run("python3", [script, kind, "1", ...sizes.map(String)]);
      const [noop, trip] = stdout.trim().split(" ").map(Number);
      return answer === "noop" ? noop! : trip!;
    },
  };
}

export const rows: readonly Row[] = [
  {
    key: "noop",
    heading: "30 000 no-op tasks in flight",
    references: ["CPython"],
    targets: [{ faster: 5 }, { against: "CPython", faster: 10 }],
    measure: async ({ all }) =>
      takeTurns([...all.map(inFlight(30_000)), ...(await withPython("threads", "noop", 30_000))]),
  },
  {
    key: "trip",
    heading: "one no-op at a time",
    references: ["CPython", "bare wait/notify", "heddle, resultSync"],
    targets: [{ slower: 0.5 }, { against: "bare wait/notify", slower: 2 }, { against: "CPython", slower: 0.7 }],
    measure: async ({ all, bare }) =>
      takeTurns([
        ...all.map(oneAtATime),
        ...all.flatMap(blocking),
        { name: "bare wait/notify", sample: async () => ((await bare.waitNotify(400)) * 1e6) / 400 },
        ...(await withPython("threads", "trip", 2000)),
      ]),
  },
  {
    key: "map",
    heading: "map of trivial items: heddle 1 000 000, rivals 10 000; each item",
    targets: [{ faster: 20 }],
    measure: ({ all }) => takeTurns(all.map(mapping)),
  },
  {
    key: "copy",
    heading: "1 MiB there and back, copied",
    targets: [{ slower: 1.1 }],
    measure: ({ all }) => takeTurns(all.map(copying)),
  },
  {
    key: "move",
    heading: "1 MiB there and back, moved (poolifier can move only there)",
    references: ["bare postMessage"],
    targets: [{ against: "bare postMessage", slower: 1.2 }],
    measure: ({ all, bare }) => {
      let bytes = new Uint8Array(MIB).fill(7);
      const sample = (): Promise<number> =>
        timed(SENDS, async () => {
          for (let i = 0; i < SENDS; i++) bytes = await bare.moveThereAndBack(bytes);
        });
      return takeTurns([...all.map(moving), { name: "bare postMessage", sample }]);
    },
  },
  {
    key: "sum",
    heading: "sum of 1 … 10⁸ in 8 slices",
    references: ["one thread"],
    targets: [{ against: "one thread", faster: 1.85 }, { slower: 1 }],
    measure: ({ all }) => takeTurns([...all.map(summing), alone(() => SLICES.forEach(sumOf), 1)]),
  },
  {
    key: "factorial",
    heading: "factorial(1000) 2000 times, each",
    references: ["one thread"],
    targets: [{ against: "one thread", faster: 1.85 }, { slower: 1 }],
    measure: ({ all }) =>
      takeTurns([...all.map(multiplying), alone(() => FACTORIALS.forEach(factorial), FACTORIALS.length)]),
  },
  {
    key: "cold",
    heading: "cold start to the first result, in a fresh process",
    targets: [{ slower: 1 }],
    measure: ({ all }) => takeTurns(all.map(starting)),
  },
  {
    key: "depth",
    heading: "heddle's no-ops by how many are in flight",
    references: ["10,000 queued", "1,000,000 queued"],
    targets: [
      { against: "10,000 queued", slower: 1.2 },
      { against: "10,000 queued", faster: 1 / 1.2 },
      { against: "1,000,000 queued", slower: 1.2 },
      { against: "1,000,000 queued", faster: 1 / 1.2 },
    ],
    measure: ({ all }) => takeTurns([100, 10_000, 1_000_000].map((depth) => keeping(all[0]!, depth))),
  },
];

/** Bytes for each of the queued tasks, each in a fresh process. */
export async function memoryOf(pool: Contestant): Promise<number> {
  return fresh("memory", pool.name, pool.name === "heddle" ? "500000" : "50000");
}
