/**
 * Every class whose instances another thread may send: loaded when something arrives whose module is not.
 *
 * @module
 */

export { EventLoop } from "./asyncio/event-loop.ts";
export * from "./entry.ts";
export * from "./local/index.ts";
export * from "./queue/index.ts";
export * from "./shared/index.ts";
export * from "./threading/index.ts";
