import { NotSendableError } from "../../src/errors.ts";
import { Codec, type SharedObjects } from "../../src/core/wire/codec.ts";
import type { FunctionShipper, RevivedFunction, ShippedFunction } from "../../src/core/wire/shipper.ts";
import { nodePlatform } from "../../src/host/node/platform-objects.ts";
import { compile } from "../../src/host/node/compile.ts";
import { nodeStrings } from "../../src/host/node/strings.ts";

type Scope = Record<string, unknown>;

/** Names functions by a table, as a program of one module would. Closures keep their variables in a scope object. */
export class TableShipper implements FunctionShipper {
  readonly #describe = new Map<Function, () => ShippedFunction>();
  readonly #revive = new Map<string, () => RevivedFunction>();
  readonly #privates = new Map<Function, readonly string[]>();
  /** References that {@link revive} refuses, as if their module failed to load. */
  readonly unloadable: Set<string> = new Set();

  named<F extends Function>(fn: F, reference: string = fn.name): F {
    this.#describe.set(fn, () => ({ reference, values: [], names: [] }));
    this.#revive.set(reference, () => ({ make: () => fn, assign: () => {} }));
    return fn;
  }

  closure<F extends Function>(reference: string, scope: Scope, build: (scope: Scope) => F): F {
    const names = Object.keys(scope);
    const fn = build(scope);
    this.#describe.set(fn, () => ({ reference, names, values: names.map((name) => scope[name]) }));
    this.#revive.set(reference, () => {
      const copy: Scope = {};
      let made: F | undefined;
      return {
        make: () => (made ??= build(copy)),
        assign: (values) => names.forEach((name, i) => (copy[name] = values[i])),
      };
    });
    return fn;
  }

  hide(constructor: Function, ...names: readonly string[]): void {
    this.#privates.set(constructor, names);
  }

  describe(fn: Function): ShippedFunction {
    const describe = this.#describe.get(fn);
    if (describe === undefined) throw new NotSendableError("no module exports it");
    return describe();
  }

  prepare(): undefined {
    return undefined;
  }

  revive(reference: string): RevivedFunction {
    const revive = this.#revive.get(reference);
    if (revive === undefined || this.unloadable.has(reference)) throw new SyntaxError(`cannot load ${reference}`);
    return revive();
  }

  privateFields(value: object): readonly string[] {
    return this.#privates.get(value.constructor) ?? [];
  }
}

/** An object known by its address. */
export class Cell {
  readonly address: number;

  constructor(address: number) {
    this.address = address;
  }
}

/** Counts references, as the arena does. */
export class Cells implements SharedObjects {
  readonly #cells = new Map<number, Cell>();
  readonly references: Map<number, number> = new Map();

  cell(address: number): Cell {
    const cell = new Cell(address);
    this.#cells.set(address, cell);
    return cell;
  }

  #add(address: number, by: number): void {
    this.references.set(address, (this.references.get(address) ?? 0) + by);
  }

  addressOf(value: object): number | undefined {
    if (!(value instanceof Cell)) return undefined;
    this.#add(value.address, 1);
    return value.address;
  }

  attach(address: number): object {
    const cell = this.#cells.get(address);
    if (cell === undefined) throw new Error(`no cell at ${address}`);
    return cell;
  }

  release(address: number): void {
    this.#add(address, -1);
  }

  count(address: number): number {
    return this.references.get(address) ?? 0;
  }
}

export interface Wire {
  readonly shipper: TableShipper;
  readonly cells: Cells;
  readonly codec: Codec;
  /** Through shared memory, as between threads. */
  send<T>(value: T, path?: string): T;
}

/** `portable`: without what Node does faster. */
export function wire(portable = false): Wire {
  const shipper = new TableShipper();
  const cells = new Cells();
  const codec = new Codec({
    shipper,
    shared: cells,
    ...(portable ? {} : { strings: nodeStrings, platform: nodePlatform, compile }),
  });
  return {
    shipper,
    cells,
    codec,
    send(value, path = "value") {
      const message = codec.encodeInto(value, path, (size) => new Uint8Array(new SharedArrayBuffer(size + 8), 8, size));
      return codec.decode(message.bytes, message.attachments) as never;
    },
  };
}
