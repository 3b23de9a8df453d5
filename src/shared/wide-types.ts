/**
 * The types whose values take two words: int64, uint64, float64. As narrow-types.ts.
 *
 * @module
 */

import { compareExchangeLong, exchangeLong, loadLong, type LongWords, storeLong } from "#atomics";
import type { Memory } from "../core/memory.ts";
import { ValueError } from "../errors.ts";
import { type ArrayOf, type Bitwise, DataType, mustBeNumber, noBits, same, show } from "./data-type.ts";

/** The memory as words of 64 bits, up to that address at least. */
function longsTo(memory: Memory, address: number): LongWords {
  let { longs } = memory;
  if (longs === undefined || address >>> 1 >= longs.length) {
    const { buffer } = memory.words;
    memory.longs = longs = new BigInt64Array(buffer, 0, buffer.byteLength / 8);
  }
  return longs;
}

/** Of two words. */
abstract class WideType<V extends number | bigint> extends DataType<V> {
  abstract encode(value: V): bigint;
  abstract decode(bits: bigint): V;

  load(memory: Memory, address: number): V {
    return this.decode(loadLong(longsTo(memory, address), address >>> 1));
  }

  store(memory: Memory, address: number, value: V): void {
    storeLong(longsTo(memory, address), address >>> 1, this.encode(value));
  }

  exchange(memory: Memory, address: number, value: V): V {
    return this.decode(exchangeLong(longsTo(memory, address), address >>> 1, this.encode(value)));
  }

  compareExchange(memory: Memory, address: number, expected: V, value: V): V {
    const words = longsTo(memory, address);
    const bits = this.encode(value);
    for (;;) {
      const seen = loadLong(words, address >>> 1);
      const old = this.decode(seen);
      if (!same(old, expected) || compareExchangeLong(words, address >>> 1, seen, bits) === seen) return old;
    }
  }

  change(memory: Memory, address: number, change: (old: V) => V): V {
    const words = longsTo(memory, address);
    for (;;) {
      const seen = loadLong(words, address >>> 1);
      const old = this.decode(seen);
      if (compareExchangeLong(words, address >>> 1, seen, this.encode(change(old))) === seen) return old;
    }
  }
}

export class LongType extends WideType<bigint> {
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

  add(memory: Memory, address: number, n: bigint): bigint {
    this.#mustBeBigint(n, "n");
    return this.change(memory, address, (old) => this.#inRange(old, old + n));
  }

  subtract(memory: Memory, address: number, n: bigint): bigint {
    this.#mustBeBigint(n, "n");
    return this.change(memory, address, (old) => this.#inRange(old, old - n));
  }

  bitwise(memory: Memory, address: number, operation: Bitwise, n: bigint): bigint {
    this.check(n, operation);
    return this.change(memory, address, (old) =>
      operation === "and" ? old & n : operation === "or" ? old | n : old ^ n,
    );
  }

  #inRange(old: bigint, value: bigint): bigint {
    if (value >= this.least && value <= this.most) return value;
    throw new ValueError(`${old}n would become ${value}n, which no ${this.name} holds. Nothing was changed.`);
  }
}

const double = new Float64Array(1);
const doubleBits = new BigInt64Array(double.buffer);

export class Float64Type extends WideType<number> {
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

  add(memory: Memory, address: number, n: number): number {
    this.check(n, "n");
    return this.change(memory, address, (old) => old + n);
  }

  subtract(memory: Memory, address: number, n: number): number {
    this.check(n, "n");
    return this.change(memory, address, (old) => old - n);
  }

  bitwise(_memory: Memory, _address: number, operation: Bitwise): number {
    throw noBits(this, operation);
  }
}
