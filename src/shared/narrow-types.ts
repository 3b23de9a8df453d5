/**
 * The types whose values take one word: integers of up to 32 bits, float32, bool.
 *
 * Their classes are exported so that a type can be sent to a thread.
 *
 * @module
 */

import { compareExchange, exchange, load, store } from "#atomics";
import type { Memory } from "../core/memory.ts";
import { ValueError } from "../errors.ts";
import { type ArrayOf, type Bitwise, DataType, mustBeNumber, noBits, same, show } from "./data-type.ts";

/** Of one word. */
abstract class NarrowType<V extends number | boolean> extends DataType<V> {
  abstract encode(value: V): number;
  abstract decode(bits: number): V;

  load(memory: Memory, address: number): V {
    return this.decode(load(memory.words, address));
  }

  store(memory: Memory, address: number, value: V): void {
    store(memory.words, address, this.encode(value));
  }

  exchange(memory: Memory, address: number, value: V): V {
    return this.decode(exchange(memory.words, address, this.encode(value)));
  }

  compareExchange(memory: Memory, address: number, expected: V, value: V): V {
    const bits = this.encode(value);
    for (;;) {
      const seen = load(memory.words, address);
      const old = this.decode(seen);
      // By value, not by bits: 0 and -0 are equal, and so is NaN to itself, as a program that looked first would say.
      if (!same(old, expected) || compareExchange(memory.words, address, seen, bits) === seen) return old;
    }
  }

  change(memory: Memory, address: number, change: (old: V) => V): V {
    for (;;) {
      const seen = load(memory.words, address);
      const old = this.decode(seen);
      if (compareExchange(memory.words, address, seen, this.encode(change(old))) === seen) return old;
    }
  }
}

export class IntegerType extends NarrowType<number> {
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
    throw new ValueError(
      `${what} must be a whole number from ${this.least} to ${this.most} (${this.name}), not ${value}.`,
    );
  }

  encode(value: number): number {
    return value | 0;
  }

  decode(bits: number): number {
    // Only uint32 has values above 2 ** 31, which a word holds as negative ones.
    return this.least === 0 ? bits >>> 0 : bits;
  }

  add(memory: Memory, address: number, n: number): number {
    this.#checkStep(n);
    return this.change(memory, address, (old) => this.#inRange(old, old + n));
  }

  subtract(memory: Memory, address: number, n: number): number {
    this.#checkStep(n);
    return this.change(memory, address, (old) => this.#inRange(old, old - n));
  }

  bitwise(memory: Memory, address: number, operation: Bitwise, n: number): number {
    this.check(n, operation);
    return this.change(memory, address, (old) => this.decode(combine(operation, old, n)));
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

function combine(operation: Bitwise, a: number, b: number): number {
  return operation === "and" ? a & b : operation === "or" ? a | b : a ^ b;
}

const float = new Float32Array(1);
const floatBits = new Int32Array(float.buffer);

export class Float32Type extends NarrowType<number> {
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

  add(memory: Memory, address: number, n: number): number {
    mustBeNumber(this, n, "n");
    return this.change(memory, address, (old) => this.#checked(old + n));
  }

  subtract(memory: Memory, address: number, n: number): number {
    mustBeNumber(this, n, "n");
    return this.change(memory, address, (old) => this.#checked(old - n));
  }

  bitwise(_memory: Memory, _address: number, operation: Bitwise): number {
    throw noBits(this, operation);
  }

  #checked(value: number): number {
    this.check(value, "the sum");
    return value;
  }
}

export class BoolType extends NarrowType<boolean> {
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

  bitwise(memory: Memory, address: number, operation: Bitwise, n: boolean): boolean {
    this.check(n, operation);
    return this.change(memory, address, (old) => combine(operation, Number(old), Number(n)) !== 0);
  }
}
