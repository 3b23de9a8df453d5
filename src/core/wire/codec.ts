/**
 * Values as bytes: thread arguments, results, queue items and captured variables all go through here.
 *
 * What structured clone takes arrives as structured clone would deliver it, and beyond that: shared objects arrive as the
 * same object, functions and classes by reference, instances with their prototype, errors whole. See `encoder.ts` and
 * `decoder.ts` for the two directions and `tags.ts` for the format.
 *
 * @module
 */

import { RuntimeError } from "../../errors.ts";
import { ByteReader } from "./byte-reader.ts";
import { Decoder } from "./decoder.ts";
import { Encoder } from "./encoder.ts";
import { standIn } from "./error-envelope.ts";
import type { CodecOptions } from "./options.ts";
import { Refusal } from "./refusal.ts";
import { portableStrings } from "./strings.ts";
import { Foreign } from "./unfinished.ts";
import { aligned, HAS_FOOTER, HAS_REFERENCES } from "./tags.ts";

export type { CodecOptions, SharedObjects } from "./options.ts";

/** An encoded value. */
export interface Message {
  /** From {@link Codec.encode}: a view of scratch memory, valid until the next call. */
  readonly bytes: Uint8Array;
  /** The functions and classes inside: a receiver prepares them before it decodes. */
  readonly references: readonly string[];
  /** The shared objects this message holds a reference to, until it is decoded or discarded. */
  readonly addresses: readonly number[];
  /** Values only the platform can clone. Empty for almost every message; if not, they must be posted along. */
  readonly attachments: readonly unknown[];
  /** Those of the attachments that move. */
  readonly transferList: readonly unknown[];
}

const NONE: readonly never[] = Object.freeze([]);
const FOOTER = 8;

/** One per thread. Reentrant: encoding runs getters and decoding runs static blocks, either of which may send something. */
export class Codec {
  readonly #options: CodecOptions;
  #encoder: Encoder | undefined;
  #decoder: Decoder | undefined;

  constructor(options: CodecOptions) {
    this.#options = options;
  }

  /**
   * `path` is how messages call the value: `args`, `result`, `items[3]`.
   *
   * Errors: `NotSendableError` naming the path and the reason; what a getter threw. Either way nothing is retained.
   */
  encode(value: unknown, path: string): Message {
    return this.encodeWith(value, path, (encoder) => finish(encoder, undefined));
  }

  /**
   * Like {@link encode}, into memory that the caller provides once the size is known: large binary data is then copied
   * once, from where it is to where it goes. The message's bytes are what `allocate` returned.
   */
  encodeInto(value: unknown, path: string, allocate: (size: number) => Uint8Array): Message {
    return this.encodeWith(value, path, (encoder) => finish(encoder, allocate));
  }

  /** Encodes whatever was thrown; never fails for want of sendability: what cannot be sent is described. */
  encodeThrown(thrown: unknown, path = "error", allocate?: (size: number) => Uint8Array): Message {
    try {
      return this.encodeWith(thrown, path, (encoder) => finish(encoder, allocate));
    } catch (error) {
      const reason = error instanceof Error ? error.message : "it cannot be read";
      return this.encodeWith(standIn(thrown, reason), path, (encoder) => finish(encoder, allocate));
    }
  }

  /** As {@link encodeInto}, for those who take the message from the encoder themselves: `deliver` calls {@link finish}. */
  encodeWith<R>(value: unknown, path: string, deliver: (encoder: Encoder) => R): R {
    const encoder = this.#encoder ?? new Encoder(this.#options);
    this.#encoder = undefined;
    try {
      encoder.writeMessage(value);
      return deliver(encoder);
    } catch (error) {
      for (const address of encoder.addresses) this.#options.shared.release(address);
      if (error instanceof Refusal) throw error.toError(path, this.#options.destination);
      // Compared, not matched: there is no stack left to compile a pattern on.
      if (error instanceof RangeError && error.message.startsWith("Maximum call stack")) {
        throw new Refusal("there is too little stack left to encode it; send it from a shallower call").toError(path);
      }
      throw error;
    } finally {
      encoder.clear();
      this.#encoder = encoder;
    }
  }

  /**
   * The value. `bytes` may be a view of shared memory; nothing of it is referred to afterwards.
   *
   * Errors: `RuntimeError` if the message is damaged; whatever restoring a function or class threw. Shared objects not
   * yet handed out are then given back.
   */
  decode(bytes: Uint8Array, attachments: readonly unknown[] = NONE): unknown {
    return this.decodeAt(bytes, 0, bytes.length, attachments);
  }

  /** As {@link decode}, of the bytes from `start` to `end`: making a view of them would cost more than a small message. */
  decodeAt(bytes: Uint8Array, start: number, end: number, attachments: readonly unknown[] = NONE): unknown {
    const decoder = this.#decoder ?? new Decoder(this.#options);
    this.#decoder = undefined;
    try {
      return decoder.readMessage(bytes, start, end, attachments);
    } catch (error) {
      decoder.releaseRest();
      if (error instanceof Foreign) throw error.error;
      if (error instanceof RuntimeError) throw error;
      throw new RuntimeError("the message is damaged: it does not make a value", { cause: error });
    } finally {
      decoder.clear();
      this.#decoder = decoder;
    }
  }

  /** The functions and classes inside an encoded message, without decoding it. */
  references(bytes: Uint8Array): readonly string[] {
    return ((bytes[0] ?? 0) & HAS_REFERENCES) === 0 ? NONE : openFooter(bytes).references;
  }

  /** Gives back what a message held that will never be decoded. */
  discard(bytes: Uint8Array): void {
    for (const address of addressesIn(bytes)) this.#options.shared.release(address);
  }
}

/** The shared objects that an encoded message holds references to. */
export function addressesIn(bytes: Uint8Array): readonly number[] {
  return ((bytes[0] ?? 0) & HAS_FOOTER) === 0 ? NONE : (openFooter(bytes).addresses as readonly number[]);
}

function openFooter(bytes: Uint8Array): ByteReader {
  const reader = new ByteReader(portableStrings);
  reader.open(bytes);
  return reader;
}

function orNone<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? NONE : list;
}

/** What the encoder has written, with all that goes along, in memory of `allocate` or left where it is. */
export function finish(encoder: Encoder, allocate: ((size: number) => Uint8Array) | undefined): Message {
  const { references, addresses, chunks } = encoder;
  let inside = 0;
  for (const chunk of chunks) inside += chunk.length;
  // Before anything is allocated, or written where its neighbour belongs.
  if (inside !== encoder.chunkBytes) throw new Refusal("a buffer inside it changed its size while it was being sent");
  let size = encoder.position;
  if (references.length + addresses.length + chunks.length > 0) size = writeFooter(encoder, allocate === undefined);
  let bytes: Uint8Array;
  if (allocate === undefined) {
    bytes = encoder.bytes.subarray(0, size);
  } else {
    bytes = allocate(size);
    if (chunks.length === 0) {
      encoder.copyTo(bytes, size);
    } else {
      // The scratch buffer holds everything but the chunks: first what goes before them, then the footer.
      const before = encoder.position - FOOTER;
      bytes.set(encoder.bytes.subarray(0, before));
      placeChunks(encoder, bytes, before);
      bytes.set(encoder.bytes.subarray(before, encoder.position), size - FOOTER);
    }
  }
  return {
    bytes,
    references: orNone(references),
    addresses: orNone(addresses),
    attachments: orNone(encoder.attachments),
    transferList: orNone(encoder.transferList),
  };
}

/** The size of the whole message. Chunks are only put between the tables and the footer if `inPlace`. */
function writeFooter(encoder: Encoder, inPlace: boolean): number {
  const { references, addresses, chunks } = encoder;
  const tables = encoder.position;
  encoder.varint(references.length);
  for (const reference of references) encoder.writeString(reference);
  encoder.varint(addresses.length);
  for (const address of addresses) encoder.float64(address);
  if (chunks.length > 0) while (encoder.position !== aligned(encoder.position)) encoder.byte(0);
  const before = encoder.position;
  let space = 0;
  for (const chunk of chunks) space += aligned(chunk.length);
  const size = before + space + FOOTER;
  if (size > 0xffffffff) throw new Refusal("it is too large for one message: the limit is 4 GiB");
  if (inPlace && chunks.length > 0) {
    encoder.reserve(space);
    placeChunks(encoder, encoder.bytes, before);
    encoder.position += space;
  }
  encoder.reserve(FOOTER);
  encoder.view.setUint32(encoder.position, tables, true);
  encoder.view.setUint32(encoder.position + 4, before, true);
  encoder.position += FOOTER;
  encoder.bytes[0] = HAS_FOOTER | (references.length > 0 ? HAS_REFERENCES : 0);
  return size;
}

function placeChunks(encoder: Encoder, target: Uint8Array, start: number): void {
  let position = start;
  for (const chunk of encoder.chunks) {
    target.set(chunk, position);
    position += aligned(chunk.length);
  }
}
