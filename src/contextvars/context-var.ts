/**
 * ContextVar: a variable with a value of its own in each flow of calls.
 *
 * @module
 */

import { describe } from "../core/deadline.ts";
import { LookupError, NotSendableError, RuntimeError, ValueError } from "../errors.ts";
import { passportAddress, registerKind, sendByPassport } from "./passport.ts";
import { callingPlace, enter } from "./places.ts";
import { currentValues, type Key, keyFor, type Values } from "./values.ts";

export interface ContextVarOptions<T> {
  /** What `get` gives where no value was set. */
  default?: T;
  /** Its values mean nothing in another thread, and silently stay behind when a context goes there. */
  stays?: boolean;
}

const MISSING: unique symbol = Symbol("Token.MISSING");

/** Stands for a value that could not come along into this thread. Reading it throws. */
export class Unsent {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/**
 * A variable that has a value of its own in each task, in each `Context.run`, in each thread.
 *
 * Use it for what belongs to the request or the job at hand and would otherwise be an argument of everything: the user,
 * a trace id, a transaction. Make it once, at the top level of a module.
 *
 * ```ts
 * import { ContextVar } from "heddle/contextvars";
 *
 * const traceId = new ContextVar<string>("traceId");
 *
 * async function handle(id: string) {
 *   using _ = traceId.set(id); // as it was again at the end of the block
 *   await work(); // and in here traceId.get() is id
 * }
 * ```
 *
 * Tasks of heddle/asyncio and `toThread` begin with a copy of the context they are made in; threads and executors' workers
 * begin with none. Code outside of any task or `Context.run` shares one context with the rest of its thread, so flows that
 * overlap there should each be a task.
 *
 * **Differs from Python.** Sent to another thread, a variable arrives as that thread's own of the same name and place in
 * the program; its value does not come along.
 */
export class ContextVar<T> {
  readonly name: string;
  readonly #default: T | typeof MISSING;
  readonly #stays: boolean;
  /** That of another variable only if that one came before this one from another thread, as the same. */
  readonly #key: Key;
  /** What it is a part of, and known by. */
  readonly #owner: (() => object) | undefined;

  constructor(name: string, options?: ContextVarOptions<T>) {
    if (typeof name !== "string") throw new TypeError(`A ContextVar's name must be a string, not ${describe(name)}`);
    if (new.target !== ContextVar) throw new TypeError("ContextVar cannot be extended; keep one in a field instead");
    if (options !== undefined && (typeof options !== "object" || options === null)) {
      throw new TypeError(`options must be an object such as { default: 1 }, not ${describe(options)}`);
    }
    this.name = name;
    this.#default = options !== undefined && Object.hasOwn(options, "default") ? (options.default as T) : MISSING;
    this.#stays = options?.stays === true;
    this.#owner = hidden?.owner;
    const known = hidden === undefined ? enter(this, "ContextVar", name, callingPlace(ContextVar)) : undefined;
    this.#key = known === undefined ? keyFor(this) : (known as ContextVar<unknown>).#key;
  }

  /**
   * The value in the current context; else the argument; else the variable's default.
   *
   * Errors: `LookupError` if there is none of them.
   */
  get(): T;
  get<F>(fallback: F): T | F;
  get(fallback?: unknown): unknown {
    const found = currentValues().all.find(this.#key);
    if (found !== undefined) return received(this.name, found.value);
    if (arguments.length > 0) return fallback;
    if (this.#default !== MISSING) return this.#default;
    throw new LookupError(
      `The context variable ${this.name} has no value here: set it, give it a default, or call get(fallback).`,
    );
  }

  /** Gives it a value in the current context. `using _ = v.set(x)`, or {@link reset}, makes it what it was before. */
  set(value: T): Token<T> {
    const values = currentValues();
    const found = values.all.find(this.#key);
    const before = found === undefined ? MISSING : (found.value as T);
    values.set(this.#key, value);
    return new Token(this, before, values);
  }

  /**
   * Makes it what it was before the `set` that gave the token, also if it had no value then.
   *
   * Errors: `RuntimeError` if the token was used; `ValueError` if it is of another variable, or of another context.
   */
  reset(token: Token<T>): void {
    if (!(token instanceof Token)) throw new TypeError(`reset takes the Token that set() gave, not ${describe(token)}`);
    Token.use(token, this, this.#key);
  }

  toString(): string {
    return `<ContextVar ${this.name}>`;
  }

  // ── For the rest of contextvars, and for local ─────────────────────────────────────────────────────────────────────

  static keyOf(variable: ContextVar<unknown>): Key {
    return variable.#key;
  }

  static stays(variable: ContextVar<unknown>): boolean {
    return variable.#stays;
  }

  /** One that has no place of its own: it is part of something, or stands in for one of another thread. */
  static hidden<T>(name: string, owner: (() => object) | undefined, options?: ContextVarOptions<T>): ContextVar<T> {
    hidden = { owner };
    try {
      return new ContextVar<T>(name, options);
    } finally {
      hidden = undefined;
    }
  }

  /** Takes the value away in the current context. */
  static unset(variable: ContextVar<unknown>): void {
    currentValues().delete(variable.#key);
  }

  static {
    // In messages it arrives as the other thread's own.
    sendByPassport(ContextVar.prototype as ContextVar<unknown>, (variable) => {
      const owner = variable.#owner;
      if (owner !== undefined) return passportAddress(variable, "part", () => [owner()]);
      const rest = variable.#default === MISSING ? [] : [variable.#default];
      return passportAddress(variable, "ContextVar", () => [variable.name, variable.#stays, ...rest]);
    });
  }
}

/** How the variable is made that is being made now, if not by a user. */
let hidden: { readonly owner: (() => object) | undefined } | undefined;

registerKind("ContextVar", ([name, stays, ...rest]: [string, boolean, ...unknown[]]) =>
  ContextVar.hidden(name, undefined, { stays, ...(rest.length > 0 && { default: rest[0] }) }),
);

/**
 * What `ContextVar.set` gives: for going back to what was before.
 *
 * ```ts
 * using _ = user.set("ada");
 * ```
 */
export class Token<T> implements Disposable {
  /** The `oldValue` of a variable that had none. */
  static readonly MISSING: typeof MISSING = MISSING;

  readonly var: ContextVar<T>;
  /** What the variable was before; {@link Token.MISSING} if it had no value. */
  readonly oldValue: T | typeof MISSING;
  readonly #values: Values;
  #isUsed = false;

  /** `ContextVar.set` makes them. */
  constructor(variable: ContextVar<T>, oldValue: T | typeof MISSING, values: object) {
    this.var = variable;
    this.oldValue = oldValue;
    this.#values = values as Values;
  }

  /** Resets the variable. */
  [Symbol.dispose](): void {
    this.var.reset(this);
  }

  toString(): string {
    return `<Token ${this.#isUsed ? "used " : ""}var=${this.var.name}>`;
  }

  static use<T>(token: Token<T>, variable: ContextVar<T>, key: Key): void {
    if (token.#isUsed) {
      throw new RuntimeError(`The token of ${token.var.name} has already been used once. Each set() gives a new one.`);
    }
    if (token.var !== variable) {
      throw new ValueError(
        `The token was created by a different ContextVar: by ${token.var.name}, not ${variable.name}`,
      );
    }
    const values = currentValues();
    if (token.#values !== values) {
      throw new ValueError(
        `The token of ${variable.name} was created in a different Context: reset it in the task or run that set it.`,
      );
    }
    token.#isUsed = true;
    if (token.oldValue === MISSING) values.delete(key);
    else values.set(key, token.oldValue);
  }
}

/** The value, unless it is one that did not come along. */
export function received(name: string, value: unknown): unknown {
  if (!(value instanceof Unsent)) return value;
  throw new NotSendableError(
    `The value of the context variable ${name} could not come along into this thread: ${value.reason}`,
  );
}
