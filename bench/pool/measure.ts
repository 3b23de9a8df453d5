/** Taking turns, medians and ratios. */

export const ROUNDS: number = Number(process.env["BENCH_ROUNDS"] ?? 5);

/** One of those that are compared. `sample` returns nanoseconds for one operation. */
export interface Side {
  readonly name: string;
  sample(): Promise<number>;
}

/** Nanoseconds of one operation, by name; each list has one entry for each round. */
export type Times = Map<string, number[]>;

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** The median of the rounds' ratios. */
export function ratioOf(own: readonly number[], base: readonly number[]): number {
  return median(own.map((time, round) => time / base[round]!));
}

/**
 * All sides in turn, once to warm up and then in every round, each time another first: who comes after a pause finds its
 * threads elsewhere. A side that fails is left out, and says why.
 */
export async function takeTurns(sides: readonly Side[], rounds: number = ROUNDS): Promise<Times> {
  const times: Times = new Map(sides.map(({ name }) => [name, []]));
  const failed = new Set<string>();
  for (let round = -1; round < rounds; round++) {
    const first = (round + 1) % sides.length;
    for (const { name, sample } of [...sides.slice(first), ...sides.slice(0, first)]) {
      if (failed.has(name)) continue;
      try {
        const time = await sample();
        if (round >= 0) times.get(name)!.push(time);
      } catch (error) {
        failed.add(name);
        times.delete(name);
        console.log(`  ${name.padEnd(22)}failed: ${String(error).split("\n", 1)[0]}`);
      }
    }
  }
  return times;
}

/** Nanoseconds for each of `operations`. */
export async function timed(operations: number, work: () => PromiseLike<unknown> | void): Promise<number> {
  const start = performance.now();
  await work();
  return ((performance.now() - start) * 1e6) / operations;
}

export function duration(ns: number): string {
  if (ns < 1000) return `${ns.toFixed(0)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(2)} µs`;
  return ns < 1e9 ? `${(ns / 1e6).toFixed(2)} ms` : `${(ns / 1e9).toFixed(2)} s`;
}

export function rate(ns: number): string {
  const perSecond = 1e9 / ns;
  if (perSecond < 1e3) return `${perSecond.toFixed(1)} /s`;
  return perSecond < 1e6 ? `${(perSecond / 1e3).toFixed(1)} k/s` : `${(perSecond / 1e6).toFixed(2)} M/s`;
}
