import cluster from "node:cluster";
import { ClusterWorker, type TaskFunction, ThreadWorker } from "poolifier";
import { tasks } from "./tasks.ts";

const functions = tasks as unknown as Record<string, TaskFunction<unknown, unknown>>;

/** Results cannot be moved back: `move` copies. */
export const worker: ThreadWorker<unknown, unknown> | ClusterWorker<unknown, unknown> = cluster.isWorker
  ? new ClusterWorker<unknown, unknown>(functions)
  : new ThreadWorker<unknown, unknown>(functions);
