import { NotSendableError } from "../../errors.ts";
import type { Encoder } from "./encoder.ts";
import { Refusal } from "./refusal.ts";
import * as tag from "./tags.ts";

/** The number of Node's Buffer among the views; it is known by prototype, not by tag. */
export const BUFFER_VIEW: number = tag.VIEW_NAMES.length;

interface NodeBuffer {
  readonly prototype: object;
  from(buffer: ArrayBufferLike, byteOffset: number, length: number): Uint8Array;
}

/** Node's Buffer, where there is one. */
export const nodeBuffer: NodeBuffer | undefined = (globalThis as { Buffer?: NodeBuffer }).Buffer;

const byteLengthOf: (buffer: object) => number = Function.prototype.call.bind(
  Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength")?.get as () => number,
) as never;
const nameOf: (view: object) => string | undefined = Function.prototype.call.bind(
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)?.get as () => string,
) as never;

const numbersOfViews: ReadonlyMap<string, number> = new Map(tag.VIEW_NAMES.map((name, i) => [name, i]));

function isDetached(buffer: ArrayBuffer): boolean {
  if (buffer.byteLength > 0) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

const DETACHED = "cannot be sent to another thread: its memory was already transferred; send it before, or send a copy";

export function writeBuffer(encoder: Encoder, buffer: ArrayBuffer): void {
  let length: number;
  try {
    length = byteLengthOf(buffer);
  } catch {
    throw new Refusal("ArrayBuffer cannot be sent to another thread: it inherits from ArrayBuffer without being one");
  }
  if (encoder.shared.isProgramMemory?.(buffer) === true) {
    throw new Refusal(
      "ArrayBuffer cannot be sent to another thread: it is the memory of the whole program; send the SharedArray, its " +
        "data, or a subarray of that",
    );
  }
  if (length === 0 && isDetached(buffer)) throw new Refusal(`ArrayBuffer ${DETACHED}`);
  if (encoder.isMoving(buffer)) {
    encoder.transferList.push(buffer);
    return encoder.attach(buffer);
  }
  encoder.register(buffer);
  if (buffer.resizable) {
    encoder.byte(tag.RESIZABLE_BUFFER);
    encoder.varint(buffer.maxByteLength);
  } else {
    encoder.byte(tag.ARRAY_BUFFER);
  }
  writeRaw(encoder, new Uint8Array(buffer, 0, length));
}

function writeRaw(encoder: Encoder, bytes: Uint8Array): void {
  encoder.varint(bytes.length);
  if (bytes.length < tag.CHUNK) {
    encoder.writeBytes(bytes);
  } else {
    encoder.chunks.push(bytes);
    encoder.chunkBytes += bytes.length;
  }
}

export function writeView(encoder: Encoder, view: ArrayBufferView): void {
  const { buffer } = view;
  const isBuffer = nodeBuffer !== undefined && nodeBuffer.prototype.isPrototypeOf(view);
  const name = nameOf(view) ?? "DataView";
  const number = isBuffer ? BUFFER_VIEW : (numbersOfViews.get(name) as number);
  const elementSize = (view as Partial<Uint8Array>).BYTES_PER_ELEMENT ?? 1;
  if (writeSharedView(encoder, view, number, elementSize)) return;
  const shared = isShared(buffer);
  const own = !shared && !encoder.isMoving(buffer) && encoder.numberOf(buffer) < 0;
  // Small Buffers are cut from a pool that holds other people's bytes, so each travels by itself.
  if (own && isBuffer) {
    if (view.byteLength === 0 && isDetached(buffer)) throw new Refusal(`Buffer ${DETACHED}`);
    encoder.register(view);
    encoder.byte(tag.NODE_BUFFER);
    return writeRaw(encoder, view as Uint8Array);
  }
  const resizable = isResizable(buffer);
  if (own && !resizable && view.byteLength === buffer.byteLength) {
    if (view.byteLength === 0 && isDetached(buffer)) throw new Refusal(`${name} ${DETACHED}`);
    encoder.register(buffer);
    encoder.register(view);
    encoder.byte(tag.WHOLE_VIEW);
    encoder.byte(number);
    return writeRaw(encoder, new Uint8Array(buffer));
  }
  if (resizable && isOutOfBounds(view)) {
    throw new Refusal(`${name} cannot be sent to another thread: its buffer has shrunk below it`);
  }
  if (resizable && shared && reachesEnd(view, elementSize)) {
    // Whether it follows the growth of shared memory only the platform can see.
    return encoder.attach(view);
  }
  const follows = resizable && !shared && followsLength(view, buffer, elementSize);
  const { byteOffset, byteLength } = view;
  encoder.byte(tag.VIEW);
  encoder.byte(number);
  encoder.write(buffer);
  encoder.register(view);
  encoder.varint(byteOffset);
  encoder.varint(follows ? 0 : byteLength / elementSize + 1);
}

/** A view of a shared object travels with the object. False: it is a view of other memory. */
function writeSharedView(encoder: Encoder, view: ArrayBufferView, number: number, elementSize: number): boolean {
  let shown;
  try {
    shown = encoder.shared.describeView?.(view);
  } catch (error) {
    if (!(error instanceof NotSendableError)) throw error;
    throw new Refusal(`${nameOf(view) ?? "DataView"} cannot be sent to another thread: ${error.message}`);
  }
  if (shown === undefined) return false;
  encoder.register(view);
  encoder.byte(tag.SHARED_VIEW);
  encoder.varint(encoder.addresses.length);
  encoder.addresses.push(shown.address);
  encoder.byte(number);
  encoder.varint(shown.offset);
  encoder.varint(view.byteLength / elementSize);
  return true;
}

function isShared(buffer: ArrayBufferLike): buffer is SharedArrayBuffer {
  if (buffer instanceof ArrayBuffer) return false;
  if (buffer instanceof SharedArrayBuffer) return true;
  try {
    // A buffer of another realm: the getter goes by what it is.
    byteLengthOf(buffer);
    return false;
  } catch {
    return true;
  }
}

function isResizable(buffer: ArrayBufferLike): boolean {
  return isShared(buffer) ? (buffer as { growable?: boolean }).growable === true : buffer.resizable;
}

function reachesEnd(view: ArrayBufferView, elementSize: number): boolean {
  return view.byteOffset + view.byteLength + elementSize > view.buffer.byteLength;
}

function isOutOfBounds(view: ArrayBufferView): boolean {
  try {
    if (view instanceof DataView) return view.byteLength < 0;
    Uint8Array.prototype.at.call(view as Uint8Array, 0);
    return false;
  } catch {
    return true;
  }
}

/**
 * Whether a view follows its buffer's length. Nothing says so but the effect, so the buffer is resized and put back; no
 * other code runs in between.
 */
function followsLength(view: ArrayBufferView, buffer: ArrayBuffer, elementSize: number): boolean {
  if (!reachesEnd(view, elementSize)) return false;
  const size = buffer.byteLength;
  const before = view.byteLength;
  if (size + elementSize <= buffer.maxByteLength) {
    buffer.resize(size + elementSize);
    const follows = view.byteLength !== before;
    buffer.resize(size);
    return follows;
  }
  // Empty at the end of a full buffer: it makes no difference.
  if (before === 0) return false;
  const cut = view.byteOffset + before - elementSize;
  const saved = new Uint8Array(buffer, cut).slice();
  buffer.resize(cut);
  const follows = !isOutOfBounds(view);
  buffer.resize(size);
  new Uint8Array(buffer, cut).set(saved);
  return follows;
}
