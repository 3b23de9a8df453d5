/**
 * What a worker of heddle's own loads first: the role it plays, and what pools need. Classes that another thread may send
 * it come with their modules: those that its starter has loaded are loaded in it too, see `typeModules`; what is met
 * later is loaded then, see whole.ts.
 *
 * @module
 */

import "./threading/thread-main.ts";

export * from "./contextvars/index.ts";
export { runInPacked } from "./contextvars/packed.ts";
export { PoolClient } from "./futures/pool-client.ts";
export { PoolWorker } from "./futures/pool-worker.ts";
export { InitializerFailed } from "./futures/task-runner.ts";
export { threadRole } from "./threading/role.ts";
