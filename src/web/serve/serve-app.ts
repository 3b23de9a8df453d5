/**
 * What a worker thread does: it imports the app, serves it, and stops when it is told to.
 *
 * @module
 */

import { RuntimeError } from "../../errors.ts";
import type { SimpleQueue } from "../../queue/index.ts";
import type { SharedMap } from "../../shared/index.ts";
import { setRegistry } from "../shared.ts";
import { listen, type Running, type Servable } from "./http-server.ts";
import type { AppConfig, Drain, Source } from "./protocol.ts";

/** What a thread says of itself. */
export type Step = "listening" | "stopped";

/** Serves the app until `commands` says how to stop. Throws what kept it from serving. */
export async function serveApp(
  config: AppConfig,
  source: Source,
  commands: SimpleQueue<Drain>,
  steps: SimpleQueue<Step>,
  registry: SharedMap<string, unknown> | undefined,
): Promise<void> {
  if (registry !== undefined) setRegistry(registry);
  const app = appOf(await importApp(config.url), config.url);
  const running: Running = await listen(app, config, source);
  steps.putNowait("listening");
  await running.drain(await commands.get(), () => steps.putNowait("stopped"));
}

async function importApp(url: string): Promise<Record<string, unknown>> {
  try {
    return (await import(url)) as Record<string, unknown>;
  } catch (error) {
    const code = (error as { code?: unknown } | undefined)?.code;
    if (code === "ERR_UNKNOWN_FILE_EXTENSION" && /\.[cm]?tsx?$/.test(url)) {
      throw new RuntimeError(
        `Node ${process.versions.node} does not run TypeScript by itself. Install tsx (npm install --save-dev tsx), ` +
          "use Node 22.18 or later, or compile the app and serve the .js file",
        { cause: error },
      );
    }
    throw error;
  }
}

function appOf(module: Record<string, unknown>, url: string): Servable {
  for (const candidate of [module["default"], module["app"]]) {
    if (typeof (candidate as Partial<Servable> | undefined)?.fetch === "function") return candidate as Servable;
  }
  throw new RuntimeError(`${url} exports no app: end it with \`export default app;\`, where app is a Hono app`);
}
