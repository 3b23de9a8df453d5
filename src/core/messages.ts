/**
 * Messages: any sendable value, packed into one block of the program's memory, and named by its address.
 *
 * @module
 */

import { RuntimeError } from "../errors.ts";
import { alloc, free } from "./heap.ts";
import { ADDRESS, attach } from "./handles.ts";
import { memory } from "./program.ts";
import { attachments as attached, discardMessage, functionOf, MESSAGE, release, retain } from "./references.ts";
import { addressesIn, Codec, type CodecOptions, type Message } from "./wire/codec.ts";
import type { PlatformObjects } from "./wire/platform.ts";
import { Refusal } from "./wire/refusal.ts";
import type { FunctionShipper } from "./wire/shipper.ts";
import type { HostStrings } from "./wire/strings.ts";
import { describeView, isProgramMemory, restoreView } from "./views.ts";

/** Carries what only the platform can clone or move (a MessagePort, a Blob) to whoever reads the message. */
export interface Attachments {
  /** Takes charge of the values and names them by a number other than 0. */
  leave(values: readonly unknown[], transferList: readonly unknown[]): number;
  /** Fetches them, waiting as the platform must; `keep` if others will read the same message. */
  fetch(id: number, keep: boolean): readonly unknown[];
  /** As {@link fetch}, without blocking. `undefined`: they are here already. */
  request(id: number, keep: boolean): Promise<void> | undefined;
  /** Nobody will ask for them. */
  drop(id: number): void;
}

/** What the host gives: how to ship functions, and what the platform does better. */
export interface MessageSupport {
  readonly shipper: FunctionShipper;
  readonly strings?: HostStrings;
  readonly platform?: PlatformObjects;
  readonly attachments: Attachments;
}

/** Under this key a handle has the function that is sent in its place: a struct's layout stands for its class. */
export const STANDS_FOR: unique symbol = Symbol.for("heddle.stands-for") as never;

function addressOfFunction(fn: Function): number | undefined {
  // Own: a subclass is not what it extends. A getter, since most functions need no address ever.
  if (!Object.hasOwn(fn, ADDRESS)) return undefined;
  const address = (fn as unknown as { [ADDRESS]: number })[ADDRESS];
  retain(memory, address);
  return address;
}

let support: MessageSupport | undefined;
let codec: Codec | undefined;

export function setMessageSupport(given: MessageSupport): void {
  support = given;
  const options: CodecOptions = {
    shipper: given.shipper,
    shared: {
      addressOf(value) {
        const address = (value as { [ADDRESS]?: number | string })[ADDRESS];
        if (typeof address === "string") throw new Refusal(address);
        if (address !== undefined) retain(memory, address);
        return address;
      },
      addressOfFunction,
      attach(address) {
        const handle = attach(address);
        return (handle as { [STANDS_FOR]?: object })[STANDS_FOR] ?? handle;
      },
      describeView,
      restoreView,
      isProgramMemory,
      release: (address) => release(memory, address),
    },
    ...(given.strings && { strings: given.strings }),
    ...(given.platform && { platform: given.platform }),
  };
  codec = new Codec(options);
  attached.drop = (id) => given.attachments.drop(id);
}

/** Marks an object as one that stays in its thread; `reason` tells those who try to send it. */
export function keepHere(value: object, reason: string): void {
  Object.defineProperty(value, ADDRESS, { value: reason });
}

const interned: Map<string, number> = new Map();
const internedFunctions: WeakMap<Function, number> = new WeakMap();

/**
 * The message of a function that captured nothing: packed once, and kept for as long as the program runs. `undefined`
 * for a closure. Errors: `NotSendableError`.
 */
export function intern(fn: Function, path: string): number | undefined {
  const known = internedFunctions.get(fn);
  if (known !== undefined) return known;
  ready();
  let described;
  try {
    described = support!.shipper.describe(fn);
  } catch (error) {
    // The codec says it with the path in front.
    discard(pack(fn, path));
    throw error;
  }
  if (described.values.length > 0) return undefined;
  let message = interned.get(described.reference);
  if (message === undefined) {
    message = pack(fn, path);
    interned.set(described.reference, message);
  }
  internedFunctions.set(fn, message);
  return message;
}

/** The names of an object's private `#fields`, which cannot travel. */
export function privateFieldsOf(value: object): readonly string[] {
  return support?.shipper.privateFields(value) ?? [];
}

function ready(): Codec {
  if (codec === undefined) throw new RuntimeError("heddle has no host on this platform: import it as `heddle`.");
  return codec;
}

/**
 * Packs a value into memory. `path` is how errors call it: `args`, `result`.
 *
 * Errors: `NotSendableError`; then nothing was allocated or retained.
 */
export function pack(value: unknown, path: string): number {
  return packed((allocate) => ready().encodeInto(value, path, allocate));
}

/** Packs whatever was thrown. Never fails for want of sendability. */
export function packThrown(thrown: unknown): number {
  return packed((allocate) => ready().encodeThrown(thrown, "error", allocate));
}

function packed(encode: (allocate: (size: number) => Uint8Array) => Message): number {
  let block = 0;
  const message = encode((size) => {
    block = alloc(memory, MESSAGE.first + ((size + 3) >>> 2));
    memory.words[block + MESSAGE.bytes] = size;
    memory.words[block + MESSAGE.attachments] = 0;
    return viewOf(block);
  });
  if (message.attachments.length > 0) {
    memory.words[block + MESSAGE.attachments] = support!.attachments.leave(message.attachments, message.transferList);
  }
  return block;
}

function viewOf(message: number): Uint8Array {
  memory.reach(message);
  const start = (message + MESSAGE.first) * 4;
  const size = memory.words[message + MESSAGE.bytes]! >>> 0;
  memory.reach(message + MESSAGE.first + (size >>> 2));
  return memory.bytes.subarray(start, start + size);
}

/** What must be loaded or fetched before {@link unpack}, or {@link peek} with `keep`. `undefined`: nothing. */
export function prepare(message: number, keep = false): Promise<unknown> | undefined {
  const waits: Promise<unknown>[] = [];
  prepareFunctions(message, waits);
  const attachments = memory.words[message + MESSAGE.attachments]!;
  const fetching = attachments === 0 ? undefined : support!.attachments.request(attachments, keep);
  if (fetching !== undefined) waits.push(fetching);
  return waits.length === 0 ? undefined : Promise.all(waits);
}

/** Loads what the functions in a message need, and those that its shared objects will call in whatever thread. */
function prepareFunctions(message: number, waits: Promise<unknown>[]): void {
  const bytes = viewOf(message);
  for (const reference of ready().references(bytes)) {
    const loading = support!.shipper.prepare(reference);
    if (loading !== undefined) waits.push(loading);
  }
  for (const address of addressesIn(bytes)) {
    const called = functionOf(memory, address);
    if (called !== 0) prepareFunctions(called, waits);
  }
}

/** The value, and frees the message. */
export function unpack(message: number): unknown {
  try {
    return decode(message, false);
  } finally {
    free(memory, message);
  }
}

/** The value; the message stays for others to read. */
export function peek(message: number): unknown {
  for (const address of addressesIn(viewOf(message))) retain(memory, address);
  return decode(message, true);
}

/** Does it carry what the platform moves or clones, so that only one can read it? */
export function hasAttachments(message: number): boolean {
  memory.reach(message);
  return memory.words[message + MESSAGE.attachments] !== 0;
}

/** A second message with the same value. Not of one that {@link hasAttachments}. */
export function copy(message: number): number {
  const bytes = viewOf(message);
  const block = alloc(memory, MESSAGE.first + ((bytes.length + 3) >>> 2));
  memory.words[block + MESSAGE.bytes] = bytes.length;
  memory.words[block + MESSAGE.attachments] = 0;
  viewOf(block).set(bytes);
  for (const address of addressesIn(bytes)) retain(memory, address);
  return block;
}

/** As {@link unpack}, once everything it needs is loaded. */
export async function unpackPrepared(message: number): Promise<unknown> {
  await prepareOrDiscard(message);
  return unpack(message);
}

async function prepareOrDiscard(message: number): Promise<void> {
  try {
    await prepare(message);
  } catch (error) {
    discard(message);
    throw error;
  }
}

function decode(message: number, keep: boolean): unknown {
  memory.reach(message);
  const id = memory.words[message + MESSAGE.attachments]!;
  return ready().decode(viewOf(message), id === 0 ? undefined : support!.attachments.fetch(id, keep));
}

/** Frees a message that nobody will read. */
export function discard(message: number): void {
  discardMessage(memory, message);
}
