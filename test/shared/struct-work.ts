/** Structs, and what the threads of struct.test.ts do with them. @module */

import {
  bool,
  type DataType,
  float64,
  int16,
  int32,
  int64,
  type Struct,
  struct,
  type StructClass,
  uint8,
  type Value,
} from "heddle/shared";
import { Condition, Event, Lock, RLock, Semaphore } from "heddle/threading";
import { Queue } from "heddle/queue";

type Number = DataType<number>;

const AccountFields: StructClass<{ balance: Number; count: Number; lock: typeof RLock }> = struct({
  balance: float64,
  count: int32,
  lock: RLock,
});
export type AccountFields = InstanceType<typeof AccountFields>;

export function newAccount(balance: number): AccountFields {
  return new AccountFields({ balance });
}

export function isAccount(value: unknown): boolean {
  return value instanceof AccountFields;
}

export function deposit(account: AccountFields, times: number): number {
  for (let i = 0; i < times; i++) {
    using _ = account.lock.acquireSync();
    account.balance += 0.5;
    account.count += 1;
  }
  return account.count;
}

/** Of every kind of field, in an order that needs aligning. */
const Everything: StructClass<{
  small: Number;
  long: DataType<bigint>;
  lock: typeof Lock;
  flag: DataType<boolean>;
  wide: Number;
  inner: typeof AccountFields;
  short: Number;
  changed: typeof Condition;
  free: typeof Semaphore;
  ready: typeof Event;
  jobs: typeof Queue<string>;
}> = struct({
  small: uint8,
  long: int64,
  lock: Lock,
  flag: bool,
  wide: float64,
  inner: AccountFields,
  short: int16,
  changed: Condition,
  free: Semaphore,
  ready: Event,
  jobs: Queue<string>,
});
export type Everything = InstanceType<typeof Everything>;

export function newEverything(): Everything {
  return new Everything({ small: 1, long: 2n, flag: true, wide: 4.5, inner: newAccount(5), short: -6 });
}

export function readEverything(e: Everything): unknown[] {
  using _ = e.lock.acquireSync();
  e.ready.set();
  e.jobs.putNowait("done");
  return [e.small, e.long, e.flag, e.wide, e.inner.balance, e.short, e.free.value, e.lock.locked, e.changed.locked];
}

export function writeEverything(e: Everything): void {
  Object.assign(e, { small: 255, long: -(2n ** 63n), flag: false, wide: -0, short: 32_767 });
  e.inner.balance = Infinity;
}

const PointFields: StructClass<{ x: Number; y: Number }> = struct({ x: float64, y: float64 });

export class Point extends PointFields {
  label = "none";

  constructor(at: readonly [number, number]) {
    super({ x: at[0], y: at[1] });
  }

  get length(): number {
    return Math.hypot(this.x, this.y);
  }
}

export function lengthOf(point: Point): [number, boolean, string | undefined] {
  return [point.length, point instanceof Point, point.label];
}

export function newPoint(): Point {
  return new Point([6, 8]);
}

/** This module's own class is not known where this runs, if only the struct is sent. */
export function namesOf(value: Record<string, unknown>): [string[], boolean] {
  const prototype = Object.getPrototypeOf(value) as object;
  return [Object.keys(prototype), "length" in value];
}

type OneNumber = StructClass<{ a: Number }>;

export function makeOf(Class: OneNumber): unknown {
  const made = new Class({ a: 41 });
  made.a += 1;
  return made;
}

/** A closure that captured the class. */
export function makerOf(Class: OneNumber): (n: number) => Struct<{ a: Number }> {
  return (n) => new Class({ a: n });
}

export function defineAgain(value: unknown): boolean {
  return value instanceof struct({ lock: RLock, n: int32 });
}

export function sameObject(a: Everything, b: Everything["inner"], c: Lock): boolean {
  return a.inner === b && a.lock === c && a.inner === a.inner;
}

export function hold(value: Value<number>, account: AccountFields): void {
  value.add(account.count);
  account.lock.acquireSync();
  throw new Error("died");
}
