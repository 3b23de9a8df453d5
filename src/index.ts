/**
 * heddle: Python's concurrency stack for TypeScript. The everyday names; the rest is in `heddle/threading` and its
 * siblings.
 *
 * @module
 */

export * from "./threading/index.ts";
export * from "./queue/index.ts";
export * from "./shared/index.ts";
export * from "./executors/index.ts";
export {
  createTask,
  currentTask,
  gather,
  runCoroutineThreadsafe,
  sleep,
  Task,
  TaskGroup,
  timeout,
  toThread,
} from "./asyncio/index.ts";
export { Context, ContextVar, copyContext } from "./contextvars/index.ts";
export {
  getCurrentObject,
  isBound,
  LocalManager,
  LocalProxy,
  localProxy,
  LocalStack,
  releaseLocal,
} from "./local/index.ts";
export { isMain } from "./callable/node/is-main.ts";
export { task } from "./callable/task.ts";
export { transfer } from "./core/wire/transfer.ts";
