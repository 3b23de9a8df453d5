/**
 * What heddle/web costs, and what its server gains. Load comes from a second process over loopback.
 *
 *   npm run bench -- web            everything, about a minute
 *   npm run bench -- web quick      shorter runs
 */
import { type ChildProcess, execFile, fork } from "node:child_process";
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Hono } from "hono";
import { isMain } from "heddle";
import { contexts, currentApp, g, request, serve, session } from "heddle/web";
import type { Load } from "./web/load.ts";

const isQuick = process.argv.includes("quick");
/** Many short turns: what else goes on in the machine then meets all that are compared. */
const turns = isQuick ? 8 : 20;
const seconds = isQuick ? 0.5 : 1;
const rounds = isQuick ? 2 : 4;

const file = (name: string): string => fileURLToPath(new URL(`./web/${name}.js`, import.meta.url));
const run = promisify(execFile);

interface LoadOptions {
  /** Requests. */
  readonly most?: number;
  /** Milliseconds between the requests of a connection. */
  readonly interval?: number;
}

async function load(url: string, connections: number, duration: number, options: LoadOptions = {}): Promise<Load> {
  const { most = Infinity, interval = 0 } = options;
  const args = [file("load"), url, ...[connections, duration, most, interval].map(String)];
  return JSON.parse((await run(process.execPath, args)).stdout) as Load;
}

interface Program {
  readonly url: string;
  /** Microseconds of the processor that it has used. */
  cpu(): Promise<number>;
  stop(): Promise<unknown>;
}

async function program(...args: string[]): Promise<Program> {
  const child: ChildProcess = fork(file("apps"), args, { execArgv: ["--expose-gc"] });
  const [port] = (await once(child, "message")) as [number];
  return {
    url: `http://127.0.0.1:${port}`,
    cpu: async () => {
      child.send("cpu");
      return ((await once(child, "message")) as [number])[0];
    },
    stop: () => {
      child.disconnect();
      return once(child, "exit");
    },
  };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

function line(what: string, value: string, target: string, isMet: boolean): void {
  console.log(`${what.padEnd(52)}${value.padStart(22)}   target ${target}: ${isMet ? "met" : "MISSED"}`);
}

/** The ratio in each turn; of those the middle one. */
function ratioOf(values: readonly number[], bases: readonly number[]): number {
  return median(values.map((value, i) => value / bases[i]!));
}

interface Compared {
  /** Requests per second, by turn. */
  readonly rates: number[];
  /** Microseconds of the processor for each request, by turn, if the program tells. */
  readonly cpus: number[];
}

async function compare<K extends string>(
  servers: Record<K, { readonly url: string; cpu?(): Promise<number> }>,
): Promise<Record<K, Compared>> {
  const all = Object.entries(servers) as [K, { readonly url: string; cpu?(): Promise<number> }][];
  const results = Object.fromEntries(all.map(([name]) => [name, { rates: [], cpus: [] }])) as unknown as Record<
    K,
    Compared
  >;
  for (const [, { url }] of all) await load(url, 32, 2);
  for (let turn = 0; turn < turns; turn++) {
    for (const [name, { url, cpu }] of all) {
      const before = await cpu?.();
      const { requestsPerSecond, requests, errors } = await load(url, 32, seconds);
      if (errors > 0) throw new Error(`${errors} requests of ${name} failed`);
      results[name].rates.push(requestsPerSecond);
      if (before !== undefined) results[name].cpus.push(((await cpu!()) - before) / requests);
    }
  }
  return results;
}

async function costOfContexts(): Promise<void> {
  const programs = { bare: await program("bare"), noop: await program("noop"), contexts: await program("contexts") };
  const results = await compare(programs);
  for (const [name, { rates, cpus }] of Object.entries(results)) {
    const [rate, cpu] = [median(rates).toFixed(0), median(cpus).toFixed(1)];
    console.log(`${name.padEnd(10)}${rate.padStart(8)} requests/s${cpu.padStart(8)} µs of the processor each`);
  }
  const { bare, noop, contexts: own } = results;
  const cost = 1 - ratioOf(own.rates, bare.rates);
  line("cost of contexts(), of bare Hono's requests/s", `${(cost * 100).toFixed(1)} %`, "≤ 15 %", cost <= 0.15);
  const empty = 1 - ratioOf(noop.rates, bare.rates);
  console.log(`cost of a middleware that does nothing: ${(empty * 100).toFixed(1)} %`);
  // What the rates would be on a machine that has nothing else to do.
  const processor = 1 - ratioOf(bare.cpus, own.cpus);
  line("the same by the processor's time", `${(processor * 100).toFixed(1)} %`, "≤ 15 %", processor <= 0.15);
  const more = 1 - ratioOf(noop.cpus, own.cpus);
  console.log(`of a middleware that does nothing, by the processor's time: ${(more * 100).toFixed(1)} %`);
  await Promise.all(Object.values(programs).map(({ stop }) => stop()));
}

function call(fns: readonly (() => unknown)[], times: number): void {
  for (let i = 0; i < times; i++) fns[i % fns.length]!();
}

/** Nanoseconds of one call of each, less those of an empty function. */
function time(fns: Record<string, () => unknown>): Record<string, number> {
  const n = 100_000;
  const all = Object.entries({ empty: () => 1, ...fns });
  // First all from one place, so that V8 makes no loop of its own for any of them, in which not much of it may be left.
  call(Object.values(fns), n);
  const times: Record<string, number[]> = Object.fromEntries(all.map(([name]) => [name, []]));
  for (let round = 0; round < 25; round++) {
    for (const [name, fn] of all) {
      const started = performance.now();
      call([fn], n);
      times[name]!.push(((performance.now() - started) / n) * 1e6);
    }
  }
  const empty = median(times["empty"]!);
  return Object.fromEntries(Object.keys(fns).map((name) => [name, median(times[name]!) - empty]));
}

async function costOfProxies(): Promise<void> {
  const storage = new AsyncLocalStorage<{ method: string }>();
  const bare = { "getStore()": () => storage.getStore()!.method };
  const reads = {
    "request.method": () => request.method,
    "request.args": () => request.args,
    "g.x": () => g["x"] as number,
    "session.x": () => session["x"] as number,
    "currentApp.config": () => currentApp.config,
  };
  const others = {
    "g.x = 1": () => (g["x"] = 1),
    "session.x = 1": () => (session["x"] = 1),
    'g.get("x")': () => g.get("x"),
    'session.get("x")': () => session.get("x"),
  };
  const app = new Hono();
  app.use(contexts({ secretKey: "a key", config: { x: 1 } }));
  let times: Record<string, number> = {};
  app.get("/", () =>
    storage.run({ method: "GET" }, () => {
      [g["x"], session["x"]] = [1, 1];
      times = time({ ...bare, ...reads, ...others });
      return new Response();
    }),
  );
  await app.request("/");
  const texts = (of: object): string =>
    Object.keys(of)
      .map((name) => `${name} ${times[name]!.toFixed(0)} ns`)
      .join(", ");
  console.log(`${texts({ ...bare, ...reads })}\nand what is no reading: ${texts(others)}`);
  const worst = Math.max(...Object.keys(reads).map((name) => times[name]!)) / times["getStore()"]!;
  line("dearest proxy access, times a bare getStore()", `${worst.toFixed(1)} ×`, "≤ 5 ×", worst <= 5);
}

async function twoWorkers(): Promise<void> {
  const cluster = await program("cluster", "contexts");
  await using server = await serve(new URL("./web/apps.js", import.meta.url), { port: 0, processes: 2 });
  await using threads = await serve(new URL("./web/apps.js", import.meta.url), { port: 0, threads: 2 });
  const names = { cluster: "node:cluster", processes: "serve, 2 processes", threads: "serve, 2 threads" };
  const results = await compare({ cluster: { url: cluster.url }, processes: server, threads });
  console.log(
    `with 2 workers (${server.distribution}): ${Object.entries(names)
      .map(([key, name]) => `${name} ${median(results[key as keyof typeof names].rates).toFixed(0)}`)
      .join(", ")} requests/s`,
  );
  for (const key of ["processes", "threads"] as const) {
    const ratio = ratioOf(results[key].rates, results.cluster.rates);
    line(`${names[key]}, times node:cluster`, `${ratio.toFixed(2)} ×`, "≥ 1 ×", ratio >= 1);
  }
  await cluster.stop();
}

async function lightBesideHeavy(): Promise<void> {
  const server = await program("contexts");
  const kinds = ["thread", "worker", "blocking"];
  const heavy = 2000;
  // The first thread of a process takes longer.
  for (const kind of kinds) await (await fetch(`${server.url}/heavy/${kind}?ms=1`)).text();
  const light = (): Promise<Load> => load(server.url, 4, heavy / 1000, { interval: 20 });
  await light();
  const p99: Record<string, number[]> = { idle: [], thread: [], worker: [], blocking: [] };
  for (let round = 0; round < rounds; round++) {
    p99["idle"]!.push((await light()).p99);
    for (const kind of kinds) {
      const computing = fetch(`${server.url}/heavy/${kind}?ms=${heavy}`).then((response) => response.text());
      p99[kind]!.push((await light()).p99);
      await computing;
    }
  }
  const [idle, thread, worker, blocking] = Object.values(p99).map(median) as [number, number, number, number];
  console.log(
    `p99 of 200 light requests a second: idle ${idle.toFixed(2)} ms; while one computes for 2 s in a heddle thread ${thread.toFixed(2)} ms, in a bare Worker ${worker.toFixed(2)} ms, in the server's own thread ${blocking.toFixed(0)} ms`,
  );
  const ratio = thread / idle;
  line("p99 beside a heavy request in a thread, times idle", `${ratio.toFixed(1)} ×`, "≤ 2 ×", ratio <= 2);
  console.log(`the same, times that beside a bare Worker: ${(thread / worker).toFixed(2)} ×`);
  await server.stop();
}

async function memory(): Promise<void> {
  const server = await program("contexts");
  const used = async (): Promise<number> => Number(await (await fetch(`${server.url}/memory`)).text());
  const url = `${server.url}/use?n=1`;
  await load(url, 16, 60, { most: 20_000 });
  const before = await used();
  const { requests, errors } = await load(url, 16, 600, { most: 100_000 });
  const growth = (await used()) - before;
  console.log(`${requests} requests that use request, session and g, ${errors} errors`);
  line("growth of the heap", `${(growth / 1024).toFixed(0)} KiB`, "none (< 500 KiB)", growth < 500 * 1024);
  await server.stop();
}

const all = { contexts: costOfContexts, proxies: costOfProxies, workers: twoWorkers, heavy: lightBesideHeavy, memory };

if (isMain(import.meta)) {
  const names = process.argv.slice(2).filter((name) => name in all) as (keyof typeof all)[];
  for (const name of names.length > 0 ? names : (Object.keys(all) as (keyof typeof all)[])) {
    console.log(`\n── ${name}`);
    await all[name]();
  }
}
