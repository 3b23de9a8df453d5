/**
 * heddle/queue: queues between threads.
 *
 * @module
 */

export { Queue } from "./queue.ts";
export { Empty, Full, ShutDown } from "../errors.ts";
export type { WaitOptions } from "../core/deadline.ts";
