/**
 * Messages in a stream of bytes.
 *
 * ```
 *   u32 length (big endian) │ kind │ content …        the length counts the kind and the content
 * ```
 * @module
 */

import { OSError } from "../../errors.ts";

export const FRAME = { value: 0, bytes: 1, handshake: 2 } as const;

export interface Frame {
  readonly kind: number;
  readonly content: Uint8Array<ArrayBuffer>;
}

const HEADER = 4;

/** What goes before the content. */
export function frameHeader(kind: number, size: number): Uint8Array {
  const header = new Uint8Array(HEADER + 1);
  new DataView(header.buffer).setUint32(0, size + 1);
  header[HEADER] = kind;
  return header;
}

/** Makes frames of chunks. Memory grows with what has arrived, never with what is only announced. */
export class FrameReader {
  /** The longest content that is taken. */
  limit: number;
  #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Is there a part of a frame? */
  get isInside(): boolean {
    return this.#size > 0;
  }

  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The next whole frame. Errors: `OSError` for a length that is not taken; the stream is of no use then. */
  next(): Frame | undefined {
    if (this.#size < HEADER + 1) return undefined;
    const header = this.#peek(HEADER + 1);
    const length = new DataView(header.buffer, header.byteOffset).getUint32(0);
    if (length === 0 || length - 1 > this.limit) {
      throw new OSError(
        `bad message length: ${length - 1} bytes were announced, and ${this.limit} are the most. Is the other side a ` +
          "heddle connection? If so, raise maxMessageSize on both sides.",
      );
    }
    if (this.#size < HEADER + length) return undefined;
    this.#take(HEADER + 1);
    return { kind: header[HEADER]!, content: this.#take(length - 1) };
  }

  #peek(size: number): Uint8Array {
    const first = this.#chunks[0]!;
    if (first.length >= size) return first;
    const whole = this.#join(this.#size);
    this.#chunks = [whole];
    return whole;
  }

  /** Bytes of their own. */
  #take(size: number): Uint8Array<ArrayBuffer> {
    const taken = this.#join(size);
    this.#size -= size;
    let left = size;
    while (left > 0) {
      const first = this.#chunks[0]!;
      if (first.length > left) {
        this.#chunks[0] = first.subarray(left);
        break;
      }
      left -= first.length;
      this.#chunks.shift();
    }
    return taken;
  }

  #join(size: number): Uint8Array<ArrayBuffer> {
    const joined = new Uint8Array(size);
    let at = 0;
    for (const chunk of this.#chunks) {
      if (at === size) break;
      const part = chunk.subarray(0, size - at);
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }
}
