/**
 * The options of `serve`.
 *
 * @module
 */

import { describe } from "../../core/deadline.ts";
import { ValueError } from "../../errors.ts";

/** Options of {@link serve}. */
export interface ServeOptions {
  /** 0: any free port, see `server.port`. Default: 5005. */
  port?: number | undefined;
  /** Where to listen. Default: `127.0.0.1`, this machine only; `0.0.0.0` for every machine that can reach it. */
  host?: string | undefined;
  /** Threads of each process, each with an app of its own. Default: 1. */
  threads?: number | undefined;
  /** Default: 1. */
  processes?: number | undefined;
  /** Milliseconds that requests may take to their end when a worker stops. Default: 10 000. */
  drain?: number | undefined;
  /** A line on stdout for each answer. Default: false. */
  accessLog?: boolean | undefined;
  /** A path that is answered with 200 while all is well; `true`: `/healthz`. Default: false. */
  healthz?: boolean | string | undefined;
  /** SIGTERM and SIGINT close the server, SIGHUP reloads it. Default: true. */
  signals?: boolean | undefined;
  /** Takes what the server reports of its workers. Default: writes to stderr. */
  log?: ((line: string) => void) | undefined;
}

export interface Settings {
  readonly url: string;
  readonly port: number;
  readonly host: string;
  readonly threads: number;
  readonly processes: number;
  readonly drain: number;
  readonly accessLog: boolean;
  readonly healthz: string | undefined;
  readonly signals: boolean;
  readonly log: (line: string) => void;
}

export function settingsOf(app: URL | string, options: ServeOptions = {}): Settings {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`serve() takes a URL and options such as { port: 5005 }, not ${describe(options)}`);
  }
  const { host = "127.0.0.1", healthz = false, log } = options;
  if (typeof host !== "string" || host === "")
    throw new TypeError(`host must be a name or an address, not ${describe(host)}`);
  if (typeof healthz === "string" && !healthz.startsWith("/")) {
    throw new ValueError(`healthz must be a path such as "/healthz", not ${JSON.stringify(healthz)}`);
  }
  if (log !== undefined && typeof log !== "function")
    throw new TypeError(`log must be a function, not ${describe(log)}`);
  return {
    url: urlOf(app),
    port: whole("port", options.port ?? 5005, 0, 65_535),
    host,
    threads: whole("threads", options.threads ?? 1, 1, 1024),
    processes: whole("processes", options.processes ?? 1, 1, 1024),
    drain: whole("drain", options.drain ?? 10_000, 0, 2 ** 31 - 1),
    accessLog: options.accessLog ?? false,
    healthz: healthz === true ? "/healthz" : healthz === false ? undefined : healthz,
    signals: options.signals ?? true,
    log: log ?? ((line) => void process.stderr.write(`${line}\n`)),
  };
}

function urlOf(app: URL | string): string {
  const text = String(app);
  if (!(app instanceof URL) && !URL.canParse(text)) {
    throw new TypeError(
      `serve() takes the URL of the app's module, such as new URL("./app.ts", import.meta.url), not ${JSON.stringify(text)}`,
    );
  }
  return text;
}

function whole(name: string, value: number, least: number, most: number): number {
  if (typeof value !== "number") throw new TypeError(`${name} must be a number, not ${describe(value)}`);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new ValueError(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
  }
  return value;
}
