/**
 * The values behind a context, and which of them are current.
 *
 * @module
 */

import { currentScope } from "#context";
import type { Scope } from "../context/scope.ts";
import { type Numbered, Trie } from "./trie.ts";

/** What a variable's value is found by: its own, or that of the variable it is another handle of. */
export interface Key extends Numbered {
  readonly variable: object;
}

let lastId = 0;

export function keyFor(variable: object): Key {
  return { id: lastId++, variable };
}

export class Values {
  /** Replaced by every change, never changed: so a copy only refers to it. */
  all: Trie<Key>;
  /**
   * What heddle/web has pushed: asked for at every use of its proxies, so it has a place of its own. Copies have it too;
   * to another thread it does not go.
   */
  frame: object | undefined;
  /** A `Context.run` of these values is on the stack. */
  isEntered = false;

  constructor(from?: Values) {
    this.all = from === undefined ? Trie.empty : from.all;
    this.frame = from?.frame;
  }

  set(key: Key, value: unknown): void {
    this.all = this.all.with(key, value);
  }

  delete(key: Key): void {
    this.all = this.all.without(key);
  }
}

/** Those of everything in this thread that was given no others. */
const ofThread: Values = new Values();

/** Those of a scope. */
export function valuesOf(scope: Scope): Values {
  return (scope.context as Values | undefined) ?? ofThread;
}

/** Those of the calling code. */
export function currentValues(): Values {
  return valuesOf(currentScope());
}
