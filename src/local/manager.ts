/**
 * Releasing what locals hold in the calling context.
 *
 * @module
 */

import { ContextVar } from "../contextvars/context-var.ts";
import { describe } from "../core/deadline.ts";
import { LocalStack } from "./local-stack.ts";
import { type Part, parts } from "./parts.ts";

/** A Local is known by the pairs it gives. */
type AnyLocal = LocalStack | Iterable<[string, unknown]>;

function partOf(local: unknown): Part {
  const part = typeof local === "object" && local !== null ? parts.get(local) : undefined;
  if (part === undefined) throw new TypeError(`This takes a Local or a LocalStack, not ${describe(local)}`);
  return part;
}

/** Empties a Local or LocalStack for the calling context; in others it stays as it is. */
export function releaseLocal(local: AnyLocal): void {
  ContextVar.unset(partOf(local).variable);
}

/**
 * Locals that are released together, at the end of a job or a request.
 *
 * ```ts
 * const manager = new LocalManager([local, stack]);
 * try {
 *   await handle(request);
 * } finally {
 *   manager.cleanup();
 * }
 * ```
 *
 * Where each request runs in a task or a `Context.run` of its own, as in heddle/web, there is nothing to release.
 */
export class LocalManager {
  /** What is released. May be added to. */
  readonly locals: AnyLocal[];

  constructor(locals?: Iterable<AnyLocal> | AnyLocal) {
    if (locals === undefined) this.locals = [];
    else if (locals instanceof LocalStack) {
      throw new TypeError("A single LocalStack goes in an array: new LocalManager([stack])");
    } else if (parts.has(locals)) {
      this.locals = [locals as AnyLocal];
    } else if (typeof (locals as Iterable<AnyLocal> | null)?.[Symbol.iterator] === "function") {
      this.locals = [...(locals as Iterable<AnyLocal>)];
      for (const local of this.locals) partOf(local);
    } else {
      throw new TypeError(`LocalManager takes the locals to release, in an array, not ${describe(locals)}`);
    }
  }

  /** Releases all of them for the calling context. May be called again. */
  cleanup(): void {
    for (const local of this.locals) releaseLocal(local);
  }

  toString(): string {
    return `<LocalManager storages: ${this.locals.length}>`;
  }
}
