/**
 * Processes: heddle's against child_process, CPython's multiprocessing, and what the system gives.
 *
 *   npm run bench -- process               everything
 *   npm run bench -- process queue lock    rows by their key: start queue lock hand array sum
 *
 * All take turns, round by round; a ratio is the median of the rounds' ratios.
 */

import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { isMain } from "heddle";
import { float64, Lock, Process, Queue, SharedArray, Value } from "heddle/multiprocessing";
import { Lock as ThreadLock } from "heddle/threading";
import { FutexWords } from "./process/futex-words.ts";
import { answer, consume, handOver, lengthOf, nothing, sum, sumInto } from "./process/sides.ts";

const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 7);
const SMALL = { id: 1, name: "item", ok: true };

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function duration(ns: number): string {
  return ns < 1000 ? `${ns.toFixed(0)} ns` : ns < 1e6 ? `${(ns / 1000).toFixed(2)} µs` : `${(ns / 1e6).toFixed(2)} ms`;
}

type Sample = () => number | Promise<number>;

/** Times of each, taken in turns. The first is what the others are compared with. */
async function rounds(samples: Readonly<Record<string, Sample>>, n = ROUNDS): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>(Object.keys(samples).map((name) => [name, []]));
  for (const sample of Object.values(samples)) await sample();
  for (let round = 0; round < n; round++) {
    for (const [name, sample] of Object.entries(samples)) times.get(name)!.push(await sample());
  }
  return times;
}

/** `limit`: at most so many times the time of `against`, or at least so many times its rate. */
function line(
  times: Map<string, number[]>,
  own: string,
  against: string,
  limit: { most?: number; least?: number } = {},
): void {
  const ratios = times.get(own)!.map((ns, i) => ns / times.get(against)![i]!);
  const { most, least } = limit;
  const ratio = least === undefined ? median(ratios) : median(ratios.map((r) => 1 / r));
  const target = most ?? least;
  const met = target === undefined || (most === undefined ? ratio >= target : ratio <= target);
  const what = least === undefined ? "time" : "rate";
  const verdict =
    target === undefined ? "" : `  target ${most === undefined ? "≥" : "≤"} ${target}  ${met ? "met" : "MISSED"}`;
  console.log(
    `  ${own.padEnd(26)}${duration(median(times.get(own)!)).padStart(10)}${ratio.toFixed(2).padStart(9)} × the ${what} of ${against} (${duration(median(times.get(against)!))})${verdict}`,
  );
}

async function timed(run: () => unknown): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) * 1e6;
}

const forkModule = fileURLToPath(new URL("./process/ipc-child.js", import.meta.url));

async function forked(): Promise<ChildProcess> {
  const child = fork(forkModule);
  await once(child, "message");
  return child;
}

async function start(): Promise<void> {
  console.log("start of a process, to its first sign of life or its end");
  const times = await rounds({
    "child_process.fork": () =>
      timed(async () => {
        const child = await forked();
        child.kill();
        await once(child, "exit");
      }),
    Process: () => timed(() => new Process({ target: nothing }).start().join()),
  });
  line(times, "Process", "child_process.fork");
}

async function queue(): Promise<void> {
  const ipc = await forked();
  const [numbers, items, done] = [new Queue<number>(), new Queue<unknown>(), new Queue<number>()];
  const child = new Process({ target: consume, args: [numbers, items, done] }).start();
  const python = pythonQueue();
  for (const [name, item, py] of [
    ["integers", 7, python[0]],
    ["small objects", SMALL, python[1]],
  ] as const) {
    console.log(`a queue of ${name}, one process puts, another gets: an item`);
    const viaIpc = async (): Promise<number> => {
      const n = 5000;
      const answered = once(ipc, "message");
      const ns = await timed(async () => {
        ipc.send({ expect: n });
        for (let i = 0; i < n; i++) ipc.send(typeof item === "number" ? item : { item });
        await answered;
      });
      return ns / n;
    };
    const viaQueue = async (): Promise<number> => {
      const n = 100_000;
      const ns = await timed(() => {
        numbers.putSync(n);
        for (let i = 0; i < n; i++) items.putSync(item);
        done.getSync();
      });
      return ns / n;
    };
    const times = await rounds({ "child_process IPC": viaIpc, Queue: viaQueue });
    line(times, "Queue", "child_process IPC", { least: 20 });
    if (py === undefined) console.log("  CPython: there is no python3 here");
    else line(times.set("CPython", Array<number>(ROUNDS).fill(py)), "Queue", "CPython", { least: 10 });
  }
  numbers.putSync(0);
  await child.join();
  ipc.kill();
}

function pythonQueue(): readonly (number | undefined)[] {
  // Beside this file's source, which the compiler does not copy.
  const script = fileURLToPath(new URL("../../bench/process/mp_queue.py", import.meta.url));
  try {
    return execFileSync("python3", [script, "30000"], { encoding: "utf8" }).trim().split("\n").map(Number);
  } catch {
    return [];
  }
}

async function lock(): Promise<void> {
  console.log("acquireSync + release, nobody else wants it");
  const pair = (taken: Lock | ThreadLock) => (): number => {
    const n = 500_000;
    const began = performance.now();
    for (let i = 0; i < n; i++) {
      taken.acquireSync();
      taken.release();
    }
    return ((performance.now() - began) * 1e6) / n;
  };
  const times = await rounds({ "thread Lock": pair(new ThreadLock()), Lock: pair(new Lock()) });
  line(times, "Lock", "thread Lock", { most: 1.5 });
}

async function hand(): Promise<void> {
  console.log("a lock handed to another process and back");
  const numbers = new Queue<number>();
  const [ping, pong] = [new Lock().acquireSync(), new Lock().acquireSync()];
  const child = new Process({ target: handOver, args: [numbers, ping, pong] }).start();
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "heddle-bench-")), "words");
  fs.writeFileSync(file, new Uint8Array(4096));
  const bareNumbers = new Queue<number>();
  const bare = new Process({ target: answer, args: [bareNumbers, file] }).start();
  const words = new FutexWords(file);
  const n = 2000;
  const times = await rounds({
    "bare futex": () =>
      timed(() => {
        bareNumbers.putSync(n);
        for (let i = 0; i < n; i++) {
          words.give(0);
          words.take(1);
        }
      }).then((ns) => ns / n),
    Lock: () =>
      timed(() => {
        numbers.putSync(n);
        for (let i = 0; i < n; i++) {
          ping.release();
          pong.acquireSync();
        }
      }).then((ns) => ns / n),
  });
  line(times, "Lock", "bare futex", { most: 2 });
  numbers.putSync(0);
  bareNumbers.putSync(0);
  await Promise.all([child.join(), bare.join()]);
  fs.rmSync(path.dirname(file), { recursive: true });
}

async function array(): Promise<void> {
  console.log("a SharedArray given to a child, which looks at its length");
  const [small, large] = [new SharedArray(float64, 1), new SharedArray(float64, 100e6 / 8)];
  const times = await rounds({
    "8 bytes": () => timed(() => new Process({ target: lengthOf, args: [small.data as Float64Array] }).start().join()),
    "100 MB": () => timed(() => new Process({ target: lengthOf, args: [large.data as Float64Array] }).start().join()),
  });
  line(times, "100 MB", "8 bytes", { most: 1.5 });
}

async function sums(): Promise<void> {
  const last = 2e9;
  console.log("a sum of 2 · 10⁹ numbers in two processes");
  const times = await rounds(
    {
      "one loop": () => timed(() => sum(1, last)),
      "two processes": () =>
        timed(async () => {
          const total = new Value(float64, 0);
          const halves = [
            [1, last / 2],
            [last / 2 + 1, last],
          ] as const;
          const children = halves.map(([from, to]) =>
            new Process({ target: sumInto, args: [from, to, total] }).start(),
          );
          for (const each of children) await each.join();
        }),
    },
    3,
  );
  line(times, "two processes", "one loop", { least: 1.85 });
}

const rows: Readonly<Record<string, () => Promise<void>>> = { start, queue, lock, hand, array, sum: sums };

if (isMain(import.meta)) {
  const words = process.argv.slice(2);
  console.log(`process, Node ${process.version}, median of ${ROUNDS} rounds`);
  for (const [key, row] of Object.entries(rows)) if (words.length === 0 || words.includes(key)) await row();
}
