/**
 * A context on its way to another thread.
 *
 * @module
 */

import { discard, pack } from "../core/messages.ts";
import { describe } from "../core/deadline.ts";
import { NotSendableError } from "../errors.ts";
import { Context } from "./context.ts";
import { ContextVar, Unsent } from "./context-var.ts";
import { Values } from "./values.ts";

type AnyVar = ContextVar<unknown>;

/** Can be sent: variables with their values, and those with what kept their values from coming along. */
export interface PackedContext {
  readonly values: readonly (readonly [variable: AnyVar, value: unknown])[];
  readonly unsent: readonly (readonly [variable: AnyVar, reason: string])[];
}

/**
 * Makes a context ready to be sent. The values are read now, and copied when it is sent.
 *
 * Errors: `NotSendableError` naming the variable whose value cannot be sent; unless `lenient`, for contexts that nobody
 * asked to send: then reading that variable there throws it.
 */
export function packContext(context: Context, options?: { lenient?: boolean }): PackedContext {
  if (!(context instanceof Context)) {
    throw new TypeError(`context must be a Context, such as copyContext(), not ${describe(context)}`);
  }
  const values: (readonly [AnyVar, unknown])[] = [];
  const unsent: (readonly [AnyVar, string])[] = [];
  for (const { key, value } of Context.valuesOf(context).all) {
    const variable = key.variable as AnyVar;
    if (ContextVar.stays(variable)) continue;
    const error = obstacle(variable, value);
    if (error === undefined) values.push([variable, value]);
    else if (options?.lenient === true && canSend(variable)) unsent.push([variable, error.message]);
    else if (options?.lenient !== true) throw error;
  }
  return { values, unsent };
}

/** In the other thread: calls `fn` in a context with what came along. */
export function runInPacked<A extends unknown[], R>(packed: PackedContext, fn: (...args: A) => R, ...args: A): R {
  const values = new Values();
  for (const [variable, value] of packed.values) values.set(ContextVar.keyOf(variable), value);
  for (const [variable, reason] of packed.unsent) values.set(ContextVar.keyOf(variable), new Unsent(reason));
  return Context.of(values).run(fn, ...args);
}

/** Why a value cannot be sent, if so. */
function obstacle(variable: AnyVar, value: unknown): NotSendableError | undefined {
  if (value instanceof Unsent) return new NotSendableError(`context[${variable.name}] ${value.reason}`);
  const isPlain =
    (typeof value !== "object" && typeof value !== "function" && typeof value !== "symbol") || value === null;
  try {
    // A variable may have a default that cannot be sent.
    discard(pack(isPlain ? variable : [variable, value], `context[${variable.name}]`));
    return undefined;
  } catch (error) {
    if (error instanceof NotSendableError) return error;
    throw error;
  }
}

function canSend(variable: AnyVar): boolean {
  return obstacle(variable, undefined) === undefined;
}
