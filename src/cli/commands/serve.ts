/** @module */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs, type ParseArgsConfig } from "node:util";
import { HeddleError } from "../../errors.ts";
import { serve } from "../../web/serve.ts";
import { explain } from "../../web/serve/server.ts";
import { type Command, UsageError } from "../command.ts";

const options = {
  port: { type: "string", short: "p" },
  host: { type: "string" },
  threads: { type: "string", short: "t" },
  processes: { type: "string" },
  drain: { type: "string" },
  healthz: { type: "string" },
  "no-access-log": { type: "boolean" },
} satisfies ParseArgsConfig["options"];

type Values = { readonly [name in keyof typeof options]?: string | boolean };

function parse(args: readonly string[]): { values: Values; file: string } {
  let parsed: { values: Values; positionals: string[] };
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const [file, ...more] = parsed.positionals;
  if (file === undefined) throw new UsageError("which app? Name its file");
  if (more.length > 0) throw new UsageError(`one app at a time: what is ${more[0]}?`);
  return { values: parsed.values, file };
}

function count(values: Values, name: "port" | "threads" | "processes" | "drain"): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(String(text))) throw new UsageError(`--${name} takes a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}

/** Workers are given this process's options, and so the loader. */
function prepareTypeScript(file: string): void {
  const canStrip = (process.features as { typescript?: unknown }).typescript;
  const hasLoader = process.execArgv.some((flag) => /tsx|ts-node|swc|strip-types|--loader/.test(flag));
  if (!/\.[cm]?tsx?$/.test(file) || canStrip !== undefined || hasLoader) return;
  if (typeof canStrip === "string") return;
  try {
    const tsx = createRequire(path.resolve(file)).resolve("tsx");
    process.execArgv.push("--import", pathToFileURL(tsx).href);
  } catch {
    // Not installed: the worker says what to do.
  }
}

export const serveCommand: Command = {
  usage: "FILE [--port 5005] [--threads 1] [--processes 1]",
  help: `FILE's default export is a Hono app, or anything else with a fetch method.

  -p, --port N       default 5005; 0: any free port
  --host NAME        default 127.0.0.1; 0.0.0.0 for every machine that can reach this one
  -t, --threads N    threads in each process, each with an app of its own; default 1
  --processes N      default 1
  --drain MS         how long requests may take to their end when a worker stops; default 10000
  --healthz PATH     a path that is answered with 200 while all is well, such as /healthz
  --no-access-log    no line for each answer

SIGTERM and Ctrl-C stop it when the requests at hand are answered; SIGHUP reloads the app, one worker at a time.`,

  async run(args) {
    const { values, file } = parse(args);
    if (!existsSync(file)) throw new UsageError(`there is no file ${file}`);
    prepareTypeScript(file);
    try {
      const server = await serve(pathToFileURL(path.resolve(file)), {
        port: count(values, "port"),
        host: values.host as string | undefined,
        threads: count(values, "threads"),
        processes: count(values, "processes"),
        drain: count(values, "drain"),
        healthz: values.healthz as string | undefined,
        accessLog: values["no-access-log"] !== true,
      });
      const workers = `${server.workers.length} × ${server.threads}`;
      process.stderr.write(`heddle serve: ${server.url} (processes × threads: ${workers}); Ctrl-C stops it\n`);
      await server.closed;
      return 0;
    } catch (error) {
      if (!(error instanceof HeddleError) && !(error instanceof RangeError) && !(error instanceof TypeError))
        throw error;
      process.stderr.write(`heddle serve: ${explain(error)}\n`);
      return 1;
    }
  },
};
