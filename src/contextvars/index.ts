/**
 * heddle/contextvars: variables that belong to the flow of calls at hand.
 *
 * @module
 */

export { Context, copyContext } from "./context.ts";
export { ContextVar, type ContextVarOptions, Token } from "./context-var.ts";
export { LookupError } from "../errors.ts";
