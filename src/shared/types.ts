/**
 * The data types: what a number in shared memory may be.
 *
 * @module
 */

import { DataType, show } from "./data-type.ts";
import { BoolType, Float32Type, IntegerType } from "./narrow-types.ts";
import { Float64Type, LongType } from "./wide-types.ts";

export type { DataType, Elements } from "./data-type.ts";

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
  int8,
  uint8,
  int16,
  uint16,
  int32,
  uint32,
  int64,
  uint64,
  float32,
  float64,
  bool,
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
