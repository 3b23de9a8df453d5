/**
 * A worker process, as the server sees it.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { RuntimeError } from "../../errors.ts";
import { deferred } from "./deferred.ts";
import type { AppConfig, Drain, ErrorReport, FromWorker, Source, ToWorker } from "./protocol.ts";

/** Beside this file, or beside the one that this is joined into. */
const PROGRAM: string = fileURLToPath(
  new URL(import.meta.url.endsWith("/worker-process.js") ? "./worker-main.js" : "./serve-worker.js", import.meta.url),
);

/** Beyond the time that requests have, before a worker that does not end is killed. Milliseconds. */
const KILL_AFTER = 2000;

export interface Ending {
  /** What the worker said of it, or how it ended. */
  readonly reason: string;
}

export class WorkerProcess {
  readonly child: ChildProcess;
  /** Every thread listens. Rejects if it never comes to that. */
  readonly ready: Promise<void>;
  /** The process has ended. */
  readonly exited: Promise<Ending>;
  /** It works no more, whether it has ended or not; never resolves for one that was told to stop. */
  readonly lost: Promise<Ending>;
  /** It accepts no more connections. */
  readonly stopped: Promise<void>;
  #draining = false;

  constructor(child: ChildProcess, config: AppConfig, sources: readonly Source[]) {
    this.child = child;
    const ready = deferred<void>();
    const lost = deferred<Ending>();
    const exited = deferred<Ending>();
    const stopped = deferred<void>();
    [this.ready, this.lost, this.exited] = [ready.promise, lost.promise, exited.promise];
    this.stopped = stopped.promise;
    child.on("message", (message: FromWorker) => {
      // A worker of node:cluster would not hear what is sent before.
      if (message.type === "begun") this.#send({ type: "start", config, sources });
      else if (message.type === "ready") ready.resolve();
      else if (message.type === "failed") ready.reject(failure(config.url, message.error));
      else if (message.type === "stopped") stopped.resolve();
      else if (message.type === "lost") lost.resolve({ reason: message.error.stack ?? message.error.message });
    });
    child.once("error", (error) =>
      ready.reject(new RuntimeError("a worker process could not be started", { cause: error })),
    );
    child.once("exit", (code, signal) => {
      const reason = signal === null ? `it ended with exit code ${code}` : `it was killed by ${signal}`;
      ready.reject(new RuntimeError(`A worker process never got ready to serve ${config.url}: ${reason}`));
      if (!this.#draining) lost.resolve({ reason });
      stopped.resolve();
      exited.resolve({ reason });
    });
    // Who waits for it hears of it; nobody has to.
    this.ready.catch(() => undefined);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Asks it to stop, and kills it if it does not. */
  drain(how: Drain): Promise<Ending> {
    this.#draining = true;
    this.#send({ type: "drain", ...how });
    const timer = setTimeout(() => this.kill(), how.limit + KILL_AFTER);
    void this.exited.then(() => clearTimeout(timer));
    return this.exited;
  }

  kill(): void {
    this.#draining = true;
    this.child.kill("SIGKILL");
  }

  #send(message: ToWorker): void {
    // One that has just ended is noticed by its exit.
    if (this.child.connected) this.child.send(message, () => undefined);
  }
}

function failure(url: string, { message, stack }: ErrorReport): RuntimeError {
  const cause = new Error(message);
  if (stack !== undefined) cause.stack = stack;
  return new RuntimeError(`The app ${url} cannot be served: ${message}`, { cause });
}

/** Starts a worker process that inherits its sockets. */
export function spawnWorker(config: AppConfig, fds: readonly number[]): WorkerProcess {
  const child = spawn(process.execPath, [...execArgv(), PROGRAM], {
    stdio: ["ignore", "inherit", "inherit", "ipc", ...fds],
  });
  return new WorkerProcess(
    child,
    config,
    fds.map((_, i) => ({ fd: 4 + i })),
  );
}

/** Starts a worker process that gets its connections from this one. */
export async function forkWorker(config: AppConfig, port: number): Promise<WorkerProcess> {
  const { default: cluster } = await import("node:cluster");
  cluster.setupPrimary({ exec: PROGRAM, args: [], execArgv: execArgv() });
  return new WorkerProcess(cluster.fork().process as ChildProcess, config, [{ port }]);
}

/** This process's options, without those that make sense once: a debugger's port, what to evaluate, a test's name. */
function execArgv(): string[] {
  const kept: string[] = [];
  for (let i = 0; i < process.execArgv.length; i++) {
    const flag = process.execArgv[i]!;
    if (/^(-e|--eval|-p|--print|-pe|--input-type)$/.test(flag)) i++;
    else if (!/^--(inspect|test|watch|eval|print|input-type|cpu-prof|heap-prof)/.test(flag)) kept.push(flag);
  }
  return kept;
}
