/**
 * Which object of another thread's copy of a module an object of this one is.
 *
 * Each thread evaluates a module anew, so that a module's `new ContextVar("user")` is another object in each. It is the
 * same variable all the same, and is known by the place in the program that made it. An object whose place made several
 * has none, and is only known by the handle that was sent.
 *
 * @module
 */

/** More than any program has at the top level of its modules. */
const MOST = 10_000;

/** `null`: the place made several. */
const made: Map<string, WeakRef<object> | null> = new Map();
/** Made for what arrived, before the module that makes it was evaluated in this thread. */
const standIns: Map<string, WeakRef<object>> = new Map();
const placeOfThing: WeakMap<object, string> = new WeakMap();

interface Frame {
  getScriptNameOrSourceURL?(): string | null;
  getPosition?(): number;
}

/** The place that calls `above`. `undefined`: not in a file. */
export function callingPlace(above: Function): string | undefined {
  type Tracing = { captureStackTrace?: (target: object, above: Function) => void; prepareStackTrace?: unknown };
  const tracing = Error as Tracing;
  if (tracing.captureStackTrace === undefined) return undefined;
  const limit = Error.stackTraceLimit;
  const prepare = tracing.prepareStackTrace;
  const trace: { stack?: unknown } = {};
  Error.stackTraceLimit = 1;
  // The frames themselves: their text would be long in the making, and mapped to other sources.
  tracing.prepareStackTrace = (_: unknown, frames: unknown) => frames;
  let frame: Frame | undefined;
  try {
    tracing.captureStackTrace(trace, above);
    frame = (trace.stack as Frame[] | undefined)?.[0];
  } finally {
    tracing.prepareStackTrace = prepare;
    Error.stackTraceLimit = limit;
  }
  const file = frame?.getScriptNameOrSourceURL?.();
  return file ? `${file.replace(/[?#].*$/, "")}:${frame!.getPosition!()}` : undefined;
}

/**
 * Enters what a place made. Returns what stands in for it already, since another thread has sent the same thing before.
 */
export function enter(thing: object, kind: string, name: string, place: string | undefined): object | undefined {
  if (place === undefined || made.size >= MOST) return undefined;
  const key = `${kind} ${name} ${place}`;
  if (made.has(key)) {
    made.set(key, null);
    return undefined;
  }
  made.set(key, new WeakRef(thing));
  placeOfThing.set(thing, key);
  return standIns.get(key)?.deref();
}

/** What a thing is known by in every thread. `undefined`: nothing but a handle. */
export function placeOf(thing: object): string | undefined {
  const key = placeOfThing.get(thing);
  return key !== undefined && made.get(key) === null ? undefined : key;
}

/** What this place made in this thread, or what stands in for it. */
export function madeAt(key: string): object | undefined {
  return made.get(key)?.deref() ?? standIns.get(key)?.deref();
}

export function standIn(thing: object, key: string): void {
  standIns.set(key, new WeakRef(thing));
  placeOfThing.set(thing, key);
}
