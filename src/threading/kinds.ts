/**
 * Heddle's own subclasses of Thread, and of Process. They are known by name in every thread and process, and say
 * themselves what of them travels; a user's subclass is shipped as a class, with its fields.
 *
 * @module
 */

import type { Thread } from "./thread.ts";

export interface Kind<T> {
  readonly name: string;
  readonly constructor: Function;
  /** A bare instance, for the thread's own handle. */
  make(): T;
  /** What the thread needs to know, besides target and arguments. */
  save(thread: T): unknown;
  restore(thread: T, saved: unknown): void;
  /** It runs what others wait for, and is not waited for itself: an idle worker of a pool. */
  readonly background?: boolean;
}

export class Kinds<T extends object> {
  readonly #kinds: Kind<T>[] = [];

  register(kind: Kind<T>): void {
    this.#kinds.push(kind);
  }

  of(thread: T): Kind<T> | undefined {
    return this.#kinds.find((kind) => kind.constructor === thread.constructor);
  }

  named(name: string): Kind<T> {
    return this.#kinds.find((kind) => kind.name === name)!;
  }
}

export const threadKinds: Kinds<Thread> = new Kinds();
