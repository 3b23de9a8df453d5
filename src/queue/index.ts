/**
 * heddle/queue: queues between threads.
 *
 * @module
 */

export { LifoQueue } from "./lifo-queue.ts";
export { type PriorityOptions, PriorityQueue } from "./priority-queue.ts";
export { Queue } from "./queue.ts";
export { SimpleQueue } from "./simple-queue.ts";
export { Empty, Full, ShutDown } from "../errors.ts";
export type { WaitOptions } from "../core/deadline.ts";
