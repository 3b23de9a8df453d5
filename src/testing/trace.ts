/**
 * What happened in a run, for people to read.
 *
 * @module
 */

import { callerStack } from "../core/caller-stack.ts";
import { isOwnPlace, placeIn } from "../core/own-frames.ts";

/** One step of one thread. */
export interface TraceEvent {
  readonly thread: string;
  /** Such as `balance[0] → 1` or `lock 1.acquireSync() waits`. */
  readonly operation: string;
  /** Where in the source the thread called it: `file:line:column`. */
  readonly at: string | undefined;
}

/** The line of the caller's own code that called `above`. */
export function siteAbove(above: Function): string | undefined {
  const places = (callerStack(above).stack ?? "").split("\n").map(placeIn);
  return places.find((place) => place !== undefined && !isOwnPlace(place));
}

/** The last part of a place: `bank.ts:12`. */
export function shortPlace(place: string | undefined): string {
  const short = place === undefined ? undefined : /([^/\\]+:\d+):\d+$/.exec(place)?.[1];
  return short ?? "an unknown line";
}

/** A value, on one short line. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value).slice(0, 60);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `function ${value.name}`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return ((JSON.stringify(value) as string | undefined) ?? "an object").slice(0, 60);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

export function render(trace: readonly TraceEvent[]): string {
  const widest = (lengths: number[]): number => Math.max(0, ...lengths);
  const names = widest(trace.map(({ thread }) => thread.length));
  const operations = widest(trace.map(({ operation }) => operation.length));
  return trace
    .map(({ thread, operation, at }) => {
      const line = `  ${thread.padEnd(names)}  ${operation.padEnd(operations)}`;
      return at === undefined ? line.trimEnd() : `${line}  ${shortPlace(at)}`;
    })
    .join("\n");
}
