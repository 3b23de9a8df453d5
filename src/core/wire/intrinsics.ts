/**
 * Built-in methods that throw when their receiver is not what it claims to be, bound before a program could replace them.
 *
 * @module
 */

export const getTime: (value: object) => number = Function.prototype.call.bind(Date.prototype.getTime) as never;
export const mapSize: (map: object) => number = Function.prototype.call.bind(
  Object.getOwnPropertyDescriptor(Map.prototype, "size")?.get as () => number,
) as never;
export const setSize: (set: object) => number = Function.prototype.call.bind(
  Object.getOwnPropertyDescriptor(Set.prototype, "size")?.get as () => number,
) as never;
export const forEachEntry: (map: object, each: (value: unknown, key: unknown) => void) => void =
  Function.prototype.call.bind(Map.prototype.forEach) as never;
export const forEachMember: (set: object, each: (value: unknown) => void) => void = Function.prototype.call.bind(
  Set.prototype.forEach,
) as never;
export const regExpSource: (value: object) => string = Function.prototype.call.bind(
  Object.getOwnPropertyDescriptor(RegExp.prototype, "source")?.get as () => string,
) as never;

/** The primitive inside a wrapper object. */
export function unbox(object: object): unknown {
  for (const { prototype } of [Number, String, Boolean, BigInt]) {
    try {
      return Reflect.apply(prototype.valueOf, object, []);
    } catch {
      // Not that one.
    }
  }
  throw new TypeError("not a boxed value");
}

const sourceOf: (f: Function) => string = Function.prototype.call.bind(Function.prototype.toString) as never;

/** Whether a function has no JavaScript source: the engine's own, or a native addon's. */
export function isNative(f: Function): boolean {
  return /\{\s*\[native code\]\s*\}\s*$/.test(sourceOf(f));
}

/** A function's name; a class may have a static member of that name, which is none. */
export function nameOf(f: Function): string {
  const name: unknown = Object.getOwnPropertyDescriptor(f, "name")?.value;
  return typeof name === "string" ? name : "";
}
