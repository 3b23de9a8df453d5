/**
 * Where sessions are between requests: in a signed cookie, or in a store whose key is in a signed cookie.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import { describe } from "../core/deadline.ts";
import { ValueError } from "../errors.ts";
import { SharedMap } from "../shared/index.ts";
import { serializeCookie } from "./cookies.ts";
import { type ContextRequest, cookieHeader } from "./request.ts";
import { decodeSession, encodeSession } from "./session-codec.ts";
import { PERMANENT, SessionState } from "./session.ts";
import { shared } from "./shared.ts";
import { type Secret, Signer } from "./signing.ts";
import type { HonoContext } from "./types.ts";

/** Keeps sessions on the server. All methods may be asynchronous. */
export interface SessionStore {
  /** What was set under the id, unless it has expired. */
  get(id: string): string | undefined | Promise<string | undefined>;
  /** Keeps the text for `lifetime` milliseconds. */
  set(id: string, text: string, lifetime: number): void | Promise<void>;
  delete(id: string): void | Promise<void>;
}

export interface SessionOptions {
  /** Default: `session`. */
  cookieName?: string | undefined;
  /** Default: `/`. */
  path?: string | undefined;
  domain?: string | undefined;
  /** Default: true, so that scripts of the page cannot read it. */
  httpOnly?: boolean | undefined;
  /** Default: whether the request came over https. */
  secure?: boolean | undefined;
  /** Default: `Lax`. */
  sameSite?: "Strict" | "Lax" | "None" | undefined;
  /** Milliseconds after which a session is forgotten. Default: 31 days. */
  lifetime?: number | undefined;
  /** Is a permanent session's cookie sent with every answer, so that it lasts from the last request? Default: true. */
  refreshEachRequest?: boolean | undefined;
  /** Keeps sessions on the server, for what is too long for a cookie or not to be seen. Default: none, the cookie has all. */
  store?: SessionStore | undefined;
}

/** Browsers keep cookies up to 4096 bytes, name, value and attributes together. */
const LONGEST_COOKIE = 4096;
const DAY = 86_400_000;

const NO_KEY =
  "The session is unavailable because no secret key was set. Give the app one: contexts({ secretKey }), a long random " +
  "text that stays the same, such as from `openssl rand -hex 32`.";

/** A session, and where it is kept. */
export interface OpenSession {
  readonly state: SessionState;
  /** In the store. */
  id: string | undefined;
}

export class Sessions {
  readonly cookieName: string;
  readonly #options: SessionOptions;
  readonly #lifetime: number;
  readonly #signer: Signer | undefined;
  readonly #store: SessionStore | undefined;

  constructor(secrets: readonly Secret[], options: SessionOptions) {
    this.cookieName = options.cookieName ?? "session";
    if (!/^[\w!#$%&'*.^`|~+-]+$/.test(this.cookieName)) {
      throw new ValueError(`cookieName must be a cookie's name, not ${JSON.stringify(this.cookieName)}`);
    }
    this.#lifetime = options.lifetime ?? 31 * DAY;
    if (typeof this.#lifetime !== "number" || !(this.#lifetime > 0)) {
      throw new ValueError(`lifetime must be more than 0 milliseconds, not ${String(options.lifetime)}`);
    }
    const { store } = options;
    if (store !== undefined && typeof store?.get !== "function") {
      throw new TypeError(`store must have get, set and delete, as a MemoryStore has; it is ${describe(store)}`);
    }
    this.#options = options;
    this.#store = store;
    this.#signer = secrets.length === 0 ? undefined : new Signer(secrets, `heddle.session.${this.cookieName}`);
  }

  /** Must it be opened before anyone asks, since that may take time? */
  get isEager(): boolean {
    return this.#store !== undefined;
  }

  /** What cannot be read or trusted is an empty session, and no error. */
  open(request: ContextRequest): OpenSession | Promise<OpenSession> {
    if (this.#signer === undefined) return { state: new SessionState({}, false, NO_KEY), id: undefined };
    const cookie = request.cookies[this.cookieName];
    const payload =
      cookie === undefined || cookie.length > LONGEST_COOKIE ? undefined : this.#signer.unsign(cookie, this.#lifetime);
    if (this.#store === undefined) {
      const text = payload === undefined ? undefined : decoded(payload);
      return { state: new SessionState(read(text), false), id: undefined };
    }
    if (payload === undefined) return { state: new SessionState({}, true), id: undefined };
    const text = this.#store.get(payload);
    // A name that the store does not know is not taken on: whoever knows it may have chosen it.
    const found = (text: string | undefined): OpenSession =>
      text === undefined
        ? { state: new SessionState({}, true), id: undefined }
        : { state: new SessionState(read(text), false), id: payload };
    return text instanceof Promise ? text.then(found) : found(text);
  }

  /** May a session have to be sent again though nobody used it? What its cookie says is enough to rule it out. */
  mayRefresh(context: { readonly request: ContextRequest }, c: HonoContext): boolean {
    if (this.#signer === undefined || this.#options.refreshEachRequest === false) return false;
    if (!cookieHeader(c.req.raw, c)?.includes(`${this.cookieName}=`)) return false;
    if (this.#store !== undefined) return true;
    const cookie = context.request.cookies[this.cookieName] ?? "";
    return cookie.length <= LONGEST_COOKIE && decoded(cookie.split(".", 1)[0]!).includes(PERMANENT);
  }

  /**
   * The Set-Cookie header that the answer needs, if it needs one.
   *
   * Errors: `ValueError` if the session is too long for a cookie, or holds what no session can.
   */
  save(session: OpenSession, request: ContextRequest): string | undefined | Promise<string | undefined> {
    const { state } = session;
    if (state.isEmpty) {
      if (!state.modified) return undefined;
      const forgotten = session.id === undefined ? undefined : this.#store?.delete(session.id);
      const cookie = this.#cookie("", new Date(0), request);
      return forgotten instanceof Promise ? forgotten.then(() => cookie) : cookie;
    }
    const refreshes = state.permanent && this.#options.refreshEachRequest !== false;
    if (!state.modified && !refreshes) return undefined;
    const text = encodeSession(state.data);
    const expires = state.permanent ? new Date(Date.now() + this.#lifetime) : undefined;
    if (this.#store === undefined) return this.#checked(this.#cookie(this.#signed(encoded(text)), expires, request));
    session.id ??= randomBytes(24).toString("base64url");
    const cookie = this.#cookie(this.#signed(session.id), expires, request);
    const stored = this.#store.set(session.id, text, this.#lifetime);
    return stored instanceof Promise ? stored.then(() => cookie) : cookie;
  }

  #signed(payload: string): string {
    return this.#signer!.sign(payload);
  }

  #cookie(value: string, expires: Date | undefined, request: ContextRequest): string {
    const { path = "/", domain, httpOnly = true, sameSite = "Lax" } = this.#options;
    const secure = this.#options.secure ?? request.url.startsWith("https:");
    return serializeCookie(this.cookieName, value, { path, domain, httpOnly, secure, sameSite, expires });
  }

  #checked(cookie: string): string {
    const bytes = Buffer.byteLength(cookie);
    if (bytes <= LONGEST_COOKIE) return cookie;
    throw new ValueError(
      `The session is too long for a cookie: ${bytes} bytes, and browsers keep ${LONGEST_COOKIE}. Keep less in it, or keep ` +
        "it on the server: contexts({ session: { store: new MemoryStore() } })",
    );
  }
}

const encoded = (text: string): string => Buffer.from(text).toString("base64url");
const decoded = (payload: string): string => Buffer.from(payload, "base64url").toString();

/** What an earlier version of the app has signed may be no session any more. */
function read(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  try {
    return decodeSession(text);
  } catch {
    return {};
  }
}

/**
 * Keeps sessions in memory, which all threads of a server process share. They are gone when the process ends.
 *
 * Use it for what is too long for a cookie, or must not be seen, as long as there is one process; with several, keep
 * sessions in a database, by a {@link SessionStore} of your own.
 */
export class MemoryStore implements SessionStore {
  readonly #entries: SharedMap<string, readonly [expires: number, text: string]>;
  #writes = 0;

  /** @param name stores of one name are one store in all threads */
  constructor(name: string = "sessions") {
    this.#entries = shared(`heddle.${name}`, () => new SharedMap<string, readonly [number, string]>());
  }

  get(id: string): string | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    if (entry[0] > Date.now()) return entry[1];
    this.#entries.delete(id);
    return undefined;
  }

  set(id: string, text: string, lifetime: number): void {
    this.#entries.set(id, [Date.now() + lifetime, text]);
    // Now and then; those whose owners never came back would stay for ever.
    if (++this.#writes % 1000 === 0) this.#sweep();
  }

  delete(id: string): void {
    this.#entries.delete(id);
  }

  /** How many sessions there are, expired ones included. */
  get size(): number {
    return this.#entries.size;
  }

  #sweep(): void {
    const now = Date.now();
    for (const [id, [expires]] of this.#entries) if (expires <= now) this.#entries.delete(id);
  }
}
