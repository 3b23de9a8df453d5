/**
 * How functions reach another thread on Node: the `FunctionShipper` of every thread.
 *
 * describe.ts names a function, modules.ts loads the module it needs, revive.ts finds or rebuilds it.
 *
 * @module
 */

import type { FunctionShipper, RevivedFunction, ShippedFunction } from "../../core/wire/shipper.ts";
import { Describer } from "./describe.ts";
import { inspect } from "./inspect.ts";
import { Reviver } from "./revive.ts";

// Not imported: for an import, Node loads everything such a module could export.
const { types } = process.getBuiltinModule("node:util");

/** Options of {@link createShipper}. */
export interface ShipperOptions {
  /**
   * For threads started by the user's own `worker:` factory: their script was built separately, so that a task is
   * looked up by its name alone if its URL is unknown here.
   */
  readonly tasksByName?: boolean;
}

/** The shipper of the calling thread. One is enough; two do not share what they remember. */
export function createShipper(options: ShipperOptions = {}): FunctionShipper {
  return new NodeShipper(options);
}

class NodeShipper implements FunctionShipper {
  readonly #describer = new Describer();
  readonly #reviver: Reviver;
  /** By class: whether its text can declare private names at all. */
  readonly #private = new WeakMap<Function, boolean>();

  constructor(options: ShipperOptions) {
    this.#reviver = new Reviver(this.#describer, { tasksByName: options.tasksByName ?? false });
  }

  describe(fn: Function): ShippedFunction {
    return this.#describer.describe(fn);
  }

  prepare(reference: string): Promise<void> | undefined {
    return this.#reviver.prepare(reference);
  }

  revive(reference: string): RevivedFunction {
    return this.#reviver.revive(reference);
  }

  privateFields(value: object): readonly string[] {
    return this.#mayHavePrivate(value) ? inspect().privateNames(value) : [];
  }

  #mayHavePrivate(value: object): boolean {
    if (types.isProxy(value)) return false;
    for (
      let p: unknown = Object.getPrototypeOf(value);
      p !== null && p !== Object.prototype;
      p = Object.getPrototypeOf(p)
    ) {
      const constructor: unknown = Object.getOwnPropertyDescriptor(p, "constructor")?.value;
      if (typeof constructor !== "function") continue;
      let may = this.#private.get(constructor);
      if (may === undefined) {
        may = Function.prototype.toString.call(constructor).includes("#");
        this.#private.set(constructor, may);
      }
      if (may) return true;
    }
    return false;
  }
}
