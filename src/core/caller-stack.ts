/**
 * Where a call came from, for errors that come back later. Taking it is cheap; its text is only made when it is read.
 *
 * @module
 */

const FRAMES = 8;

/** The stack of whoever called `above`. */
export function callerStack(above: Function): { readonly stack?: string } {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAMES;
  const here: { stack?: string } = {};
  (Error as { captureStackTrace?: (target: object, above: Function) => void }).captureStackTrace?.(here, above);
  Error.stackTraceLimit = limit;
  return here;
}
