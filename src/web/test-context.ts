/** @module */

import { type Application, applicationOf } from "./application.ts";
import { RequestContext } from "./request-context.ts";
import { ContextRequest } from "./request.ts";
import type { HonoApp } from "./types.ts";

/** Options of {@link testRequestContext}: those of `new Request`, and where the request is said to come from. */
export interface TestRequestInit extends RequestInit {
  /** Default: `127.0.0.1`. */
  remoteAddr?: string;
}

/**
 * The context of a request that nobody has sent, for tests and scripts. Nothing answers it: neither `beforeRequest` nor
 * `afterRequest` functions are called, only those for the teardown.
 *
 * ```ts
 * using _ = testRequestContext(app, "/?name=World").push();
 * request.args.get("name"); // World
 * ```
 *
 * @param path what follows the host, or a whole URL
 */
export function testRequestContext(
  app: HonoApp | Application,
  path: string | URL = "/",
  init: TestRequestInit = {},
): RequestContext {
  const { remoteAddr = "127.0.0.1", ...rest } = init;
  return new RequestContext(
    applicationOf(app),
    new ContextRequest(new Request(new URL(path, "http://localhost/"), rest), undefined, remoteAddr),
  );
}
