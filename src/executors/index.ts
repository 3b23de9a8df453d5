/**
 * heddle/futures: executors, and the futures they give out.
 *
 * The executors that build on more than futures do are added here; `src/futures` is what all of them share.
 *
 * @module
 */

export { transfer } from "../core/wire/transfer.ts";
export * from "../futures/index.ts";
export { CoroutineExecutor, type CoroutineExecutorOptions } from "./coroutine-executor.ts";
export { ProcessPoolExecutor } from "#processes";
export type { ProcessPoolOptions } from "../multiprocessing/process-pool-executor.ts";
export { BrokenProcessPool } from "../errors.ts";
