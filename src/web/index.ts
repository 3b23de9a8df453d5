/**
 * heddle/web: Flask's contexts on Hono, and a server that uses every core.
 *
 * @module
 */

export * from "./types.ts";
export { AppContext, appContext } from "./app-context.ts";
export {
  type AfterRequest,
  type Application,
  type BeforeRequest,
  type ContextsOptions,
  type Teardown,
} from "./application.ts";
export type { GlobalsMembers } from "./globals.ts";
export {
  afterRequest,
  afterThisRequest,
  beforeRequest,
  copyCurrentRequestContext,
  teardownAppcontext,
  teardownRequest,
} from "./hooks.ts";
export { contexts } from "./middleware.ts";
export { currentApp, g, hasAppContext, hasRequestContext, request, session } from "./proxies.ts";
export { RequestContext } from "./request-context.ts";
export type { ContextRequest } from "./request.ts";
export { serve } from "./serve.ts";
export type { ServeOptions } from "./serve/options.ts";
export type { Distribution, Server } from "./serve/server.ts";
export type { SessionMembers } from "./session.ts";
export { MemoryStore, type SessionOptions, type SessionStore } from "./sessions.ts";
export { shared } from "./shared.ts";
export type { Secret } from "./signing.ts";
export { testRequestContext, type TestRequestInit } from "./test-context.ts";
export { LookupError, RuntimeError, ValueError } from "../errors.ts";
