/**
 * The server: it owns the sockets, and looks after the worker processes.
 *
 * ```
 *   server (this process)              worker process 1 … N
 *   ─────────────────────              ────────────────────
 *   sockets 1 … N×M ── inherited ──►   threads 1 … M: import the app, accept from a socket each
 *   start, drain    ── messages ──►
 *                   ◄── messages ──    ready, failed, lost
 * ```
 *
 * A worker is replaced in three cases: it was lost (then after a back-off that grows while it keeps happening), a thread of
 * it was lost, or the server reloads. The new one is ready before the old one is told to stop.
 *
 * @module
 */

import { RuntimeError } from "../../errors.ts";
import { deferred } from "./deferred.ts";
import { type ServeOptions, type Settings, settingsOf } from "./options.ts";
import type { AppConfig } from "./protocol.ts";
import { canInherit, freePort, openSockets, resolveHost, type Sockets } from "./sockets.ts";
import { forkWorker, spawnWorker, type WorkerProcess } from "./worker-process.ts";

/** The first pause before a worker is replaced that had lived shortly; it doubles each time. Milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5000;
/** A worker that has lived so long was well. Milliseconds. */
const LONG_LIFE = 10_000;

/** How connections reach the workers. */
export type Distribution =
  /** Each thread has a socket on the port, and the kernel spreads connections over them. */
  | "reusePort"
  /** All threads accept from one socket. */
  | "sharedSocket"
  /** `node:cluster` hands them over; every worker is a process with one thread. */
  | "cluster";

interface Place {
  readonly fds: readonly number[];
  worker: WorkerProcess | undefined;
  /** Workers lost here in a row that had not lived long. */
  failures: number;
}

/** A running server, made by {@link serve}. */
export class Server implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** How connections reach the workers. */
  readonly distribution: Distribution;
  /** Threads in each process. */
  readonly threads: number;
  /** Resolves when the server has been closed and every worker has ended. */
  readonly closed: Promise<void>;
  readonly #settings: Settings;
  readonly #config: AppConfig;
  readonly #sockets: Sockets | undefined;
  readonly #places: Place[];
  readonly #timers: Set<ReturnType<typeof setTimeout>> = new Set();
  /** Workers that still finish what they had begun. */
  readonly #leaving: Set<WorkerProcess> = new Set();
  readonly #resolveClosed: () => void;
  #closing: Promise<void> | undefined;
  #reloading: Promise<void> = Promise.resolve();
  #unlisten: (() => void) | undefined;

  private constructor(settings: Settings, config: AppConfig, port: number, sockets: Sockets | undefined) {
    const { promise, resolve } = deferred<void>();
    [this.closed, this.#resolveClosed] = [promise, resolve];
    [this.#settings, this.#config, this.#sockets] = [settings, config, sockets];
    this.host = config.host;
    this.port = port;
    this.distribution = sockets === undefined ? "cluster" : sockets.spread ? "reusePort" : "sharedSocket";
    // Cluster's workers have one thread each.
    const processes = sockets === undefined ? settings.processes * settings.threads : settings.processes;
    this.threads = sockets === undefined ? 1 : settings.threads;
    this.#places = Array.from({ length: processes }, (_, i) => ({
      fds: sockets?.fds.slice(i * this.threads, (i + 1) * this.threads) ?? [],
      worker: undefined,
      failures: 0,
    }));
  }

  static async start(settings: Settings, distribution?: "cluster"): Promise<Server> {
    const { address, family } = await resolveHost(settings.host);
    const { url, accessLog, healthz } = settings;
    const config: AppConfig = { url, accessLog, healthz, host: address };
    const count = settings.processes * settings.threads;
    const inherits = distribution !== "cluster" && canInherit();
    const sockets = inherits ? openSockets(address, family, settings.port, count) : undefined;
    // Cluster would choose a free port anew whenever no worker is left.
    const port = sockets?.port ?? (settings.port || (await freePort(address)));
    const server = new Server(settings, config, port, sockets);
    try {
      await server.#open();
    } catch (error) {
      await server.close({ drain: 0 });
      throw error;
    }
    return server;
  }

  /** Such as `http://127.0.0.1:5005`. */
  get url(): string {
    return `http://${this.host.includes(":") ? `[${this.host}]` : this.host}:${this.port}`;
  }

  /** The worker processes that run now. */
  get workers(): readonly { readonly pid: number }[] {
    return this.#places.flatMap(({ worker }) => (worker === undefined ? [] : [{ pid: worker.pid }]));
  }

  async #open(): Promise<void> {
    // The first to fail is the one to hear of.
    await Promise.all(this.#places.map((place) => this.#fill(place)));
    if (this.#settings.signals) this.#unlisten = this.#listenToSignals();
  }

  async #make(place: Place): Promise<WorkerProcess> {
    const worker =
      this.#sockets === undefined ? await forkWorker(this.#config, this.port) : spawnWorker(this.#config, place.fds);
    this.#leaving.add(worker);
    void worker.exited.then(() => this.#leaving.delete(worker));
    await worker.ready.catch((error: unknown) => {
      worker.kill();
      throw error;
    });
    if (this.#closing !== undefined) throw new RuntimeError("the server was closed");
    return worker;
  }

  /** Puts a new worker in its place; the one before stops when the new one is ready. */
  async #fill(place: Place): Promise<void> {
    const worker = await this.#make(place);
    const before = place.worker;
    place.worker = worker;
    const since = performance.now();
    void worker.lost.then(({ reason }) => this.#lost(place, worker, performance.now() - since, reason));
    if (before === undefined) return;
    void before.drain({ limit: this.#settings.drain, closeIdle: false });
    await before.stopped;
  }

  #lost(place: Place, worker: WorkerProcess, lived: number, reason: string): void {
    if (place.worker !== worker || this.#closing !== undefined) return;
    place.failures = lived >= LONG_LIFE ? 0 : place.failures + 1;
    const pause = place.failures < 2 ? 0 : Math.min(FIRST_PAUSE * 2 ** (place.failures - 2), LONGEST_PAUSE);
    const when = pause === 0 ? "now" : `in ${pause} ms`;
    this.#settings.log(`heddle serve: worker ${worker.pid} is lost and will be replaced ${when}: ${reason}`);
    this.#later(place, pause);
  }

  #later(place: Place, pause: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#fill(place).catch((error: unknown) => {
        if (this.#closing !== undefined) return;
        place.failures++;
        const next = Math.min(FIRST_PAUSE * 2 ** place.failures, LONGEST_PAUSE);
        this.#settings.log(`heddle serve: a worker could not be replaced, next try in ${next} ms: ${explain(error)}`);
        this.#later(place, next);
      });
    }, pause);
    this.#timers.add(timer);
  }

  /**
   * Replaces one worker after another by new ones, which import the app anew. Each serves before the one it replaces
   * stops, which finishes what it has begun; no connection is refused. Once it resolves, new connections are all for new
   * workers. If the app cannot be imported, its error is thrown
   * and the old workers stay.
   */
  reload(): Promise<void> {
    if (this.#closing !== undefined) throw new RuntimeError("The server is closed: start a new one");
    this.#reloading = this.#reloading
      .catch(() => undefined)
      .then(async () => {
        for (const place of this.#places) if (this.#closing === undefined) await this.#fill(place);
      });
    return this.#reloading;
  }

  /**
   * Accepts no more connections, lets requests finish, and resolves when every worker has ended. What has not finished
   * after `drain` milliseconds is cut; its default is the one given to `serve`.
   */
  close(options?: { drain?: number }): Promise<void> {
    this.#closing ??= this.#close(options?.drain ?? this.#settings.drain);
    return this.#closing;
  }

  async #close(limit: number): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#unlisten?.();
    // Otherwise connections would wait here for workers that take no more.
    this.#sockets?.close();
    await Promise.all([...this.#leaving].map((worker) => worker.drain({ limit, closeIdle: true })));
    this.#resolveClosed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #listenToSignals(): () => void {
    const stop = (): void => {
      // Asked twice, someone is in a hurry.
      if (this.#closing !== undefined) for (const worker of this.#leaving) worker.kill();
      void this.close();
    };
    const reload = (): void => {
      this.reload().then(
        () => this.#settings.log("heddle serve: reloaded"),
        (error: unknown) => this.#settings.log(`heddle serve: not reloaded, the old workers go on: ${explain(error)}`),
      );
    };
    process.on("SIGTERM", stop).on("SIGINT", stop).on("SIGHUP", reload);
    return () => {
      // A second signal during the closing still hurries it.
      process.off("SIGHUP", reload);
      void this.closed.then(() => process.off("SIGTERM", stop).off("SIGINT", stop));
    };
  }
}

/** What `serve` does. */
export async function startServer(app: URL | string, options: ServeOptions | undefined): Promise<Server> {
  return await Server.start(settingsOf(app, options));
}

/** An error with the app's own stack. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}\n${error.cause.stack}` : error.message;
}
