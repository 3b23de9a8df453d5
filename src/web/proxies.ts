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
import { RequestContext } from "./request-context.ts";
import { ContextRequest } from "./request.ts";
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

type Trap = (self: Function, key: PropertyKey) => unknown;
type SetTrap = (self: Function, key: PropertyKey, value: unknown) => boolean;

/** Shorter ways for what is done most, and what they fall back on. */
type Shortcuts = (get: Trap, set: SetTrap) => { get: Trap; set?: SetTrap };

/**
 * A LocalProxy whose `get` and `set` are its own: those of a LocalProxy are made for every kind of object, and take longer.
 * Each proxy has them written out, since V8 optimizes a function for the objects that it meets, and calls to what is not
 * always the same function stay calls.
 *
 * @param methods that may be called without being looked for on the object first, as long as nobody has set them
 */
function contextProxy<T extends object>(
  find: () => T | undefined,
  unboundMessage: string,
  shortcuts: Shortcuts,
  methods: readonly (keyof T)[] = [],
): T {
  const source = sources.get(localProxy(find, { unboundMessage }) as T & Function)!;
  const traps = trapsFor(source);
  const known = Object.create(null) as Record<PropertyKey, unknown>;
  for (const name of methods) {
    known[name] = (...args: unknown[]) =>
      (source.current() as Record<PropertyKey, Function>)[name]!(...args) as unknown;
  }
  const inspect: symbol = Symbol.for("nodejs.util.inspect.custom");
  const target = Object.defineProperty(() => undefined, inspect, {
    configurable: true,
    value: () => (source.isBound() ? source.current() : "<LocalProxy unbound>"),
  });
  for (const name of ["name", "length"]) delete (target as unknown as Record<string, unknown>)[name];
  const get: Trap = (self, key) =>
    key in known && source.isBound() ? known[key] : (traps.get!(self, key as string, self) as unknown);
  const set: SetTrap = (self, key, value) => traps.set!(self, key as string, value, self);
  // Few properties of its own, as those of a LocalProxy.
  const handler = Object.assign(Object.create(traps) as ProxyHandler<Function>, shortcuts(get, set));
  const proxy = new Proxy(target, handler);
  sources.set(proxy, source);
  return proxy as unknown as T;
}

/** A method must be called on the object itself, and what is not there may be the proxy's own. */
function isValue(value: unknown): boolean {
  return value !== undefined && typeof value !== "function";
}

/** The request that is being answered: a `Request` with `args`, `cookies`, `path` and `remoteAddr`. */
export const request: Request & ContextRequest = contextProxy(
  () => currentFrame()?.request?.request as (Request & ContextRequest) | undefined,
  NO_REQUEST_MESSAGE,
  (general) => ({
    get(self, key) {
      const value = ContextRequest.read(currentFrame()?.request?.request, key as keyof ContextRequest);
      return isValue(value) ? value : general(self, key);
    },
  }),
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
  (general, generalSet) => ({
    get(self, key) {
      const value = RequestContext.readSession(currentFrame()?.request, key);
      return isValue(value) ? value : general(self, key);
    },
    set: (self, key, value) =>
      RequestContext.writeSession(currentFrame()?.request, key, value) || generalSet(self, key, value),
  }),
  ["get", "pop", "setdefault", "update", "clear"],
);

/** What the functions of one request leave for each other. New for every context of the app. */
export const g: Globals & GlobalsMembers = contextProxy(
  () => currentFrame()?.app.g,
  NO_APP_MESSAGE,
  (general, generalSet) => ({
    get(self, key) {
      const value: unknown = currentFrame()?.app.g[key as string];
      return isValue(value) ? value : general(self, key);
    },
    set(self, key, value) {
      const frame = currentFrame();
      if (frame === undefined) return generalSet(self, key, value);
      frame.app.g[key as string] = value;
      return true;
    },
  }),
  ["get", "pop", "setdefault"],
);

/** The app: its `config` and its `name`. The same in every request. */
export const currentApp: Application = contextProxy(
  () => currentFrame()?.app.app,
  NO_APP_MESSAGE,
  (general) => ({
    get(self, key) {
      const value = currentFrame()?.app.app[key as keyof Application];
      return isValue(value) ? value : general(self, key);
    },
  }),
);

/** Do `request` and `session` mean something here? */
export function hasRequestContext(): boolean {
  return currentFrame()?.request !== undefined;
}

/** Do `currentApp` and `g` mean something here? */
export function hasAppContext(): boolean {
  return currentFrame() !== undefined;
}
