/**
 * Heddle's own subclasses of Thread. They are known by name in every thread, and say themselves what of them travels;
 * a user's subclass is shipped as a class, with its fields.
 *
 * @module
 */

import type { Thread } from "./thread.ts";

export interface ThreadKind {
  readonly name: string;
  readonly constructor: Function;
  /** A bare instance, for the thread's own handle. */
  make(): Thread;
  /** What the thread needs to know, besides target and arguments. */
  save(thread: Thread): unknown;
  restore(thread: Thread, saved: unknown): void;
  /** It runs what others wait for, and is not waited for itself: an idle worker of a pool. */
  readonly background?: boolean;
}

const kinds: ThreadKind[] = [];

export function registerKind(kind: ThreadKind): void {
  kinds.push(kind);
}

export function kindOf(thread: Thread): ThreadKind | undefined {
  return kinds.find((kind) => kind.constructor === thread.constructor);
}

export function kindNamed(name: string): ThreadKind {
  return kinds.find((kind) => kind.name === name)!;
}
