/**
 * How far a task has come, told by the task itself.
 *
 * @module
 */

import { describe } from "../core/deadline.ts";
import { ValueError } from "../errors.ts";

/** Takes a report to the future of the task that runs now. False: none runs. */
type Reporter = (fraction: number, info: unknown) => boolean;

let reporters: readonly Reporter[] = [];

/** For each kind of executor that runs tasks in this thread. */
export function setReporter(reporter: Reporter): void {
  reporters = [...reporters, reporter];
}

/**
 * Tells how much of the task is done, from 0 to 1, and anything else that `future.onProgress` should know.
 *
 * ```ts
 * function encode(frames: Frame[]) {
 *   for (const [i, frame] of frames.entries()) {
 *     reportProgress(i / frames.length, frame.name);
 *     compress(frame);
 *   }
 * }
 *
 * pool.submit(encode, frames).onProgress((done, name) => console.log(`${Math.round(done * 100)} % ${name}`));
 * ```
 *
 * Reports that come faster than the other side looks replace each other: the latest arrives. Outside of a task, and in
 * the function of a `map`, nothing happens.
 *
 * Errors: `ValueError` for a number that is not between 0 and 1; `NotSendableError` if `info` cannot be sent.
 */
export function reportProgress(fraction: number, info?: unknown): void {
  if (typeof fraction !== "number") throw new TypeError(`progress must be a number, not ${describe(fraction)}`);
  if (!(fraction >= 0 && fraction <= 1)) throw new ValueError(`progress must be from 0 to 1, not ${fraction}`);
  for (const report of reporters) if (report(fraction, info)) return;
}
