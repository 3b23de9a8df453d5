/**
 * Locks and queues, each against the least that could do the same, or against what one would use without them.
 *
 *   npm run bench -- sync              everything
 *   npm run bench -- sync hand items   what has one of the words in its heading
 *
 * The variants of one question take turns; a ratio is the median of the rounds' ratios, a time the median of the times.
 * On a machine that has other work too, that measures the other work: BENCH_BEST=1, with many short samples (BENCH_ROUNDS=60
 * BENCH_MS=4), takes the fastest of each instead, those that were left alone.
 */

import { isMain } from "heddle";
import { BLOCK, variants } from "./sync/variants.ts";
import { Crowd, type Crowded } from "./sync/crowd.ts";
import { Pair } from "./sync/pair.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 9);
/** How long one sample takes. */
const SAMPLE_MS = Number(process.env["BENCH_MS"] ?? 60);

const BEST = process.env["BENCH_BEST"] === "1";

interface Line {
  readonly name: string;
  /** Limit for the ratio; `least` where more is better. */
  readonly most?: number;
  readonly least?: number;
}

interface Question {
  readonly heading: string;
  readonly against: string;
  /** A time in the reference's times, or a rate in the reference's rates. */
  readonly ratio: "time" | "rate";
  readonly lines: readonly Line[];
  /** Operations of the first, short sample, which warms up and tells how long an operation takes. */
  readonly first: number;
  /** Bytes of one operation, if the rate of bytes is what counts. */
  readonly bytes?: number;
}

const questions: readonly Question[] = [
  {
    heading: "uncontended acquireSync + release",
    against: "cas pair",
    ratio: "time",
    lines: [{ name: "Lock", most: 2.5 }, { name: "RLock" }, { name: "Semaphore" }],
    first: 20_000,
  },
  {
    heading: "contended by two threads",
    against: "raw mutex",
    ratio: "rate",
    lines: [{ name: "Lock, contended", least: 0.7 }, { name: "multithreading Mutex" }],
    first: 5000,
  },
  {
    heading: "hand-off there and back",
    against: "wait/notify",
    ratio: "time",
    lines: [
      { name: "Lock hand-off", most: 1.5 },
      { name: "Semaphore hand-off" },
      { name: "Event hand-off" },
      { name: "Condition hand-off" },
      { name: "Queue hand-off" },
    ],
    first: 300,
  },
  {
    heading: "throughput of integers",
    against: "postMessage, integers",
    ratio: "rate",
    lines: [
      { name: "Queue, integers", least: 10 },
      { name: "Queue(1000), integers" },
      { name: "SimpleQueue, integers" },
    ],
    first: 2000,
  },
  {
    heading: "throughput of small objects",
    against: "postMessage, objects",
    ratio: "rate",
    lines: [{ name: "Queue, objects", least: 5 }, { name: "Queue(1000), objects" }],
    first: 2000,
  },
  {
    heading: "throughput of 1 MiB blocks",
    against: "block ring",
    ratio: "rate",
    lines: [{ name: "Queue(8), 1 MiB", least: 0.8 }, { name: "postMessage, 1 MiB" }],
    first: 20,
    bytes: BLOCK,
  },
  {
    heading: "put + get with items in the queue",
    against: "10 items",
    ratio: "time",
    lines: [{ name: "1000 items" }, { name: "100000 items", most: 1.3 }],
    first: 20_000,
  },
];

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** The time that counts for a variant. */
function typical(times: readonly number[]): number {
  return BEST ? Math.min(...times) : median(times);
}

/** How much longer one takes than another with which it took turns. */
function timesLonger(own: readonly number[], base: readonly number[]): number {
  return BEST ? Math.min(...own) / Math.min(...base) : median(own.map((ns, round) => ns / base[round]!));
}

function duration(ns: number): string {
  return ns < 1000 ? `${ns.toFixed(0)} ns` : ns < 1e6 ? `${(ns / 1000).toFixed(2)} µs` : `${(ns / 1e6).toFixed(2)} ms`;
}

function verdict(ratio: number, { most, least }: Line): string {
  if (most !== undefined) return `target ≤ ${most}  ${ratio <= most ? "met" : "MISSED"}`;
  if (least !== undefined) return `target ≥ ${least}  ${ratio >= least ? "met" : "MISSED"}`;
  return "";
}

function print(name: string, ns: number, ratio: string, rest: string, bytes?: number): void {
  const rate = bytes === undefined ? `${(1e3 / ns).toFixed(2)} M/s` : `${(bytes / ns).toFixed(2)} GB/s`;
  console.log(
    `  ${name.padEnd(24)}${duration(ns).padStart(10)}${rate.padStart(13)}${ratio.padStart(10)}  ${rest}`.trimEnd(),
  );
}

/** So many operations that a sample takes its time; never fewer than the first, never absurdly many. */
function operations(ns: number, first: number): number {
  return Math.round(Math.min(Math.max(first, (SAMPLE_MS * 1e6) / ns), 2_000_000));
}

function ask(pair: Pair, { heading, against, ratio, lines: all, first, bytes }: Question): void {
  const lines = all.filter(({ name }) => name in variants);
  const names = [against, ...lines.map(({ name }) => name)];
  const counts = new Map(names.map((name) => [name, first]));
  for (let warm = 0; warm < 3; warm++) {
    for (const name of names) counts.set(name, operations(pair.time(name, counts.get(name)!), first));
  }
  const times = new Map<string, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of names) times.get(name)!.push(pair.time(name, counts.get(name)!));
  }
  console.log(`${heading}, as multiples of ${against}${ratio === "rate" ? "'s rate" : "'s time"}`);
  const base = times.get(against)!;
  print(against, typical(base), "1 ×", "", bytes);
  for (const { name } of all) if (!(name in variants)) console.log(`  ${name.padEnd(24)}does not load here`);
  for (const line of lines) {
    const own = times.get(line.name)!;
    const found = ratio === "time" ? timesLonger(own, base) : 1 / timesLonger(own, base);
    print(line.name, typical(own), `${found.toFixed(2)} ×`, verdict(found, line), bytes);
  }
}

const SIZES = [2, 8, 64] as const;

async function askCrowds(heading: string): Promise<void> {
  const crowds = SIZES.map((size) => ({ size, crowd: new Crowd(size), times: new Map<Crowded, number[]>() }));
  const names: readonly Crowded[] = ["Semaphore", "Queue", "Lock"];
  for (let round = -1; round < ROUNDS; round++) {
    for (const name of names) {
      for (const { crowd, times } of crowds) {
        const ns = crowd.time(name, SAMPLE_MS);
        if (round >= 0) times.set(name, [...(times.get(name) ?? []), ns]);
      }
    }
  }
  for (const { crowd } of crowds) await crowd.close();
  console.log(`${heading}: one turn, as multiples of the time with ${SIZES[0]} threads`);
  for (const name of names) {
    const base = crowds[0]!.times.get(name)!;
    for (const { size, times } of crowds) {
      const own = times.get(name)!;
      const found = timesLonger(own, base);
      const line: Line = { name, ...(size === SIZES.at(-1) && { most: 1.5 }) };
      print(
        `${name}, ${size} threads`,
        typical(own),
        size === SIZES[0] ? "1 ×" : `${found.toFixed(2)} ×`,
        verdict(found, line),
      );
    }
  }
}

async function main(words: readonly string[]): Promise<void> {
  const wanted = (heading: string): boolean => words.length === 0 || words.some((word) => heading.includes(word));
  console.log(`sync, Node ${process.version}, ${BEST ? "best" : "median"} of ${ROUNDS} rounds`);
  const pair = new Pair();
  for (const question of questions) if (wanted(question.heading)) ask(pair, question);
  await pair.close();
  const heading = "a permit goes round among threads that wait";
  if (wanted(heading)) await askCrowds(heading);
}

if (isMain(import.meta)) await main(process.argv.slice(2));
