/**
 * What every data type can do: how a number is checked, read and written in shared memory, each in one atomic step.
 *
 * @module
 */

import type { Memory } from "../core/memory.ts";

/** A typed array over shared memory. */
export type Elements<V> = V extends bigint
  ? BigInt64Array | BigUint64Array
  : Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

export type ArrayOf<V> = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => Elements<V>;

/**
 * The type of a number in shared memory: `int8` … `uint64`, `float32`, `float64`, `bool`. Given to `Value`,
 * `SharedArray` and `struct`; not made by programs.
 *
 * Wherever it stands by itself, a number takes one word of 32 bits, or two that begin at an even address, so that every
 * operation on it is a single atomic one.
 */
export abstract class DataType<V extends number | bigint | boolean = number | bigint | boolean> {
  readonly name: string;
  /** Bytes of one element in an array. */
  readonly bytes: number;

  constructor(name: string, bytes: number) {
    this.name = name;
    this.bytes = bytes;
  }

  /** Words of one that stands by itself. */
  get words(): number {
    return this.bytes === 8 ? 2 : 1;
  }

  /** What a new one holds if nothing is given. */
  abstract readonly zero: V;
  /** The typed array of such elements. */
  abstract readonly elements: ArrayOf<V>;
  /** Throws `TypeError` or `ValueError` for what the type cannot hold. */
  abstract check(value: unknown, what: string): asserts value is V;
  abstract load(memory: Memory, address: number): V;
  abstract store(memory: Memory, address: number, value: V): void;
  abstract exchange(memory: Memory, address: number, value: V): V;
  /** The exchange happens exactly if what is returned, the old value, equals `expected`. */
  abstract compareExchange(memory: Memory, address: number, expected: V, value: V): V;
  /** Stores what `change` makes of the old value, which it returns. `change` may throw, and may be called again. */
  abstract change(memory: Memory, address: number, change: (old: V) => V): V;

  abstract add(memory: Memory, address: number, n: V): V;
  abstract subtract(memory: Memory, address: number, n: V): V;
  abstract bitwise(memory: Memory, address: number, operation: Bitwise, n: V): V;

  /** What an element of the typed array stands for. */
  fromElement(element: number | bigint): V {
    return element as V;
  }

  toElement(value: V): number | bigint {
    return value as number | bigint;
  }

  toString(): string {
    return this.name;
  }
}

export type Bitwise = "and" | "or" | "xor";

export function show(value: unknown): string {
  switch (typeof value) {
    case "bigint":
      return `${value}n`;
    case "string":
      return JSON.stringify(value);
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      return value === null ? "null" : Array.isArray(value) ? "an array" : "an object";
    default:
      return `a ${typeof value}`;
  }
}

export function same(a: unknown, b: unknown): boolean {
  return a === b || (a !== a && b !== b);
}

export function mustBeNumber(type: DataType, value: unknown, what: string): asserts value is number {
  if (typeof value !== "number") throw new TypeError(`${what} must be a number (${type.name}), not ${show(value)}.`);
}

export function noBits(type: DataType, operation: Bitwise): TypeError {
  return new TypeError(`${operation} is for integers and bool: the value is a ${type.name}.`);
}
