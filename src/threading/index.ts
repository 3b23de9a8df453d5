/**
 * heddle/threading: threads, and what they use to agree with each other.
 *
 * @module
 */

import "./thread-main.ts";

export { Barrier, type BarrierOptions } from "./barrier.ts";
export { Condition } from "./condition.ts";
export { activeCount, currentThread, enumerate, getIdent, isMainThread, mainThread } from "./current.ts";
export { Event } from "./event.ts";
export { defaultExcepthook, type ExceptHook, type ExceptHookArgs, setExcepthook } from "./excepthook.ts";
export { Local } from "../local/local.ts";
export { Lock } from "./lock.ts";
export { RLock } from "./rlock.ts";
export { type LockLike, RWLock, type WriteLock } from "./rwlock.ts";
export { BoundedSemaphore, Semaphore } from "./semaphore.ts";
export { spawn } from "./spawn.ts";
export { Thread, type ThreadOptions } from "./thread.ts";
export { Timer } from "./timer.ts";
export type { WaitOptions } from "../core/deadline.ts";
export type { ResourceLimits } from "../core/host.ts";
export {
  BrokenBarrierError,
  CancelledError,
  DeadlockError,
  NotSendableError,
  OwnerDiedError,
  RuntimeError,
  ThreadDiedError,
  ValueError,
} from "../errors.ts";
