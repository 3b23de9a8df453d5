/** @module */

/** A command of `heddle`. Each is a file of `commands/`, loaded when it is called. */
export interface Command {
  /** What follows `heddle NAME` in its usage line. */
  readonly usage: string;
  /** Its options, one a line. */
  readonly help: string;
  /** Returns the exit code. Throws {@link UsageError} for arguments that make no sense. */
  run(args: readonly string[]): Promise<number>;
}

/** Arguments that make no sense. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
