/**
 * LocalStack: a stack of its own in each context.
 *
 * @module
 */

import { ContextVar } from "../contextvars/context-var.ts";
import { passportAddress, registerKind, sendByPassport } from "../contextvars/passport.ts";
import { callingPlace, enter } from "../contextvars/places.ts";
import { describe } from "../core/deadline.ts";
import { localProxy, type LocalProxyOptions, propertyOf } from "./local-proxy.ts";
import { parts } from "./parts.ts";

/**
 * A stack that is each thread's, each task's and each context's own.
 *
 * Use it for what is nested: the contexts a request runs in, the transactions that are open.
 *
 * ```ts
 * import { LocalStack } from "heddle/local";
 *
 * const transactions = new LocalStack<Transaction>();
 * export const transaction = transactions.proxy(); // whatever is on top when it is used
 * ```
 *
 * A task or a `Context.run` begins with the stack of its context's copy; what it pushes and pops shows only there.
 * Captured by a thread's function, a LocalStack is the same one there, with that thread's own stack, empty at first.
 *
 * **Differs from Python.** `undefined` is what Python's `None` is.
 */
export class LocalStack<T = unknown> {
  readonly #variable: ContextVar<readonly T[]>;
  readonly #given: ContextVar<readonly T[]> | undefined;

  constructor(variable?: ContextVar<readonly T[]>) {
    if (variable !== undefined && !(variable instanceof ContextVar)) {
      throw new TypeError(`LocalStack takes a ContextVar to keep its stack in, or nothing; not ${describe(variable)}`);
    }
    const known = isArriving ? undefined : enter(this, "LocalStack", "", callingPlace(new.target));
    this.#variable =
      variable ??
      (known === undefined
        ? ContextVar.hidden<readonly T[]>("LocalStack", () => this)
        : (known as LocalStack<T>).#variable);
    this.#given = variable;
    parts.set(this, {
      variable: this.#variable as ContextVar<unknown>,
      find: (name) => (name === undefined ? () => this.top : () => propertyOf(this.top, name)),
    });
  }

  /** Puts it on top. Gives the whole stack, oldest first. */
  push(value: T): T[] {
    const stack = [...this.#stack, value];
    this.#variable.set(stack);
    return [...stack];
  }

  /** Takes off the top, and gives it; `undefined` if there is none. */
  pop(): T | undefined {
    const stack = this.#stack;
    if (stack.length === 0) return undefined;
    this.#variable.set(stack.slice(0, -1));
    return stack.at(-1);
  }

  /** What is on top; `undefined`: nothing. */
  get top(): T | undefined {
    const stack = this.#stack;
    return stack[stack.length - 1];
  }

  /**
   * Stands for what is on top whenever it is used, or for a property of that. See {@link localProxy}. Nothing,
   * `undefined` and `null` on top count as unbound; other falsy values do not.
   */
  proxy(options?: LocalProxyOptions): T;
  proxy<K extends keyof T>(name: K, options?: LocalProxyOptions): NonNullable<T[K]>;
  proxy(...args: unknown[]): unknown {
    return localProxy(this as LocalStack, ...(args as []));
  }

  toString(): string {
    return `<LocalStack of ${this.#stack.length}>`;
  }

  get #stack(): readonly T[] {
    return this.#variable.get(NONE);
  }

  static {
    sendByPassport(LocalStack.prototype as LocalStack, (stack) =>
      passportAddress(stack, "LocalStack", () => (stack.#given === undefined ? [] : [stack.#given])),
    );
  }
}

const NONE: readonly never[] = [];
let isArriving = false;

registerKind(
  "LocalStack",
  ([variable]: [ContextVar<readonly unknown[]>?]) => {
    isArriving = true;
    try {
      return new LocalStack(variable);
    } finally {
      isArriving = false;
    }
  },
  import.meta.url,
);
