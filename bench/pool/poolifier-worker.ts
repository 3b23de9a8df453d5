import { type TaskFunction, ThreadWorker } from "poolifier";
import { tasks } from "./tasks.ts";

/** Results cannot be moved back: `move` copies. */
export const worker: ThreadWorker<unknown, unknown> = new ThreadWorker<unknown, unknown>(
  tasks as unknown as Record<string, TaskFunction<unknown, unknown>>,
);
