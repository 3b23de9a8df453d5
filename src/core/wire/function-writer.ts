import { NotSendableError } from "../../errors.ts";
import { writeBuiltIn } from "./built-in-writer.ts";
import type { Plan } from "./classify.ts";
import type { Encoder } from "./encoder.ts";
import { nameOf } from "./intrinsics.ts";
import { Refusal } from "./refusal.ts";
import type { ShippedFunction } from "./shipper.ts";
import * as tag from "./tags.ts";

export function writeFunction(encoder: Encoder, fn: Function): void {
  if (encoder.writeAgain(fn)) return;
  encoder.noteMark(fn);
  const address = encoder.shared.addressOfFunction?.(fn);
  if (address !== undefined) {
    encoder.register(fn);
    encoder.byte(tag.SHARED);
    encoder.varint(encoder.addresses.length);
    encoder.addresses.push(address);
    return;
  }
  const label = `${isClass(fn) ? "class" : "function"} ${nameOf(fn) || "(anonymous)"}`;
  let shipped: ShippedFunction;
  try {
    shipped = encoder.shipper.describe(fn);
  } catch (error) {
    if (error instanceof NotSendableError) throw refusalOf(label, error);
    throw error;
  }
  writeShipped(encoder, fn, shipped, label);
}

function writeShipped(encoder: Encoder, fn: Function, shipped: ShippedFunction, label: string): void {
  encoder.register(fn);
  const { reference, values, names } = shipped;
  let number = encoder.references.indexOf(reference);
  if (number < 0) number = encoder.references.push(reference) - 1;
  encoder.byte(tag.FUNCTION);
  encoder.varint(number);
  encoder.varint(values.length);
  if (values.length === 0) return;
  encoder.deeper();
  let i = 0;
  try {
    for (; i < values.length; i++) encoder.write(values[i]);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw error.within(` (${label}): captured variable "${names[i] ?? i}"`);
  }
  encoder.depth--;
}

/** Makes sure that the class is known to the receiver; its number. */
export function preload(encoder: Encoder, constructor: Function, name: string): number {
  let number = encoder.numberOf(constructor);
  if (number >= 0) return number;
  let shipped: ShippedFunction;
  try {
    shipped = encoder.shipper.describe(constructor);
  } catch (error) {
    if (error instanceof NotSendableError) throw refusalOf(name, error);
    throw error;
  }
  encoder.byte(tag.PRELOAD);
  number = encoder.objectCount;
  encoder.isolate(() => writeShipped(encoder, constructor, shipped, `class ${name}`));
  return number;
}

export function writeInstance(encoder: Encoder, object: object, plan: Plan, constructor: Function): void {
  const hidden = encoder.shipper.privateFields(object);
  if (hidden.length > 0) {
    throw new Refusal(
      `${plan.name} cannot be sent to another thread: its private ${hidden.length > 1 ? "fields" : "field"} ` +
        `${hidden.join(", ")} cannot travel; make it public, or send the data and build the object there`,
    );
  }
  const number = preload(encoder, constructor, plan.name);
  // The class may have captured this very object, which was then written with it.
  if (encoder.writeAgain(object)) return;
  if (plan.kind === "object") {
    encoder.register(object);
    if (encoder.isDeep) {
      encoder.putOffShell(object, tag.PUT_OFF_INSTANCE);
      return encoder.varint(number);
    }
    encoder.byte(tag.INSTANCE);
    encoder.varint(number);
    return encoder.writeFields(object, Object.keys(object));
  }
  encoder.byte(tag.EXOTIC_INSTANCE);
  encoder.varint(number);
  encoder.deeper();
  encoder.isolate(() => writeBuiltIn(encoder, object, plan));
  // Elements are keys too, but they travelled as contents.
  const keys = plan.kind === "array" ? [] : Object.keys(object);
  encoder.writeFields(object, plan.kind === "view" || plan.kind === "boxed" ? keys.filter((k) => !isIndex(k)) : keys);
  encoder.depth--;
}

function refusalOf(label: string, error: Error): Refusal {
  return new Refusal(`${label} cannot be sent to another thread: ${error.message}`);
}

function isClass(fn: Function): boolean {
  const prototype = Object.getOwnPropertyDescriptor(fn, "prototype");
  return prototype !== undefined && prototype.writable === false;
}

function isIndex(key: string): boolean {
  return /^(?:0|[1-9]\d*)$/.test(key);
}
