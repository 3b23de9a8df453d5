/**
 * The lock that belongs to a piece of shared data: one RLock, made when a thread first asks for it.
 *
 * @module
 */

import { compareExchange, load } from "#atomics";
import { ADDRESS, type Domain } from "../core/handles.ts";
import { TAG } from "../core/layout.ts";
import { release, retain } from "../core/references.ts";
import { RLock } from "../threading/rlock.ts";

/** The lock whose address stands in that word. */
export function ownLock({ memory, handles }: Domain, word: number): RLock {
  if (load(memory.words, word) === 0) {
    const made = handles.make(TAG.rlock) as RLock;
    retain(memory, made[ADDRESS]);
    if (compareExchange(memory.words, word, 0, made[ADDRESS]) === 0) return made;
    // Another thread was quicker.
    release(memory, made[ADDRESS]);
  }
  const address = load(memory.words, word);
  retain(memory, address);
  return handles.attach(address) as RLock;
}

/** Options of what has a lock. */
export interface LockOption {
  /** A lock to use as its `lock`, so that several share one. Default: one of its own. */
  readonly lock?: RLock;
}

/** The lock given, checked. */
export function givenLock(options: LockOption | undefined): RLock | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`options must be an object such as { lock }, not ${String(options)}`);
  }
  if (options.lock !== undefined && !(options.lock instanceof RLock)) {
    throw new TypeError("lock must be an RLock of heddle/threading");
  }
  return options.lock;
}
