/**
 * heddle/asyncio: tasks on this event loop, that can be cancelled, and bridges to threads.
 *
 * @module
 */

export type { Awaitable, Result } from "./awaitable.ts";
export { EventLoop, getRunningLoop, runCoroutineThreadsafe } from "./event-loop.ts";
export { gather, type GatherOptions } from "./gather.ts";
export { shield } from "./shield.ts";
export { sleep } from "./sleep.ts";
export { allTasks, createTask, currentTask, Task, type TaskOptions } from "./task.ts";
export { TaskGroup } from "./task-group.ts";
export { Timeout, timeout, timeoutAt } from "./timeout.ts";
export { toThread } from "./to-thread.ts";
export { waitFor } from "./wait-for.ts";
export type { Future } from "../futures/future.ts";
export { asCompleted, type ReturnWhen, wait, type WaitResult } from "../futures/wait.ts";
export { CancelledError, InvalidStateError, TimeoutError } from "../errors.ts";
