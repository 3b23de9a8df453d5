/**
 * Where the code is that a thread's worker runs. Filled in by thread-main.ts, which knows its own URL also in a bundle;
 * the starting side must not import it.
 *
 * @module
 */

export const threadRole: {
  url: string;
  readonly name: string;
  /** The module of all classes whose instances can be sent; `""`: heddle is part of a bundle, and has no files. */
  whole: string;
} = { url: "", name: "heddle.thread", whole: "" };
