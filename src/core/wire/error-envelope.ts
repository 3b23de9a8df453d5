/**
 * Errors on the wire. Structured clone makes a plain `Error` of most of them; here class, message, stack, own fields,
 * `cause` and the errors of an aggregate arrive, and what cannot travel is named in `notes` instead of failing the whole.
 *
 * @module
 */

import * as heddleErrors from "../../errors.ts";
import type { Plan } from "./classify.ts";
import type { Encoder } from "./encoder.ts";
import { preload } from "./function-writer.ts";
import { isNative, nameOf } from "./intrinsics.ts";
import * as tag from "./tags.ts";

const { RemoteError } = heddleErrors;

type ErrorClass = abstract new (...args: never[]) => object;

/** The classes that the wire names by name. An explicit table: nothing is looked up by what a message says. */
const nativeClasses = new Map<string, ErrorClass>();
const heddleClasses = new Map<string, ErrorClass>();
/** From prototype to name. */
const nativeNames = new Map<object, string>();
const heddleNames = new Map<object, string>();

for (const name of tag.NATIVE_ERRORS) {
  const constructor = (globalThis as Record<string, unknown>)[name];
  if (typeof constructor !== "function") continue;
  nativeClasses.set(name, constructor as never);
  nativeNames.set(constructor.prototype as object, name);
}
for (const [name, constructor] of Object.entries(heddleErrors)) {
  heddleClasses.set(name, constructor as never);
  heddleNames.set(constructor.prototype, name);
}

const brand = Symbol.for("heddle.error.brand");

/** Classes of the platform that no program can name; their `name` says all there is to say. */
const UNNAMEABLE: ReadonlySet<string> = new Set(["AbortError", "NodeError", "SystemError", "NodeAggregateError"]);

/** Own properties that travel although they are not enumerable. */
const HIDDEN: ReadonlySet<string> = new Set(["cause", "errors", "error", "suppressed"]);
/** Own properties with a place of their own. */
const PLACED: ReadonlySet<string> = new Set(["message", "stack", "name"]);

function read<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

function readString(error: object, key: "message" | "stack" | "name"): string | undefined {
  const value: unknown = read(() => (error as Record<string, unknown>)[key]);
  return typeof value === "string" ? value : undefined;
}

interface NamedClass {
  readonly kind: number;
  readonly name: string;
  /** The object number of a user's class. */
  readonly number: number;
  /** The most derived class, if it is not the one named. */
  readonly lost: string | undefined;
  readonly prototype: object;
}

/** Finds the most derived class that can be named, and writes it ahead if it is the user's. */
function nameClass(encoder: Encoder, error: object, notes: string[]): NamedClass {
  let lost: string | undefined;
  for (let p = read(() => Object.getPrototypeOf(error) as object | null); p; p = Object.getPrototypeOf(p) as object) {
    const native = nativeNames.get(p);
    if (native !== undefined) return { kind: tag.ERROR_NATIVE, name: native, number: 0, lost, prototype: p };
    const ours = heddleNames.get(p);
    if (ours !== undefined) return { kind: tag.ERROR_HEDDLE, name: ours, number: 0, lost, prototype: p };
    const constructor: unknown = read(() => Object.getOwnPropertyDescriptor(p, "constructor")?.value as unknown);
    if (typeof constructor !== "function" || constructor.prototype !== p) continue;
    // Another copy of this package: its class is the one of the same brand here.
    const branded = read(() => Object.getOwnPropertyDescriptor(constructor, brand)?.value as unknown);
    if (typeof branded === "string" && heddleClasses.has(branded)) {
      return { kind: tag.ERROR_HEDDLE, name: branded, number: 0, lost, prototype: p };
    }
    const name = nameOf(constructor) || "(anonymous)";
    // Another realm's TypeError is ours.
    if (nativeClasses.has(name) && constructor !== nativeClasses.get(name) && isNative(constructor)) {
      return { kind: tag.ERROR_NATIVE, name, number: 0, lost, prototype: p };
    }
    if (!UNNAMEABLE.has(name) && (globalThis as Record<string, unknown>)[name] !== constructor) {
      let number = 0;
      const refusal = encoder.attempt(() => {
        number = preload(encoder, constructor, name);
      });
      if (refusal === undefined) return { kind: tag.ERROR_USER, name, number, lost, prototype: p };
      notes.push(`it was a ${name} where it was thrown; ${refusal.toError("its class").message}`);
    }
    lost ??= name;
  }
  return { kind: tag.ERROR_NATIVE, name: "Error", number: 0, lost, prototype: Error.prototype };
}

/** The `name` the restored error would not have by its class. */
function nameToCarry(error: object, named: NamedClass): string | undefined {
  const name = readString(error, "name");
  // A DOMException keeps its name inside.
  if (named.name === "DOMException" && named.kind === tag.ERROR_NATIVE) return name;
  if (Object.hasOwn(error, "name")) return name;
  if (named.lost === undefined) return undefined;
  return name === undefined || name === readString(named.prototype, "name") ? named.lost : name;
}

export function writeError(encoder: Encoder, error: Error, plan: Plan): void {
  const notes: string[] = [];
  const named = nameClass(encoder, error, notes);
  // Its class may have captured the error, which then went with it.
  if (encoder.writeAgain(error)) return;
  encoder.register(error);
  encoder.byte(tag.ERROR);
  encoder.byte(named.kind);
  encoder.writeString(named.name);
  if (named.kind === tag.ERROR_USER) encoder.varint(named.number);
  const message = readString(error, "message");
  const stack = readString(error, "stack");
  const name = read(() => nameToCarry(error, named));
  encoder.byte(
    (message === undefined ? 0 : tag.ERROR_HAS_MESSAGE) |
      (stack === undefined ? 0 : tag.ERROR_HAS_STACK) |
      (name === undefined ? 0 : tag.ERROR_HAS_NAME),
  );
  if (message !== undefined) encoder.writeString(message);
  if (stack !== undefined) encoder.writeString(stack);
  if (name !== undefined) encoder.writeString(name);
  if (plan.constructor_ !== undefined) {
    const hidden = read(() => encoder.shipper.privateFields(error)) ?? [];
    if (hidden.length > 0) notes.push(`private fields ${hidden.join(", ")} could not travel`);
  }
  for (const key of read(() => Object.getOwnPropertyNames(error)) ?? []) {
    if (PLACED.has(key)) continue;
    const enumerable = read(() => Object.prototype.propertyIsEnumerable.call(error, key)) === true;
    if (!enumerable && !HIDDEN.has(key)) continue;
    const refusal = encoder.attempt(() => {
      const value: unknown = (error as unknown as Record<string, unknown>)[key];
      encoder.byte(enumerable ? tag.ENTRY_FIELD : tag.ENTRY_HIDDEN);
      encoder.writeString(key);
      if (key === "errors" && Array.isArray(value)) writeErrors(encoder, value);
      else encoder.write(value);
    });
    if (refusal !== undefined) notes.push(refusal.toError(key).message);
  }
  encoder.byte(tag.ENTRY_END);
  encoder.varint(notes.length);
  for (const note of notes) encoder.writeString(note);
}

/** One error that cannot be sent must not take the others with it. */
function writeErrors(encoder: Encoder, errors: readonly unknown[]): void {
  if (encoder.writeAgain(errors)) return;
  encoder.register(errors);
  encoder.byte(tag.ARRAY);
  encoder.varint(errors.length);
  for (let i = 0; i < errors.length; i++) {
    const refusal = encoder.attempt(() => encoder.write(errors[i]));
    if (refusal !== undefined) encoder.write(new RemoteError(refusal.toError(`errors[${i}]`).message));
  }
}

/** What to send when something was thrown that is no error and cannot be sent. */
export function standIn(thrown: unknown, reason: string): Error {
  let shown = typeof thrown as string;
  try {
    shown = typeof thrown === "symbol" ? String(thrown) : `${shown} ${Object.prototype.toString.call(thrown)}`;
  } catch {
    // The type will do.
  }
  return new RemoteError(`a value that is no error was thrown: ${shown} (${reason})`);
}

/** Runs without recording a stack: the error brings its own. */
function withoutStack<T>(make: () => T): T {
  const limit: unknown = Reflect.get(Error, "stackTraceLimit");
  Reflect.set(Error, "stackTraceLimit", 0);
  try {
    return make();
  } finally {
    Reflect.set(Error, "stackTraceLimit", limit);
  }
}

function hide(error: object, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
}

export interface ErrorHead {
  readonly kind: number;
  readonly name: string;
  /** A user's class, or why it could not be restored. */
  readonly constructor_: Function | { readonly failure: unknown } | undefined;
  readonly message: string | undefined;
  readonly stack: string | undefined;
  readonly ownName: string | undefined;
}

/** `undefined`: no such class in the table. */
export function createError(head: ErrorHead, notes: string[]): object | undefined {
  let target: ErrorClass | undefined;
  let { ownName } = head;
  if (head.kind === tag.ERROR_NATIVE) target = nativeClasses.get(head.name);
  else if (head.kind === tag.ERROR_HEDDLE) target = heddleClasses.get(head.name);
  else if (head.kind === tag.ERROR_USER && typeof head.constructor_ === "function") target = head.constructor_ as never;
  else if (head.kind === tag.ERROR_USER && head.constructor_ !== undefined) {
    target = RemoteError;
    ownName ??= head.name;
    const { failure } = head.constructor_ as { readonly failure: unknown };
    notes.push(
      `its class ${head.name} could not be loaded here: ${readString(Object(failure), "message") ?? "unknown"}`,
    );
  }
  if (target === undefined) return undefined;
  const error = withoutStack(() => construct(target, head.message, ownName));
  if (head.message === undefined && Object.hasOwn(error, "message")) Reflect.deleteProperty(error, "message");
  if (head.stack !== undefined) hide(error, "stack", head.stack);
  if (ownName !== undefined && !(head.kind === tag.ERROR_NATIVE && head.name === "DOMException")) {
    hide(error, "name", ownName);
  }
  return error;
}

/**
 * The nearest built-in or heddle constructor runs, for the slots and brands it gives; the user's own does not, since
 * what it would want as arguments is not known.
 */
function construct(target: ErrorClass, message: string | undefined, name: string | undefined): object {
  let base: string | undefined;
  let constructor: Function = Error;
  for (let p = target.prototype as object | null; p !== null; p = Object.getPrototypeOf(p) as object | null) {
    base = nativeNames.get(p);
    const known = base ?? heddleNames.get(p);
    if (known !== undefined) {
      constructor = (base === undefined ? heddleClasses.get(known) : nativeClasses.get(known)) as never;
      break;
    }
  }
  const args: unknown[] =
    base === "AggregateError"
      ? [[], message]
      : base === "SuppressedError"
        ? [undefined, undefined, message]
        : base === "DOMException"
          ? [message ?? "", name ?? "Error"]
          : [message];
  return Reflect.construct(constructor, args, target) as object;
}

/** Sets one field of an error being restored. */
export function restoreField(error: object, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
}

/** Adds what could not travel to the error's `notes`, as Python's `add_note` does. */
export function addNotes(error: object, notes: readonly string[]): void {
  if (notes.length === 0) return;
  const own: unknown = (error as { notes?: unknown }).notes;
  restoreField(error, "notes", Array.isArray(own) ? [...(own as unknown[]), ...notes] : [...notes], true);
}

const FRAME = /^\s*at |@.*:\d+:\d+\s*$/;

/**
 * Adds the caller's frames to the stack of an error that came from another thread: first what happened there, then who
 * had asked for it.
 *
 * ```
 * TypeError: x is not a function
 *     at work (file:///app/tasks.ts:3:9)
 *     --- submitted from MainThread ---
 *     at main (file:///app/main.ts:12:18)
 * ```
 *
 * `callerStack` is the `stack` of an Error made by the caller; its first line is left out. What is no error, is frozen or
 * has the section already stays as it is.
 */
export function appendCallerStack(error: unknown, callerStack: string | undefined, label = "submitted from"): void {
  if (callerStack === undefined || typeof error !== "object" || error === null) return;
  const lines = callerStack.split("\n");
  const first = lines.findIndex((line) => FRAME.test(line));
  if (first < 0) return;
  const section = `    --- ${label} ---\n${lines.slice(first).join("\n").trimEnd()}`;
  const original = readString(error, "stack");
  if (original === undefined || original.endsWith(section)) return;
  // A frozen error keeps the stack it has.
  Reflect.defineProperty(error, "stack", {
    value: `${original.trimEnd()}\n${section}`,
    writable: true,
    configurable: true,
    enumerable: false,
  });
}
