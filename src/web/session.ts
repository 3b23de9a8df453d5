/**
 * The session of a request: a namespace that knows whether it was changed.
 *
 * @module
 */

import { LookupError, RuntimeError } from "../errors.ts";
import type { Session } from "./types.ts";

/** What every session has besides the user's keys. */
export interface SessionMembers {
  /** Will it be sent? Set it to true after changing something inside of a value, which goes unnoticed. */
  modified: boolean;
  /** Has it been used in this request? */
  readonly accessed: boolean;
  /** Was it begun in this request, as far as that can be known? Always false for a session in a cookie. */
  readonly new: boolean;
  /** Does it outlive the browser's window, until its lifetime has passed? */
  permanent: boolean;
  /** The key's value, or `fallback`. */
  get(key: string, fallback?: unknown): unknown;
  /** Removes the key and returns its value, or `fallback`. Errors: `LookupError` if there is neither. */
  pop(key: string, ...fallback: [fallback?: unknown]): unknown;
  /** The key's value; if it has none, sets it. */
  setdefault<T>(key: string, value: T): T;
  /** Sets several keys. */
  update(values: Partial<Session>): void;
  /** Removes every key. */
  clear(): void;
}

/** Under this key the data says that the session is permanent. */
export const PERMANENT = "_permanent";

/**
 * The keys and their values. Without anything to inherit no key means something. It is a class since V8 keeps the properties
 * of what `Object.create(null)` gives in a hash table.
 */
class Data {
  [key: string]: unknown;
}
delete (Data.prototype as { constructor?: unknown }).constructor;
Object.setPrototypeOf(Data.prototype, null);

/** A session, without the user's keys being in the way. */
export class SessionState {
  readonly data: Data;
  readonly isNew: boolean;
  modified = false;
  accessed = false;
  /** Why it cannot be written. */
  readonly #locked: string | undefined;

  constructor(data: Record<string, unknown>, isNew: boolean, locked?: string) {
    this.data = Object.assign(new Data(), data);
    for (const key in this.data) if (key in members) delete this.data[key];
    this.isNew = isNew;
    this.#locked = locked;
  }

  get isEmpty(): boolean {
    for (const _ in this.data) return false;
    return true;
  }

  get permanent(): boolean {
    return this.data[PERMANENT] === true;
  }

  touch(): void {
    if (this.#locked !== undefined) throw new RuntimeError(this.#locked);
    this.modified = true;
  }

  write(key: string, value: unknown): void {
    if (isMember(key)) {
      throw new TypeError(`${key} is a member that every session has: keep your value under another key`);
    }
    this.touch();
    this.data[key] = value;
  }

  remove(key: string): void {
    if (!(key in this.data)) return;
    this.touch();
    delete this.data[key];
  }
}

type Member = (state: SessionState) => unknown;

const members: Record<keyof SessionMembers, Member> = {
  modified: (state) => state.modified,
  accessed: (state) => state.accessed,
  new: (state) => state.isNew,
  permanent: (state) => state.permanent,
  get: (state) => (key: string, fallback?: unknown) => (key in state.data ? state.data[key] : fallback),
  pop:
    (state) =>
    (key: string, ...fallback: [fallback?: unknown]) => {
      if (key in state.data) {
        const value = state.data[key];
        state.remove(key);
        return value;
      }
      if (fallback.length > 0) return fallback[0];
      throw new LookupError(
        `The session has no key ${JSON.stringify(key)}: pop(key, fallback) gives the fallback instead`,
      );
    },
  setdefault: (state) => (key: string, value: unknown) => {
    if (!(key in state.data)) state.write(key, value);
    return state.data[key];
  },
  update: (state) => (values: object) => {
    for (const [key, value] of Object.entries(values)) state.write(key, value);
    state.touch();
  },
  clear: (state) => () => {
    state.touch();
    for (const key of Object.keys(state.data)) delete state.data[key];
  },
};

Object.setPrototypeOf(members, null);

const isMember = (key: string | symbol): key is keyof SessionMembers => typeof key === "string" && key in members;

const handler: ProxyHandler<SessionState> = {
  get(state, key) {
    if (typeof key === "symbol") return key === Symbol.toStringTag ? "Session" : undefined;
    return isMember(key) ? members[key](state) : state.data[key];
  },
  set(state, key, value) {
    if (typeof key === "symbol") return false;
    if (key === "modified") {
      if (value) state.touch();
      else state.modified = false;
    } else if (key === "permanent") {
      if (value) state.write(PERMANENT, true);
      else state.remove(PERMANENT);
    } else state.write(key, value);
    return true;
  },
  deleteProperty(state, key) {
    if (typeof key === "string") state.remove(key);
    return true;
  },
  has: (state, key) => typeof key === "string" && (key in state.data || key in members),
  ownKeys: (state) => Object.keys(state.data).filter((key) => key !== PERMANENT),
  getOwnPropertyDescriptor(state, key) {
    if (typeof key !== "string" || !(key in state.data)) return undefined;
    return { value: state.data[key], writable: true, enumerable: true, configurable: true };
  },
  defineProperty(state, key, descriptor) {
    if (typeof key !== "string" || !("value" in descriptor)) return false;
    state.write(key, descriptor.value);
    return true;
  },
  getPrototypeOf: () => Object.prototype,
};

/** The object that users have. */
export function sessionObject(state: SessionState): Session & SessionMembers {
  return new Proxy(state, handler) as unknown as Session & SessionMembers;
}
