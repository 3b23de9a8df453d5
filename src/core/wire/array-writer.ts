import type { Encoder } from "./encoder.ts";
import { Refusal, propertySegment } from "./refusal.ts";
import * as tag from "./tags.ts";

/** Shorter arrays of numbers are smaller value by value. */
const NUMBERS = 8;
/** Longer arrays are probed for holes before every element is looked at. */
const PROBED = 256;
const PROBES = 32;
/** Longer arrays are worth asking the platform about named keys. */
const ASK_PLATFORM = 64;

/** Contents of an array that is already registered. Every element is read once. */
export function writeArray(encoder: Encoder, array: readonly unknown[]): void {
  const { length } = array;
  if ((length > PROBED && looksSparse(array)) || hasNamedKeys(encoder, array)) return writeSparse(encoder, array);
  if (length >= NUMBERS && typeof array[length - 1] === "number") return writeNumbers(encoder, array);
  startElements(encoder, length);
  writeElements(encoder, array, 0, length);
}

function looksSparse(array: readonly unknown[]): boolean {
  const step = Math.floor(array.length / PROBES);
  for (let i = 0; i < array.length; i += step) if (!Object.hasOwn(array, i)) return true;
  return false;
}

function hasNamedKeys(encoder: Encoder, array: readonly unknown[]): boolean {
  if (array.length > ASK_PLATFORM && encoder.strings.hasNamedKeys !== undefined) {
    return encoder.strings.hasNamedKeys(array);
  }
  const keys = Object.keys(array);
  // Indices come first, so the last key tells.
  const last = keys.at(-1);
  return last !== undefined && !isArrayIndex(last);
}

function isArrayIndex(key: string): boolean {
  const index = Number(key) >>> 0;
  return index !== 0xffffffff && String(index) === key;
}

function writeSparse(encoder: Encoder, array: readonly unknown[]): void {
  const keys = Object.keys(array);
  encoder.byte(tag.ARRAY_SPARSE);
  encoder.varint(array.length);
  encoder.varint(keys.length);
  let i = 0;
  try {
    for (; i < keys.length; i++) {
      const key = keys[i] as string;
      if (isArrayIndex(key)) encoder.writeNumber(Number(key));
      else encoder.writeString(key);
      const value = (array as never)[key] as unknown;
      if (value === undefined && !Object.hasOwn(array, key)) encoder.byte(tag.ABSENT);
      else encoder.write(value);
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const key = keys[i] as string;
    throw error.within(isArrayIndex(key) ? `[${key}]` : propertySegment(key));
  }
}

function startElements(encoder: Encoder, length: number): void {
  encoder.byte(tag.ARRAY);
  encoder.varint(length);
}

/** `length` is what was written: an array that a getter shrinks meanwhile is filled up with holes. */
function writeElements(encoder: Encoder, array: readonly unknown[], from: number, length: number): void {
  let i = from;
  try {
    for (; i < length; i++) writeElement(encoder, array, i, array[i]);
  } catch (error) {
    throw error instanceof Refusal ? error.within(`[${i}]`) : error;
  }
}

function writeElement(encoder: Encoder, array: readonly unknown[], i: number, value: unknown): void {
  if (value === undefined && !Object.hasOwn(array, i)) encoder.byte(tag.ABSENT);
  else encoder.write(value);
}

function isInt32(value: unknown): value is number {
  return typeof value === "number" && (value | 0) === value && (value !== 0 || 1 / value > 0);
}

/**
 * Writes raw numbers in the hope that all elements are, first as int32, from the first other number on as float64. What
 * was written is taken back and written one by one if the hope fails, since reading an element again might run a getter
 * twice.
 */
function writeNumbers(encoder: Encoder, array: readonly unknown[]): void {
  const { length } = array;
  const head = encoder.position;
  encoder.byte(tag.ARRAY_INT32);
  encoder.varint(length);
  encoder.reserve(8 * length);
  const start = encoder.position;
  const { view } = encoder;
  let i = 0;
  let value: unknown;
  for (; i < length; i++) {
    value = array[i];
    if (!isInt32(value)) break;
    view.setInt32(start + 4 * i, value, true);
  }
  if (i === length) {
    encoder.position = start + 4 * length;
    return;
  }
  // Backwards, so that a number is read before a wider neighbour covers it.
  for (let j = i - 1; j >= 0; j--) view.setFloat64(start + 8 * j, view.getInt32(start + 4 * j, true), true);
  while (typeof value === "number") {
    view.setFloat64(start + 8 * i, value, true);
    if (++i === length) {
      encoder.bytes[head] = tag.ARRAY_FLOAT64;
      encoder.position = start + 8 * length;
      return;
    }
    value = array[i];
  }
  const numbers: number[] = [];
  for (let j = 0; j < i; j++) numbers.push(view.getFloat64(start + 8 * j, true));
  encoder.position = head;
  startElements(encoder, length);
  for (const number of numbers) encoder.writeNumber(number);
  try {
    writeElement(encoder, array, i, value);
  } catch (error) {
    throw error instanceof Refusal ? error.within(`[${i}]`) : error;
  }
  writeElements(encoder, array, i + 1, length);
}
