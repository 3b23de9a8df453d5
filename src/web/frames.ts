/**
 * Which contexts are current: a linked list of what was pushed, which goes where the values of context variables go. A
 * request that Hono answers has values to itself, so that what is pushed in it is nobody else's.
 *
 * @module
 */

import { currentScope, runInScope } from "#context";
import { currentValues, Values, valuesOf } from "../contextvars/values.ts";
import { LookupError, RuntimeError } from "../errors.ts";
import type { AppContext } from "./app-context.ts";
import type { RequestContext } from "./request-context.ts";

/** What one push made current. */
export interface Frame {
  readonly owner: AppContext | RequestContext;
  readonly app: AppContext;
  readonly request: RequestContext | undefined;
  readonly below: Frame | undefined;
  /** Where it was pushed. */
  readonly values: Values;
  /** The push of the same context before. */
  readonly earlier: Frame | undefined;
}

/** What is current. */
export function currentFrame(): Frame | undefined {
  return currentValues().frame as Frame | undefined;
}

export function enter(frame: Frame): void {
  frame.values.frame = frame;
}

/** Makes current what was so before the frame. */
export function leave(frame: Frame): void {
  frame.values.frame = frame.below;
}

/** What runs in `fn` pushes and pops where nobody else does. */
export function isolated<R>(fn: (values: Values) => R): R {
  const scope = currentScope();
  const { importing, task } = scope;
  const values = new Values(valuesOf(scope));
  return runInScope({ importing, task, context: values }, () => fn(values));
}

/** Calls `fn` where `values` are current again, from whatever calls this. */
export function resume<R>(values: Values, fn: () => R): R {
  const { importing, task } = currentScope();
  return runInScope({ importing, task, context: values }, fn);
}

/** The frame to pop, which must be the current one. Throws before anything is changed. */
export function frameToPop(owner: AppContext | RequestContext, last: Frame | undefined): Frame {
  if (last === undefined)
    throw new LookupError(`Cannot pop ${owner.toString()}: it is not pushed. Each push allows one pop.`);
  if (last.values !== currentValues()) {
    throw new RuntimeError(
      `Cannot pop ${owner.toString()} here: it was pushed in another task or Context. Pop it where it was pushed.`,
    );
  }
  const current = currentFrame();
  if (current !== last) {
    throw new RuntimeError(
      `Popped wrong context: ${owner.toString()} is not the current one. Pop ${current?.owner.toString() ?? "nothing"} first.`,
    );
  }
  return last;
}
