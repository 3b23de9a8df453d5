/**
 * The private `#fields` of subclasses of Thread and Process: they cannot travel, and would silently be missing there.
 *
 * @module
 */

import { privateFieldsOf } from "../core/packer.ts";
import { NotSendableError } from "../errors.ts";

/** Refuses an object whose class declares some. `base` is heddle's own class, which sees to its private fields itself. */
export function refusePrivateFields(object: object, base: Function, destination: "thread" | "process"): void {
  const { constructor } = object;
  // Cheap, and enough for most: asking V8 for the fields is not.
  if (!classesUpTo(base, constructor).some((text) => text.includes("#"))) return;
  const own = new Set(
    classesUpTo(Function.prototype, base).flatMap((text) => text.match(/#[\p{ID_Continue}$]+/gu) ?? []),
  );
  const name = privateFieldsOf(object).find((field) => !own.has(field));
  if (name === undefined) return;
  throw new NotSendableError(
    `this.${name}: the private field of a ${constructor.name} cannot be sent to another ${destination}; ` +
      `make it an ordinary one (_${name.slice(1)})`,
  );
}

/** The texts of a class and of those it extends, as far as `end`, which is not among them. */
function classesUpTo(end: Function, constructor: Function): string[] {
  const texts: string[] = [];
  for (let c = constructor; c !== end && c !== Function.prototype; c = Object.getPrototypeOf(c) as Function) {
    texts.push(Function.prototype.toString.call(c));
  }
  return texts;
}
