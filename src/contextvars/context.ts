/**
 * Context: what every context variable is, for one flow of calls.
 *
 * @module
 */

import { currentScope, runInScope } from "#context";
import { describe } from "../core/deadline.ts";
import { keepHere } from "../core/messages.ts";
import { RuntimeError } from "../errors.ts";
import { ContextVar, received } from "./context-var.ts";
import { currentValues, type Key, Values } from "./values.ts";

type AnyVar = ContextVar<unknown>;

/**
 * The values of context variables: a read-only map, and a place to run code in.
 *
 * Use {@link copyContext} to take the current values along into a callback, an event listener or a thread; `new
 * Context()` to begin with none.
 *
 * ```ts
 * import { ContextVar, copyContext } from "heddle/contextvars";
 *
 * const user = new ContextVar<string>("user", { default: "nobody" });
 * const context = copyContext();
 * context.run(() => {
 *   user.set("ada");
 *   console.log(user.get()); // ada
 * });
 * console.log(user.get(), context.get(user)); // nobody ada
 * ```
 *
 * Copying takes the same short time however many variables there are. The values themselves are not copied.
 *
 * **Threads.** A context belongs to its thread; `new Thread({ context })` and an executor's `with({ context })` take along
 * what can be sent.
 *
 * **Differs from Python.** What an `async` function does after its first `await` belongs to the context too; but the
 * context is only taken for entered while the call of `run` is on the stack. On platforms that cannot follow a flow of
 * calls over an `await` (web pages), that is also how long it lasts.
 */
export class Context implements Iterable<[AnyVar, unknown]> {
  #values: Values = new Values();

  /** An empty context. */
  constructor() {
    if (arguments.length > 0) throw new TypeError("Context() takes no arguments; copyContext() copies the current one");
  }

  /**
   * Calls `fn` with this context current. What it sets stays in this context, also if it throws.
   *
   * Errors: `RuntimeError` if this context runs something already, further up the stack.
   */
  run<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): R {
    if (typeof fn !== "function") throw new TypeError(`run takes a function and its arguments, not ${describe(fn)}`);
    const context = this.#values;
    if (context.isEntered) {
      throw new RuntimeError(
        "cannot enter context: it is already entered. Call the function directly, or run it in a copy.",
      );
    }
    context.isEntered = true;
    try {
      const { importing, task } = currentScope();
      return runInScope({ importing, task, context }, () => fn(...args));
    } finally {
      context.isEntered = false;
    }
  }

  /** A context with the same values. Later changes of one do not show in the other. */
  copy(): Context {
    return Context.of(new Values(this.#values));
  }

  /** The variable's value here, `undefined` if it has none. Its default does not count. */
  get<T>(variable: ContextVar<T>): T | undefined {
    return received(variable.name, this.#values.all.find(keyOf(variable))?.value) as T | undefined;
  }

  /** Has the variable a value here? */
  has(variable: ContextVar<unknown>): boolean {
    return this.#values.all.find(keyOf(variable)) !== undefined;
  }

  /** How many variables have a value. */
  get size(): number {
    return this.#values.all.size;
  }

  *keys(): Generator<AnyVar, undefined> {
    for (const { key } of this.#values.all) yield key.variable as AnyVar;
  }

  *values(): Generator<unknown, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  /** What there is now, whatever is set while it is gone through. */
  *entries(): Generator<[AnyVar, unknown], undefined> {
    for (const { key, value } of this.#values.all) {
      const variable = key.variable as AnyVar;
      yield [variable, received(variable.name, value)];
    }
  }

  [Symbol.iterator](): Generator<[AnyVar, unknown], undefined> {
    return this.entries();
  }

  /** Calls `fn` with each value and its variable, as a Map's `forEach`. */
  forEach(fn: (value: unknown, variable: AnyVar, context: this) => void): void {
    for (const [variable, value] of this.entries()) fn(value, variable, this);
  }

  /** Have both contexts the same variables with the same values? */
  equals(other: Context): boolean {
    const [mine, others] = [this.#values.all, other.#values.all];
    if (mine.size !== others.size) return false;
    for (const { key, value } of mine) {
      const found = others.find(key);
      if (found === undefined || !Object.is(found.value, value)) return false;
    }
    return true;
  }

  toString(): string {
    return `<Context size=${this.size}>`;
  }

  // ── For the rest of heddle ─────────────────────────────────────────────────────────────────────────────────────────

  static of(values: Values): Context {
    const context = new Context();
    context.#values = values;
    return context;
  }

  static valuesOf(context: Context): Values {
    return context.#values;
  }

  static {
    keepHere(
      Context.prototype,
      "a Context belongs to its thread; give it to new Thread({ context }) or pool.with({ context }) instead",
    );
  }
}

function keyOf(variable: unknown): Key {
  if (variable instanceof ContextVar) return ContextVar.keyOf(variable);
  throw new TypeError(`A Context's keys are ContextVars, not ${describe(variable)}`);
}

/** The current context with all its values, for code that is to run in it later. Later changes show in neither. */
export function copyContext(): Context {
  return Context.of(new Values(currentValues()));
}
