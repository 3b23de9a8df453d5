/**
 * Data types: what a number in shared memory may be, and how it is read and written there at once.
 *
 * @module
 */

import {
  compareExchange,
  compareExchangeLong,
  exchange,
  exchangeLong,
  load,
  loadLong,
  type LongWords,
  store,
  storeLong,
} from "#atomics";
import { memory } from "../core/program.ts";
import { ValueError } from "../errors.ts";

/** A typed array over shared memory. */
export type Elements<V> = V extends bigint
  ? BigInt64Array | BigUint64Array
  :
      | Int8Array
      | Uint8Array
      | Int16Array
      | Uint16Array
      | Int32Array
      | Uint32Array
      | Float32Array
      | Float64Array;

type ArrayOf<V> = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => Elements<V>;

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
  abstract load(address: number): V;
  abstract store(address: number, value: V): void;
  abstract exchange(address: number, value: V): V;
  /** The exchange happens exactly if what is returned, the old value, equals `expected`. */
  abstract compareExchange(address: number, expected: V, value: V): V;
  /** Stores what `change` makes of the old value, which it returns. `change` may throw, and may be called again. */
  abstract change(address: number, change: (old: V) => V): V;

  abstract add(address: number, n: V): V;
  abstract subtract(address: number, n: V): V;
  abstract bitwise(address: number, operation: Bitwise, n: V): V;

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

function show(value: unknown): string {
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

/** Of one word. */
abstract class NarrowType<V extends number | boolean> extends DataType<V> {
  abstract encode(value: V): number;
  abstract decode(bits: number): V;

  load(address: number): V {
    return this.decode(load(memory.words, address));
  }

  store(address: number, value: V): void {
    store(memory.words, address, this.encode(value));
  }

  exchange(address: number, value: V): V {
    return this.decode(exchange(memory.words, address, this.encode(value)));
  }

  compareExchange(address: number, expected: V, value: V): V {
    const bits = this.encode(value);
    for (;;) {
      const seen = load(memory.words, address);
      const old = this.decode(seen);
      // By value, not by bits: 0 and -0 are equal, and so is NaN to itself, as a program that looked first would say.
      if (!same(old, expected) || compareExchange(memory.words, address, seen, bits) === seen) return old;
    }
  }

  change(address: number, change: (old: V) => V): V {
    for (;;) {
      const seen = load(memory.words, address);
      const old = this.decode(seen);
      if (compareExchange(memory.words, address, seen, this.encode(change(old))) === seen) return old;
    }
  }
}

function same(a: unknown, b: unknown): boolean {
  return a === b || (a !== a && b !== b);
}

class IntegerType extends NarrowType<number> {
  readonly zero = 0;
  readonly elements: ArrayOf<number>;
  readonly least: number;
  readonly most: number;

  constructor(name: string, elements: ArrayOf<number>, bits: number, signed: boolean) {
    super(name, bits / 8);
    this.elements = elements;
    this.least = signed ? -(2 ** (bits - 1)) : 0;
    this.most = 2 ** (signed ? bits - 1 : bits) - 1;
  }

  check(value: unknown, what: string): asserts value is number {
    mustBeNumber(this, value, what);
    if (value >= this.least && value <= this.most) {
      if (Number.isInteger(value)) return;
      throw new TypeError(`${what} must be a whole number, which ${this.name} holds, not ${value}: round it first.`);
    }
    throw new ValueError(`${what} must be a whole number from ${this.least} to ${this.most} (${this.name}), not ${value}.`);
  }

  encode(value: number): number {
    return value | 0;
  }

  decode(bits: number): number {
    // Only uint32 has values above 2 ** 31, which a word holds as negative ones.
    return this.least === 0 ? bits >>> 0 : bits;
  }

  add(address: number, n: number): number {
    this.#checkStep(n);
    return this.change(address, (old) => this.#inRange(old, old + n));
  }

  subtract(address: number, n: number): number {
    this.#checkStep(n);
    return this.change(address, (old) => this.#inRange(old, old - n));
  }

  bitwise(address: number, operation: Bitwise, n: number): number {
    this.check(n, operation);
    return this.change(address, (old) => this.decode(combine(operation, old, n)));
  }

  /** The step itself may be larger than the type: only the result must fit. */
  #checkStep(n: unknown): void {
    mustBeNumber(this, n, "n");
    if (Number.isNaN(n)) throw new ValueError(`n must be a whole number, not NaN.`);
    if (!Number.isInteger(n) && Math.abs(n) !== Infinity) {
      throw new TypeError(`n must be a whole number, since the value is an ${this.name}, not ${n}.`);
    }
  }

  #inRange(old: number, value: number): number {
    if (value >= this.least && value <= this.most) return value;
    throw new ValueError(
      `${old} would become ${value}, which no ${this.name} holds (${this.least} to ${this.most}). Nothing was changed.`,
    );
  }
}

function mustBeNumber(type: DataType, value: unknown, what: string): asserts value is number {
  if (typeof value !== "number") throw new TypeError(`${what} must be a number (${type.name}), not ${show(value)}.`);
}

function combine(operation: Bitwise, a: number, b: number): number {
  return operation === "and" ? a & b : operation === "or" ? a | b : a ^ b;
}

const float = new Float32Array(1);
const floatBits = new Int32Array(float.buffer);

class Float32Type extends NarrowType<number> {
  readonly zero = 0;
  readonly elements: ArrayOf<number> = Float32Array;

  check(value: unknown, what: string): asserts value is number {
    mustBeNumber(this, value, what);
    if (Math.abs(Math.fround(value)) === Infinity && Math.abs(value) !== Infinity) {
      throw new ValueError(`${what} must be at most about 3.4e38 (float32), not ${value}: use a float64.`);
    }
  }

  encode(value: number): number {
    float[0] = value;
    return floatBits[0]!;
  }

  decode(bits: number): number {
    floatBits[0] = bits;
    return float[0]!;
  }

  add(address: number, n: number): number {
    mustBeNumber(this, n, "n");
    return this.change(address, (old) => this.#checked(old + n));
  }

  subtract(address: number, n: number): number {
    mustBeNumber(this, n, "n");
    return this.change(address, (old) => this.#checked(old - n));
  }

  bitwise(_address: number, operation: Bitwise): number {
    throw noBits(this, operation);
  }

  #checked(value: number): number {
    this.check(value, "the sum");
    return value;
  }
}

class BoolType extends NarrowType<boolean> {
  readonly zero = false;
  readonly elements: ArrayOf<boolean> = Uint8Array;

  check(value: unknown, what: string): asserts value is boolean {
    if (typeof value !== "boolean") throw new TypeError(`${what} must be true or false (bool), not ${show(value)}.`);
  }

  encode(value: boolean): number {
    return value ? 1 : 0;
  }

  decode(bits: number): boolean {
    return bits !== 0;
  }

  override fromElement(element: number | bigint): boolean {
    return element !== 0;
  }

  override toElement(value: boolean): number {
    return value ? 1 : 0;
  }

  add(): boolean {
    throw new TypeError("a bool cannot be added to: use or, xor, exchange or compareExchange.");
  }

  subtract(): boolean {
    throw new TypeError("a bool cannot be subtracted from: use and, xor, exchange or compareExchange.");
  }

  bitwise(address: number, operation: Bitwise, n: boolean): boolean {
    this.check(n, operation);
    return this.change(address, (old) => combine(operation, Number(old), Number(n)) !== 0);
  }
}

let longs: LongWords = new BigInt64Array(memory.buffer, 0, memory.buffer.byteLength >>> 3);

/** The memory as words of 64 bits, up to that address at least. */
function longsTo(address: number): LongWords {
  if (address >>> 1 >= longs.length) longs = new BigInt64Array(memory.buffer, 0, memory.buffer.byteLength >>> 3);
  return longs;
}

/** Of two words. */
abstract class WideType<V extends number | bigint> extends DataType<V> {
  abstract encode(value: V): bigint;
  abstract decode(bits: bigint): V;

  load(address: number): V {
    return this.decode(loadLong(longsTo(address), address >>> 1));
  }

  store(address: number, value: V): void {
    storeLong(longsTo(address), address >>> 1, this.encode(value));
  }

  exchange(address: number, value: V): V {
    return this.decode(exchangeLong(longsTo(address), address >>> 1, this.encode(value)));
  }

  compareExchange(address: number, expected: V, value: V): V {
    const words = longsTo(address);
    const bits = this.encode(value);
    for (;;) {
      const seen = loadLong(words, address >>> 1);
      const old = this.decode(seen);
      if (!same(old, expected) || compareExchangeLong(words, address >>> 1, seen, bits) === seen) return old;
    }
  }

  change(address: number, change: (old: V) => V): V {
    const words = longsTo(address);
    for (;;) {
      const seen = loadLong(words, address >>> 1);
      const old = this.decode(seen);
      if (compareExchangeLong(words, address >>> 1, seen, this.encode(change(old))) === seen) return old;
    }
  }
}

class LongType extends WideType<bigint> {
  readonly zero = 0n;
  readonly elements: ArrayOf<bigint>;
  readonly least: bigint;
  readonly most: bigint;

  constructor(name: string, elements: ArrayOf<bigint>, signed: boolean) {
    super(name, 8);
    this.elements = elements;
    this.least = signed ? -(2n ** 63n) : 0n;
    this.most = 2n ** (signed ? 63n : 64n) - 1n;
  }

  check(value: unknown, what: string): asserts value is bigint {
    this.#mustBeBigint(value, what);
    if (value < this.least || value > this.most) {
      throw new ValueError(`${what} must be from ${this.least}n to ${this.most}n (${this.name}), not ${value}n.`);
    }
  }

  #mustBeBigint(value: unknown, what: string): asserts value is bigint {
    if (typeof value !== "bigint") {
      throw new TypeError(`${what} must be a bigint such as 5n (${this.name}), not ${show(value)}.`);
    }
  }

  encode(value: bigint): bigint {
    return BigInt.asIntN(64, value);
  }

  decode(bits: bigint): bigint {
    return this.least === 0n ? BigInt.asUintN(64, bits) : bits;
  }

  add(address: number, n: bigint): bigint {
    this.#mustBeBigint(n, "n");
    return this.change(address, (old) => this.#inRange(old, old + n));
  }

  subtract(address: number, n: bigint): bigint {
    this.#mustBeBigint(n, "n");
    return this.change(address, (old) => this.#inRange(old, old - n));
  }

  bitwise(address: number, operation: Bitwise, n: bigint): bigint {
    this.check(n, operation);
    return this.change(address, (old) => (operation === "and" ? old & n : operation === "or" ? old | n : old ^ n));
  }

  #inRange(old: bigint, value: bigint): bigint {
    if (value >= this.least && value <= this.most) return value;
    throw new ValueError(`${old}n would become ${value}n, which no ${this.name} holds. Nothing was changed.`);
  }
}

const double = new Float64Array(1);
const doubleBits = new BigInt64Array(double.buffer);

class Float64Type extends WideType<number> {
  readonly zero = 0;
  readonly elements: ArrayOf<number> = Float64Array;

  check(value: unknown, what: string): asserts value is number {
    mustBeNumber(this, value, what);
  }

  encode(value: number): bigint {
    double[0] = value;
    return doubleBits[0]!;
  }

  decode(bits: bigint): number {
    doubleBits[0] = bits;
    return double[0]!;
  }

  add(address: number, n: number): number {
    this.check(n, "n");
    return this.change(address, (old) => old + n);
  }

  subtract(address: number, n: number): number {
    this.check(n, "n");
    return this.change(address, (old) => old - n);
  }

  bitwise(_address: number, operation: Bitwise): number {
    throw noBits(this, operation);
  }
}

function noBits(type: DataType, operation: Bitwise): TypeError {
  return new TypeError(`${operation} is for integers and bool: the value is a ${type.name}.`);
}

/** Whole numbers from -128 to 127. */
export const int8: DataType<number> = new IntegerType("int8", Int8Array, 8, true);
/** Whole numbers from 0 to 255. */
export const uint8: DataType<number> = new IntegerType("uint8", Uint8Array, 8, false);
/** Whole numbers from -32,768 to 32,767. */
export const int16: DataType<number> = new IntegerType("int16", Int16Array, 16, true);
/** Whole numbers from 0 to 65,535. */
export const uint16: DataType<number> = new IntegerType("uint16", Uint16Array, 16, false);
/** Whole numbers from -2³¹ to 2³¹ - 1. */
export const int32: DataType<number> = new IntegerType("int32", Int32Array, 32, true);
/** Whole numbers from 0 to 2³² - 1. */
export const uint32: DataType<number> = new IntegerType("uint32", Uint32Array, 32, false);
/** Bigints from -2⁶³ to 2⁶³ - 1. */
export const int64: DataType<bigint> = new LongType("int64", BigInt64Array, true);
/** Bigints from 0 to 2⁶⁴ - 1. */
export const uint64: DataType<bigint> = new LongType("uint64", BigUint64Array, false);
/** Numbers of single precision: what is stored is rounded to about seven digits. */
export const float32: DataType<number> = new Float32Type("float32", 4);
/** Any number. */
export const float64: DataType<number> = new Float64Type("float64", 8);
/** `true` or `false`. */
export const bool: DataType<boolean> = new BoolType("bool", 1);

/** A type's place here is its code in shared memory. */
const TYPES: readonly DataType[] = [
  int8, uint8, int16, uint16, int32, uint32, int64, uint64, float32, float64, bool,
] as readonly DataType[];
const byName: ReadonlyMap<string, DataType> = new Map(TYPES.map((type) => [type.name, type]));

export function codeOf(type: DataType): number {
  return TYPES.indexOf(type);
}

export function typeWithCode(code: number): DataType {
  return TYPES[code]!;
}

export function typeNamed(name: string): DataType | undefined {
  return byName.get(name);
}

/** This thread's own object for a type that may have come from another. Throws `TypeError` for anything else. */
export function typeOf<V extends number | bigint | boolean>(type: DataType<V>, what: string): DataType<V> {
  const known = type instanceof DataType ? byName.get(type.name) : undefined;
  if (known === undefined) {
    throw new TypeError(`${what} must be one of the types of heddle/shared, such as int32, not ${show(type)}.`);
  }
  return known as unknown as DataType<V>;
}
