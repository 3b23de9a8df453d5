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

/** Shorter ways for what is done most. Where one is not taken, the traps of a LocalProxy are. */
interface Shortcuts<T> {
  /**
   * A property's value; `undefined`, or a method, if it is not for this way. Each proxy has a function of its own, since V8
   * optimizes a function for the objects that it meets.
   */
  readonly read: (key: keyof T) => unknown;
  /** Sets a property. Whether it did. */
  readonly write?: (key: keyof T, value: never) => boolean;
  /** Methods, as long as nobody has put another one in their place. */
  readonly methods?: readonly (keyof T)[];
}

function contextProxy<T extends object>(
  find: () => T | undefined,
  { read, write, methods: names = [] }: Shortcuts<T>,
  unboundMessage: string,
): T {
  const source = sources.get(localProxy(find, { unboundMessage }) as T & Function)!;
  const traps = trapsFor(source);
  const methods = Object.create(null) as Record<PropertyKey, unknown>;
  for (const name of names) {
    methods[name] = (...args: unknown[]) => (source.current() as Record<PropertyKey, Function>)[name]!(...args) as unknown;
  }
  const inspect: symbol = Symbol.for("nodejs.util.inspect.custom");
  const target = Object.defineProperty(() => undefined, inspect, {
    configurable: true,
    value: () => (source.isBound() ? source.current() : "<LocalProxy unbound>"),
  });
  for (const name of ["name", "length"]) delete (target as unknown as Record<string, unknown>)[name];
  const proxy = new Proxy(target, {
    ...traps,
    get(self, key) {
      const value = read(key as keyof T);
      // A method must be called on the object, and what is not there may be the proxy's own.
      if (value !== undefined && typeof value !== "function") return value;
      if (key in methods && find() !== undefined) return methods[key];
      return traps.get!(self, key, self) as unknown;
    },
    set(self, key, value) {
      return write?.(key as keyof T, value as never) === true || traps.set!(self, key, value, self);
    },
  });
  sources.set(proxy, source);
  return proxy as unknown as T;
}

/** The request that is being answered: a `Request` with `args`, `cookies`, `path` and `remoteAddr`. */
export const request: Request & ContextRequest = contextProxy(
  () => currentFrame()?.request?.request as (Request & ContextRequest) | undefined,
  { read: (key) => ContextRequest.read(currentFrame()?.request?.request, key as keyof ContextRequest) },
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
  {
    read: (key) => RequestContext.readSession(currentFrame()?.request, key),
    write: (key, value) => RequestContext.writeSession(currentFrame()?.request, key, value),
    methods: ["get", "pop", "setdefault", "update", "clear"],
  },
  NO_REQUEST_MESSAGE,
);

/** What the functions of one request leave for each other. New for every context of the app. */
export const g: Globals & GlobalsMembers = contextProxy(
  () => currentFrame()?.app.g,
  {
    read: (key) => currentFrame()?.app.g[key],
    write(key, value) {
      const frame = currentFrame();
      if (frame === undefined) return false;
      frame.app.g[key] = value;
      return true;
    },
    methods: ["get", "pop", "setdefault"],
  },
  NO_APP_MESSAGE,
);

/** The app: its `config` and its `name`. The same in every request. */
export const currentApp: Application = contextProxy(
  () => currentFrame()?.app.app,
  { read: (key) => currentFrame()?.app.app[key] },
  NO_APP_MESSAGE,
);

/** Do `request` and `session` mean something here? */
export function hasRequestContext(): boolean {
  return currentFrame()?.request !== undefined;
}

/** Do `currentApp` and `g` mean something here? */
export function hasAppContext(): boolean {
  return currentFrame() !== undefined;
}
