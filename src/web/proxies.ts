/**
 * The names that mean another object in each request.
 *
 * @module
 */

import { localProxy } from "../local/index.ts";
import { sources, trapsFor } from "../local/proxy-traps.ts";
import type { Application } from "./application.ts";
import { currentFrame } from "./frames.ts";
import type { GlobalsMembers } from "./globals.ts";
import type { ContextRequest } from "./request.ts";
import type { SessionMembers } from "./session.ts";
import type { Globals, Session } from "./types.ts";

/** How every error about a missing request begins. */
export const NO_REQUEST = "Working outside of request context.";
const NO_REQUEST_MESSAGE = `${NO_REQUEST}

What was used here belongs to a request, and this code runs in none: at the top level of a module, in a thread, or after
the answer. In a test, push testRequestContext(app, "/path"); for work that outlives its request, wrap the function in
copyCurrentRequestContext(fn); and see that app.use(contexts(…)) comes before the route.`;

const NO_APP_MESSAGE = `Working outside of application context.

What was used here belongs to an app, and this code runs in none. Push one: using _ = appContext(app).push(); and see
that app.use(contexts(…)) comes before the route.`;

/**
 * A LocalProxy with a shorter way for what is done most, reading a value: the traps of a LocalProxy are made for every
 * kind of object, and take longer.
 */
function contextProxy<T extends object>(find: () => T | undefined, unboundMessage: string): T {
  const general = localProxy(find, { unboundMessage });
  const source = sources.get(general)!;
  const inspect: symbol = Symbol.for("nodejs.util.inspect.custom");
  const target = Object.defineProperty(() => undefined, inspect, {
    configurable: true,
    value: () => (source.isBound() ? source.current() : "<LocalProxy unbound>"),
  });
  for (const name of ["name", "length"]) delete (target as unknown as Record<string, unknown>)[name];
  const proxy = new Proxy(target, {
    ...trapsFor(source),
    get(_, key) {
      const value = find()?.[key as keyof T];
      // A method must be called on the object, and what is not there may be the proxy's own.
      return value !== undefined && typeof value !== "function" ? value : general[key as keyof T];
    },
  });
  sources.set(proxy, source);
  return proxy as unknown as T;
}

/** The request that is being answered: a `Request` with `args`, `cookies`, `path` and `remoteAddr`. */
export const request: Request & ContextRequest = contextProxy(
  () => currentFrame()?.request?.request as (Request & ContextRequest) | undefined,
  NO_REQUEST_MESSAGE,
);

/**
 * What this client's requests leave for each other: signed, in a cookie.
 *
 * A key that is set or deleted is noticed. After changing something inside of a value, such as an array, set
 * `session.modified = true`.
 */
export const session: Session & SessionMembers = contextProxy(
  () => currentFrame()?.request?.session,
  NO_REQUEST_MESSAGE,
);

/** What the functions of one request leave for each other. New for every context of the app. */
export const g: Globals & GlobalsMembers = contextProxy(() => currentFrame()?.app.g, NO_APP_MESSAGE);

/** The app: its `config` and its `name`. The same in every request. */
export const currentApp: Application = contextProxy(() => currentFrame()?.app.app, NO_APP_MESSAGE);

/** Do `request` and `session` mean something here? */
export function hasRequestContext(): boolean {
  return currentFrame()?.request !== undefined;
}

/** Do `currentApp` and `g` mean something here? */
export function hasAppContext(): boolean {
  return currentFrame() !== undefined;
}
