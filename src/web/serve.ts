/** @module */

import type { ServeOptions } from "./serve/options.ts";
import type { Server } from "./serve/server.ts";

/**
 * Serves a Hono app on all cores: `processes` × `threads` workers import the app's module and accept on one port.
 *
 * ```ts
 * import { serve } from "heddle/web";
 *
 * const server = await serve(new URL("./app.ts", import.meta.url), { port: 5005, threads: 4 });
 * console.log(server.url);
 * ```
 *
 * The module's default export is the app. Each thread imports it for itself, so its plain variables are the thread's own;
 * what the threads of a process are to share comes from {@link shared}.
 *
 * SIGTERM and SIGINT close the server once the requests at hand are answered, or when `drain` milliseconds have passed;
 * SIGHUP puts new workers in the place of the old ones, one at a time, without refusing a connection. A worker that dies
 * is replaced. The process lives as long as the server.
 *
 * Errors: `RuntimeError` if the app cannot be imported (with its error as `cause`), if the port is in use, or if Hono's
 * adapter `@hono/node-server` is not installed.
 */
export async function serve(app: URL | string, options?: ServeOptions): Promise<Server> {
  // Apps import this module too, in every thread; what starts processes is not for them.
  const { startServer } = await import("./serve/server.ts");
  return await startServer(app, options);
}
