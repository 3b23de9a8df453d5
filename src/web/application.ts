/**
 * The app, as `currentApp` shows it: what `contexts()` was given, and the functions to call around each request.
 *
 * @module
 */

import { describe } from "../core/deadline.ts";
import { type SessionOptions, Sessions } from "./sessions.ts";
import type { Secret } from "./signing.ts";
import type { Config, HonoApp } from "./types.ts";

/** Options of {@link contexts}. */
export interface ContextsOptions {
  /**
   * Signs the session's cookie: a long random text. Without one, sessions are empty and cannot be written. Of several the
   * first signs, and the others are still accepted: put a new key first, and drop the old one when its cookies have expired.
   */
  secretKey?: Secret | readonly Secret[] | undefined;
  /** Further keys that are accepted. */
  secretKeyFallbacks?: readonly Secret[] | undefined;
  /** What `currentApp.config` is. */
  config?: Config | undefined;
  /** For messages. Default: `app`. */
  name?: string | undefined;
  /** The session's cookie, its lifetime, and where sessions are kept. */
  session?: SessionOptions | undefined;
}

/** Before the view; what it returns that is not `undefined` is the answer, and the view is not called. */
// oxlint-disable-next-line typescript/no-invalid-void-type -- a function that returns nothing is one of them
export type BeforeRequest = () => Response | undefined | void | Promise<Response | undefined | void>;
/** After the view: gets the answer, and may return another one. */
export type AfterRequest = (response: Response) => Response | undefined | void | Promise<Response | undefined | void>;
/** At the end: gets the error that nobody handled, or `undefined`. */
export type Teardown = (error: unknown) => unknown;

export interface Hooks {
  /** Is there none of any kind? */
  isEmpty: boolean;
  readonly beforeRequest: BeforeRequest[];
  readonly afterRequest: AfterRequest[];
  readonly teardownRequest: Teardown[];
  readonly teardownAppcontext: Teardown[];
}

/** The names of the lists. */
export type HookKind = Exclude<keyof Hooks, "isEmpty">;

export function noHooks(): Hooks {
  return { isEmpty: true, beforeRequest: [], afterRequest: [], teardownRequest: [], teardownAppcontext: [] };
}

/** What `contexts()` makes: one for each app. */
export class Application {
  readonly name: string;
  readonly config: Config;
  readonly #hooks: Hooks = noHooks();
  readonly #sessions: Sessions;

  constructor(options: ContextsOptions) {
    if (typeof options !== "object" || options === null) {
      throw new TypeError(`contexts() takes an object such as { secretKey }, not ${describe(options)}`);
    }
    const { secretKey, secretKeyFallbacks = [], config = {}, name = "app", session = {} } = options;
    const keys = [secretKey, secretKeyFallbacks].flat() as unknown[];
    for (const key of keys) {
      if (key !== undefined && typeof key !== "string" && !(key instanceof Uint8Array)) {
        throw new TypeError(`A secret key must be a string or bytes, not ${describe(key)}`);
      }
    }
    // Fallbacks alone sign nothing; an empty text is how an environment variable says that there is none.
    const [first] = [secretKey].flat() as (Secret | undefined)[];
    const usable = (key: unknown): key is Secret => key !== undefined && (key as Secret).length > 0;
    this.name = name;
    this.config = config;
    this.#sessions = new Sessions(usable(first) ? keys.filter(usable) : [], session);
  }

  toString(): string {
    return `<App '${this.name}'>`;
  }

  static hooksOf(app: Application): Hooks {
    return app.#hooks;
  }

  static sessionsOf(app: Application): Sessions {
    return app.#sessions;
  }
}

const applications: WeakMap<object, Application> = new WeakMap();

/** Remembers which app a middleware belongs to. */
export function belongsTo(middleware: object, app: Application): void {
  applications.set(middleware, app);
}

/** The application of a Hono app, of the middleware that it uses, or of itself (which `currentApp` gives). */
export function applicationOf(app: HonoApp | Application | object): Application {
  if (app instanceof Application) return app;
  const known = typeof app === "object" || typeof app === "function" ? applications.get(app) : undefined;
  if (known !== undefined) return known;
  const { routes } = (app ?? {}) as Partial<HonoApp>;
  if (!Array.isArray(routes)) throw new TypeError(`Expected a Hono app, not ${describe(app)}`);
  for (const { handler } of routes as HonoApp["routes"]) {
    const found = typeof handler === "function" ? applications.get(handler) : undefined;
    if (found !== undefined) {
      applications.set(app, found);
      return found;
    }
  }
  throw new TypeError("This app has no contexts: app.use(contexts({ secretKey })) before anything else");
}
