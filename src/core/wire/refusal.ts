import { NotSendableError } from "../../errors.ts";

/**
 * A value that cannot be sent, on its way up the call stack. Each container it passes adds where it was, so that the path
 * costs nothing while everything can be sent.
 */
export class Refusal {
  readonly what: string;
  /** Innermost first. */
  readonly #segments: string[] = [];
  /** Set for values whose outer containers were already written. */
  #loose = false;

  constructor(what: string) {
    this.what = what;
  }

  within(segment: string): this {
    this.#segments.push(segment);
    return this;
  }

  /** The outer part of the path is no longer known. */
  cutLoose(): this {
    this.#loose = true;
    return this;
  }

  toError(path: string, destination = "thread"): NotSendableError {
    const segments = this.#segments.toReversed();
    if (segments.length > 12) segments.splice(6, segments.length - 9, "…");
    const limit = Error.stackTraceLimit;
    // Ten frames, the usual limit, would all be heddle's own, and not show the caller's line.
    if (typeof limit === "number") Error.stackTraceLimit = limit + OWN_FRAMES;
    try {
      return new NotSendableError(
        `${path}${this.#loose ? "…" : ""}${segments.join("")}: ${this.what.replace("another thread", `another ${destination}`)}`,
      );
    } finally {
      Error.stackTraceLimit = limit;
    }
  }
}

/** The most frames between what a user calls and the encoder. */
const OWN_FRAMES = 20;

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

export function propertySegment(key: string): string {
  return IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

export function mapValueSegment(key: unknown): string {
  return `.get(${brief(key)})`;
}

function brief(key: unknown): string {
  switch (typeof key) {
    case "string":
      return key.length > 40 ? `${JSON.stringify(key.slice(0, 40)).slice(0, -1)}…"` : JSON.stringify(key);
    case "bigint":
      return `${key}n`;
    case "object":
      return key === null ? "null" : "{…}";
    case "function":
      return "function";
    default:
      return String(key);
  }
}
