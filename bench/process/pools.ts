/** The rows of pools of processes: heddle's ProcessPoolExecutor against the pools of processes on npm. */

import type { Contestant } from "../pool/contestant.ts";
import { type Side, takeTurns, timed } from "../pool/measure.ts";
import { alone, inFlight, mapping, oneAtATime, spread, withPython } from "../pool/rows.ts";
import { sumOf } from "../pool/tasks.ts";
import type { Row } from "./rows.ts";

/** So many that the sum is exact. */
const BOUND = 40_000_000;
const RANGES = Array.from({ length: 32 }, (): [number, number] => [0, BOUND]);

function mappingSums(pool: Contestant): Side {
  return {
    name: pool.name,
    sample: () =>
      timed(1, async () => {
        const sums = (await (pool.map?.("sumOf", RANGES) ?? spread(pool, "sumOf", RANGES))) as number[];
        check(sums);
      }),
  };
}

function check(sums: readonly number[]): void {
  const wrong = sums.find((sum) => sum !== (BOUND * (BOUND - 1)) / 2);
  if (wrong !== undefined || sums.length !== RANGES.length) throw new Error(`wrong sum: ${wrong}`);
}

export const poolRows: readonly Row[] = [
  {
    key: "noop",
    heading: "30 000 no-op tasks in flight",
    references: ["CPython"],
    targets: [{ faster: 5 }, { against: "CPython", faster: 20 }],
    measure: async (pools) =>
      takeTurns([...(await pools()).map(inFlight(30_000)), ...(await withPython("processes", "noop", 10_000))]),
  },
  {
    key: "trip",
    heading: "one no-op at a time",
    references: ["CPython"],
    targets: [],
    measure: async (pools) =>
      takeTurns([...(await pools()).map(oneAtATime), ...(await withPython("processes", "trip", 500))]),
  },
  {
    key: "map",
    heading: "map of trivial items: heddle 1 000 000, rivals 10 000; each item",
    targets: [],
    measure: async (pools) => takeTurns((await pools()).map(mapping)),
  },
  {
    key: "cpu",
    heading: "map of 32 sums of 4 · 10⁷ numbers",
    references: ["one process"],
    targets: [{ against: "one process", faster: 1.85 }],
    measure: async (pools) =>
      takeTurns([...(await pools()).map(mappingSums), alone(() => check(RANGES.map(sumOf)), 1, "one process")]),
  },
];
