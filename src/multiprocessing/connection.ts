/**
 * Connections: the two ends through which messages go, whatever is between them.
 *
 * @module
 */

import type { WaitOptions } from "../core/deadline.ts";
import { describe } from "../core/deadline.ts";
import { ValueError } from "../errors.ts";

/** Bytes that can be sent, and memory that can be received into. */
export type Bytes = ArrayBufferView | ArrayBufferLike;

/** Which part of the bytes is sent, in bytes. Default: all from `offset` on. */
export interface SendBytesOptions extends WaitOptions {
  offset?: number | undefined;
  size?: number | undefined;
}

export interface RecvBytesOptions extends WaitOptions {
  /** The most bytes that a message may have. A longer one closes the connection for receiving. */
  maxlength?: number | undefined;
}

export interface RecvIntoOptions extends WaitOptions {
  /** Where in the buffer the message begins, in bytes. */
  offset?: number | undefined;
}

/**
 * One end of a connection that carries messages, each whole and in order: what {@link Pipe} gives, {@link Client} and
 * {@link Listener}'s `accept`.
 *
 * **Blocking.** `recv` waits for a message, `send` for room, each without blocking the event loop; `recvSync` and
 * `sendSync` block. Over sockets only the async forms exist: the others throw `RuntimeError`.
 *
 * **Cancellation.** A wait that ends by a timeout (`TimeoutError`) or a signal has sent or received nothing. `close` ends
 * the waits of its own end with `OSError`.
 *
 * Errors: `EOFError` when the other end is closed and everything it sent has been received; `BrokenPipeError` when nobody
 * is left to receive; `OSError` after `close`, or in the wrong direction.
 */
export interface Connection<T = unknown> extends Disposable {
  /** Sends a value: whatever can be sent to where the other end is. */
  send(value: T, options?: WaitOptions): Promise<void>;
  sendSync(value: T, options?: WaitOptions): void;
  /** Receives the next value. What was sent as bytes arrives as a `Uint8Array`. */
  recv(options?: WaitOptions): Promise<T>;
  recvSync(options?: WaitOptions): T;
  /**
   * Is there anything to receive, or the end? Without options it only looks; with them it waits until there is, or until
   * the timeout passes.
   */
  poll(options?: WaitOptions): Promise<boolean>;
  pollSync(options?: WaitOptions): boolean;
  /** Sends bytes as one message: all of them, or `size` from `offset` on. */
  sendBytes(bytes: Bytes, options?: SendBytesOptions): Promise<void>;
  sendBytes(bytes: Bytes, offset?: number, size?: number, options?: WaitOptions): Promise<void>;
  sendBytesSync(bytes: Bytes, options?: SendBytesOptions): void;
  sendBytesSync(bytes: Bytes, offset?: number, size?: number, options?: WaitOptions): void;
  /**
   * Receives a message of bytes. Errors: `OSError` if it has more than `maxlength`, which also ends receiving;
   * `RuntimeError` if it was sent by `send` and is no bytes.
   */
  recvBytes(options?: RecvBytesOptions): Promise<Uint8Array>;
  recvBytes(maxlength?: number, options?: WaitOptions): Promise<Uint8Array>;
  recvBytesSync(options?: RecvBytesOptions): Uint8Array;
  recvBytesSync(maxlength?: number, options?: WaitOptions): Uint8Array;
  /** Receives bytes into a buffer; how many they were. Errors: `BufferTooShort`, which carries the message as `data`. */
  recvBytesInto(buffer: Bytes, options?: RecvIntoOptions): Promise<number>;
  recvBytesInto(buffer: Bytes, offset?: number, options?: WaitOptions): Promise<number>;
  recvBytesIntoSync(buffer: Bytes, options?: RecvIntoOptions): number;
  recvBytesIntoSync(buffer: Bytes, offset?: number, options?: WaitOptions): number;
  /** Closes this handle. The other end sees it once no thread or process has this end any more. May be called again. */
  close(): void;
  readonly closed: boolean;
  readonly readable: boolean;
  readonly writable: boolean;
  /** Would {@link recv} have something to give at once: a message or the end? */
  readonly ready: boolean;
}

// ── Arguments ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The bytes as they lie in memory. */
export function viewOf(bytes: Bytes, what = "bytes"): Uint8Array {
  if (ArrayBuffer.isView(bytes)) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes instanceof ArrayBuffer || bytes instanceof SharedArrayBuffer) return new Uint8Array(bytes);
  throw new TypeError(
    `${what} must be a Uint8Array, another view or an ArrayBuffer, not ${describe(bytes)}` +
      `${typeof bytes === "string" ? ": encode it with new TextEncoder().encode(text), or use send()" : ""}`,
  );
}

/** Options that may come first, or last behind numbers. */
export function splitOptions<O extends WaitOptions>(
  first: number | O | undefined,
  options: WaitOptions | undefined,
): O {
  return (typeof first === "object" ? first : (options ?? {})) as O;
}

/** The part of the bytes to send. */
export function sliceOf(
  bytes: Bytes,
  first: number | SendBytesOptions | undefined,
  second: number | undefined,
): Uint8Array {
  const whole = viewOf(bytes);
  const offset = byteCount(typeof first === "object" ? first.offset : first, "offset") ?? 0;
  const size = byteCount(typeof first === "object" ? first.size : second, "size") ?? whole.length - offset;
  if (offset > whole.length)
    throw new ValueError(`offset ${offset} lies behind the end: there are ${whole.length} bytes`);
  if (offset + size > whole.length) {
    throw new ValueError(`${size} bytes from offset ${offset} on are too many: there are ${whole.length} bytes`);
  }
  return whole.subarray(offset, offset + size);
}

export function maxlengthOf(first: number | RecvBytesOptions | undefined): number {
  return byteCount(typeof first === "object" ? first.maxlength : first, "maxlength") ?? Infinity;
}

/** The part of a buffer to receive into. */
export function targetOf(buffer: Bytes, first: number | RecvIntoOptions | undefined): Uint8Array {
  const whole = viewOf(buffer, "buffer");
  const offset = byteCount(typeof first === "object" ? first.offset : first, "offset") ?? 0;
  if (offset > whole.length)
    throw new ValueError(`offset ${offset} lies behind the end: the buffer has ${whole.length} bytes`);
  return whole.subarray(offset);
}

function byteCount(value: number | undefined, what: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "number") throw new TypeError(`${what} must be a number of bytes, not ${describe(value)}`);
  if (!Number.isInteger(value) || value < 0) {
    throw new ValueError(`${what} must be a whole number of bytes, 0 or more, not ${value}`);
  }
  return value;
}
