/**
 * Which contexts are current: a linked list of what was pushed, in a variable of contextvars. A request that Hono answers
 * has a context of contextvars to itself, so that what is pushed in it is nobody else's.
 *
 * @module
 */

import { currentScope, runInScope } from "#context";
import { ContextVar } from "../contextvars/context-var.ts";
import { currentValues, type Key, Values } from "../contextvars/values.ts";
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
}

// Requests do not go to other threads.
const frames: ContextVar<Frame | undefined> = new ContextVar<Frame | undefined>("heddle.web", { stays: true });
const KEY: Key = ContextVar.keyOf(frames as ContextVar<unknown>);

// Asked for again and again in the same place: only `enter` and `leave` change what it is there.
let lastValues: Values | undefined;
let lastFrame: Frame | undefined;

/** What is current. */
export function currentFrame(): Frame | undefined {
  const values = currentValues();
  return values === lastValues ? lastFrame : findFrame(values);
}

function findFrame(values: Values): Frame | undefined {
  lastFrame = values.all.find(KEY)?.value as Frame | undefined;
  lastValues = values;
  return lastFrame;
}

export function enter(frame: Frame): void {
  lastValues = undefined;
  frame.values.set(KEY, frame);
}

/** Makes current what was so before the frame. */
export function leave(frame: Frame): void {
  // Nothing of a request is kept that is over.
  lastValues = lastFrame = undefined;
  if (frame.below === undefined) frame.values.delete(KEY);
  else frame.values.set(KEY, frame.below);
}

/** What runs in `fn` pushes and pops where nobody else does. */
export function isolated<R>(fn: (values: Values) => R): R {
  const { importing, task } = currentScope();
  const values = new Values(currentValues().all);
  return runInScope({ importing, task, context: values }, () => fn(values));
}

/** Calls `fn` where `values` are current again, from whatever calls this. */
export function resume<R>(values: Values, fn: () => R): R {
  const { importing, task } = currentScope();
  return runInScope({ importing, task, context: values }, fn);
}

/** The frame to pop, which must be the current one. Throws before anything is changed. */
export function frameToPop(owner: AppContext | RequestContext, pushed: readonly Frame[]): Frame {
  const last = pushed.at(-1);
  if (last === undefined)
    throw new LookupError(`Cannot pop ${owner.toString()}: it is not pushed. Each push allows one pop.`);
  if (last.values !== currentValues()) {
    throw new RuntimeError(
      `Cannot pop ${owner.toString()} here: it was pushed in another task or Context. Pop it where it was pushed.`,
    );
  }
  const current = last.values.all.find(KEY)?.value as Frame | undefined;
  if (current !== last) {
    throw new RuntimeError(
      `Popped wrong context: ${owner.toString()} is not the current one. Pop ${current?.owner.toString() ?? "nothing"} first.`,
    );
  }
  return last;
}
