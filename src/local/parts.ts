/**
 * The context variable behind each Local and LocalStack. It is sent as the part of them that it is.
 *
 * @module
 */

import type { ContextVar } from "../contextvars/context-var.ts";
import { registerKind } from "../contextvars/passport.ts";

export interface Part {
  readonly variable: ContextVar<unknown>;
  /** Gives, each time it is called, what a proxy of that name stands for. */
  find(name: PropertyKey | undefined): () => unknown;
}

export const parts: WeakMap<object, Part> = new WeakMap();

registerKind("part", ([owner]: [object]) => parts.get(owner)!.variable);
