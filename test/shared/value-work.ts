/** What the threads of value.test.ts do. @module */

import { type DataType, Value } from "heddle/shared";
import type { RLock } from "heddle/threading";

export function assign<V extends number | bigint | boolean>(value: Value<V>, to: V): V {
  const before = value.value;
  value.value = to;
  return before;
}

export function countLocked(value: Value<number>, times: number): void {
  for (let i = 0; i < times; i++) {
    using _ = value.lock.acquireSync();
    value.value += 1;
  }
}

export function sameLock(value: Value<number>, lock: RLock): boolean {
  return value.lock === lock && value.lock === value.lock;
}

export interface Counters {
  readonly adds: Value<number>;
  readonly longAdds: Value<bigint>;
  readonly floatAdds: Value<number>;
  readonly narrowFloatAdds: Value<number>;
  readonly exchanges: Value<number>;
  readonly bits: Value<number>;
}

/** Returns what it took out of `exchanges`. */
export function hammer(counters: Counters, seed: number, times: number): number {
  let taken = 0;
  for (let i = 0; i < times; i++) {
    counters.adds.add(seed);
    counters.longAdds.sub(-3n);
    counters.floatAdds.add(0.5);
    counters.narrowFloatAdds.add(0.25);
    for (let seen = counters.exchanges.value; ;) {
      const before = counters.exchanges.compareExchange(seen, seen + 1);
      if (before === seen) break;
      seen = before;
    }
    taken += counters.exchanges.exchange(0);
    counters.bits.xor(1 << (i & 15));
  }
  return taken;
}

export function make(type: DataType<number>, first: number): Value<number> {
  return new Value(type, first);
}

export function takeLock(value: Value<number>): boolean {
  using lock = value.lock.acquireSync();
  return lock.locked;
}
