/** The rows of pools of processes: heddle's ProcessPoolExecutor against the pools of processes on npm. */

import type { Contestant } from "../pool/contestant.ts";
import { type Side, takeTurns, timed } from "../pool/measure.ts";
import { alone, inFlight, mapping, oneAtATime, spread, withPython } from "../pool/rows.ts";
import { sumOf } from "../pool/tasks.ts";
import type { Row } from "./rows.ts";

const BOUND = 1_000_000_000;
const SLICES = Array.from({ length: 32 }, (_, i): [number, number] => [(i * BOUND) / 32, ((i + 1) * BOUND) / 32]);

function mappingSums(pool: Contestant): Side {
  return {
    name: pool.name,
    sample: () =>
      timed(1, async () => {
        const sums = (await (pool.map?.("sumOf", SLICES) ?? spread(pool, "sumOf", SLICES))) as number[];
        check(sums);
      }),
  };
}

function check(sums: readonly number[]): void {
  const total = sums.reduce((a, b) => a + b);
  // Floating point: the order in which they are added shows in the last digits.
  if (Math.abs(total / ((BOUND * (BOUND - 1)) / 2) - 1) > 1e-12) throw new Error(`wrong sum: ${total}`);
}

export const poolRows: readonly Row[] = [
  {
    key: "noop",
    heading: "10 000 no-op tasks in flight",
    references: ["CPython"],
    targets: [{ faster: 5 }, { against: "CPython", faster: 20 }],
    measure: async (pools) =>
      takeTurns([...(await pools()).map(inFlight(10_000)), ...(await withPython("processes", "noop", 3000))]),
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
    heading: "map of sums: 1 … 10⁹ in 32 slices",
    references: ["one process"],
    targets: [{ against: "one process", faster: 1.85 }, { slower: 1 }],
    measure: async (pools) =>
      takeTurns([...(await pools()).map(mappingSums), alone(() => check(SLICES.map(sumOf)), 1, "one process")]),
  },
];
