import type { Domain } from "./domain.ts";

/** Under this key every handle has the address of its shared object. */
export const ADDRESS: unique symbol = Symbol.for("heddle.address") as never;

/** Under this key a class of shared objects has its domain, in its prototype. */
export const DOMAIN: unique symbol = Symbol.for("heddle.domain") as never;

/** Under this key a class without a twin in heddle/multiprocessing says what to send to another process instead. */
export const NO_TWIN: unique symbol = Symbol.for("heddle.no-twin") as never;

/** What every handle has. */
export interface Addressed {
  readonly [ADDRESS]: number;
  readonly [DOMAIN]: Domain;
  readonly [NO_TWIN]?: string;
}
