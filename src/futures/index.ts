/**
 * heddle/futures: executors, and the futures they give out.
 *
 * @module
 */

import "../threading/thread-main.ts";

export type { CallOptions } from "./call-options.ts";
export { Executor, type MapOptions, type ShutdownOptions } from "./executor.ts";
export { Future } from "./future.ts";
export { MapResult } from "./map-result.ts";
export { reportProgress } from "./progress.ts";
export { ThreadPoolExecutor } from "./thread-pool.ts";
export type { ThreadPoolOptions } from "./thread-pool-options.ts";
export { asCompleted, type CompletionIterator, type ReturnWhen, wait, type WaitResult } from "./wait.ts";
export { BrokenExecutor, BrokenThreadPool, CancelledError, InvalidStateError, TimeoutError } from "../errors.ts";
