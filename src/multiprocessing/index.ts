/**
 * heddle/multiprocessing: processes that share memory. The names of Python's `multiprocessing`.
 *
 * @module
 */

import "./process-main.ts";

export * from "./primitives.ts";
export { Process, currentProcess, parentProcess, type ProcessOptions, Sentinel } from "./process.ts";
export { activeChildren } from "./launch.ts";
