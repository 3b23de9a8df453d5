/**
 * heddle/testing: finding out what concurrent code can do, instead of what it happened to do.
 *
 * @module
 */

export type { TypedArray } from "./data.ts";
export {
  type Assert,
  explore,
  type ExploreOptions,
  type Scenario,
  type ScenarioFunction,
  type ScenarioThread,
} from "./explore.ts";
export { Failure, type FailureKind, Report } from "./report.ts";
export type { TraceEvent } from "./trace.ts";
export { HeddleError, RuntimeError, ValueError } from "../errors.ts";
