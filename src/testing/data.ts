/**
 * Plain data that the threads of a scenario share: a typed array whose every element access is an operation.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import type { AccessKind, Place } from "./clocks.ts";
import type { Intercept, Operation } from "./operations.ts";

export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

/** What an access to an element is made on. */
export class SharedData {
  readonly name: string;
  readonly array: TypedArray;

  constructor(name: string, array: TypedArray) {
    this.name = name;
    this.array = array;
  }
}

function access(kind: AccessKind, perform: (this: SharedData, index: number, value: never) => unknown): Operation {
  return {
    name: kind,
    form: kind === "read" ? "get" : "set",
    isAsync: false,
    isBlocking: false,
    perform: perform as Operation["perform"],
    isRead: kind === "read",
    releases: false,
    acquires: () => false,
    isSignal: false,
    access: kind,
    places: (target: SharedData, [index]: readonly unknown[]): readonly Place[] => [`${target.name}[${String(index)}]`],
  };
}

const READ: Operation = access("read", function read(index) {
  return this.array[index];
});
const WRITE: Operation = access("write", function write(index, value) {
  this.array[index] = value;
  return undefined;
});

/** The array, with each access to an element passed to `intercept` first. */
export function watched<T extends TypedArray>(array: T, name: string, intercept: Intercept): T {
  const data = new SharedData(name, array);
  return new Proxy<T>(array, {
    get(target, key): unknown {
      const index = typeof key === "string" ? Number(key) : NaN;
      if (Number.isInteger(index)) {
        const answer = intercept(data, READ, [index]);
        return answer === undefined ? target[index] : answer.value;
      }
      // Array's own methods go element by element through this proxy; a typed array's insist on a typed array.
      if (key in Array.prototype && key !== "length" && key !== "constructor") return Reflect.get(Array.prototype, key);
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function" || key === "constructor") return value;
      throw new RuntimeError(`An exploration cannot follow ${name}.${String(key)}(): access the elements one by one.`);
    },
    set(target, key, value): boolean {
      const index = Number(key);
      if (!Number.isInteger(index)) return false;
      if (intercept(data, WRITE, [index, value]) === undefined) target[index] = value as never;
      return true;
    },
  });
}
