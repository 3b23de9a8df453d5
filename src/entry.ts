/**
 * What a worker of heddle's own loads first: the role it plays, and every class whose instances another thread may send
 * it, whatever the user's own modules import.
 *
 * @module
 */

export { EventLoop } from "./asyncio/event-loop.ts";
export { runInPacked } from "./contextvars/packed.ts";
export * from "./contextvars/index.ts";
export * from "./local/index.ts";
export { threadRole } from "./threading/role.ts";
export { PoolClient } from "./futures/pool-client.ts";
export { PoolWorker } from "./futures/pool-worker.ts";
export { InitializerFailed } from "./futures/task-runner.ts";
export * from "./queue/index.ts";
export * from "./shared/index.ts";
export * from "./threading/index.ts";
