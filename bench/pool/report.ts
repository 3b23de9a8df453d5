/** A row of a benchmark, and how it is told. */

import { duration, median, rate, ratioOf, type Times } from "./measure.ts";

/** Against whom, and how. Faster: the other's time as a multiple of heddle's. Slower: heddle's as one of the other's. */
export interface Target {
  /** Absent: the best rival. */
  readonly against?: string;
  readonly faster?: number;
  readonly slower?: number;
}

export interface Question {
  /** For choosing it on the command line, with the heading. */
  readonly key: string;
  readonly heading: string;
  /** Not rivals, but what the figures are measured by. */
  readonly references?: readonly string[];
  readonly targets: readonly Target[];
}

/** The first is heddle's. */
export function report(question: Question, times: Times): void {
  const [own, ...others] = [...times];
  if (own === undefined) return;
  for (const [name, each] of times) {
    const ns = median(each);
    const ratio = name === own[0] ? "" : `${ratioOf(each, own[1]).toFixed(2)} × the time of ${own[0]}`;
    console.log(`  ${name.padEnd(22)}${duration(ns).padStart(10)}${rate(ns).padStart(13)}   ${ratio}`.trimEnd());
  }
  const rival = others
    .filter(([name]) => question.references?.includes(name) !== true)
    .toSorted(([, a], [, b]) => median(a) - median(b))[0]?.[0];
  for (const target of question.targets) {
    const name = target.against ?? rival;
    const base = name === undefined ? undefined : times.get(name);
    if (base !== undefined) console.log(`  ${verdict(target, name!, own[1], base)}`);
  }
}

function verdict({ against, faster, slower }: Target, name: string, own: number[], base: number[]): string {
  const who = against ?? `the best rival, ${name}`;
  const [found, isMet, limit] =
    faster === undefined
      ? [ratioOf(own, base), ratioOf(own, base) <= slower!, `time ≤ ${slower!} ×`]
      : [ratioOf(base, own), ratioOf(base, own) >= faster, `rate ≥ ${Number(faster.toFixed(2))} ×`];
  return `${isMet ? "met   " : "MISSED"} ${limit} that of ${who}: ${found.toFixed(2)} ×`;
}
