import { RuntimeError } from "../../errors.ts";
import { aligned, CHUNK, HAS_FOOTER, LATIN1, SHORT_STRING, UTF16 } from "./tags.ts";
import type { HostStrings } from "./strings.ts";

const FOOTER = 8;
const EMPTY = new Uint8Array(0);
const eightBytes = new Uint8Array(8);
const eight = new DataView(eightBytes.buffer);
/** Below this a loop beats the call into the platform. */
const LOOP_LENGTH = 20;

/** Reads from bytes that may lie: nothing is read beyond the end, and no length is believed that exceeds it. */
export class ByteReader {
  bytes: Uint8Array = EMPTY;
  /** Where the message begins in them. */
  start = 0;
  position = 0;
  /** Where the values end. */
  end = 0;
  references: readonly string[] = [];
  /** An address is cleared when its handle has been made. */
  addresses: (number | undefined)[] = [];
  readonly #strings: HostStrings;
  #chunk = 0;
  #chunksEnd = 0;

  constructor(strings: HostStrings) {
    this.#strings = strings;
  }

  open(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    this.bytes = bytes;
    this.start = start;
    this.position = start;
    this.end = end;
    if (this.byte() & HAS_FOOTER) this.#readFooter(end);
  }

  close(): void {
    this.bytes = EMPTY;
    if (this.#chunksEnd === 0) return;
    this.references = [];
    this.addresses = [];
    this.#chunk = this.#chunksEnd = 0;
  }

  #readFooter(messageEnd: number): void {
    const { start } = this;
    if (messageEnd - start < FOOTER + 1) throw this.corrupt("it is too short");
    const footer = messageEnd - FOOTER;
    this.position = footer;
    const tables = start + (this.int32() >>> 0);
    const chunks = start + (this.int32() >>> 0);
    if (tables < start + 1 || tables > chunks || chunks > footer) throw this.corrupt("its parts overlap");
    this.#chunk = chunks;
    this.#chunksEnd = footer;
    this.position = tables;
    this.end = chunks;
    const references: string[] = [];
    for (let count = this.count(1); count > 0; count--) references.push(this.string());
    this.references = references;
    for (let count = this.count(8); count > 0; count--) this.addresses.push(this.float64());
    this.position = start + 1;
    this.end = tables;
  }

  corrupt(what: string): RuntimeError {
    return new RuntimeError(`the message is damaged: ${what} (at its byte ${this.position - this.start})`);
  }

  #need(size: number): void {
    if (this.position + size > this.end) throw this.corrupt("it ends too early");
  }

  byte(): number {
    if (this.position >= this.end) throw this.corrupt("it ends too early");
    return this.bytes[this.position++] as number;
  }

  peek(): number | undefined {
    return this.position < this.end ? this.bytes[this.position] : undefined;
  }

  varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      factor *= 128;
    }
    throw this.corrupt("a number is too large");
  }

  /** A number of things that take at least `size` bytes each. */
  count(size: number): number {
    const count = this.varint();
    if (count * size > this.end - this.position) throw this.corrupt("a length exceeds what is left");
    return count;
  }

  int32(): number {
    this.#need(4);
    const { bytes, position } = this;
    this.position = position + 4;
    return (
      (bytes[position] as number) |
      ((bytes[position + 1] as number) << 8) |
      ((bytes[position + 2] as number) << 16) |
      ((bytes[position + 3] as number) << 24)
    );
  }

  float64(): number {
    this.#need(8);
    const { bytes, position } = this;
    // Copied, since a view of the message would cost more than a small message is worth.
    for (let i = 0; i < 8; i++) eightBytes[i] = bytes[position + i] as number;
    this.position = position + 8;
    return eight.getFloat64(0, true);
  }

  int32s(into: unknown[]): void {
    const count = this.count(4);
    const view = this.#viewOf(4 * count);
    for (let i = 0; i < count; i++) into.push(view.getInt32(4 * i, true));
  }

  float64s(into: unknown[]): void {
    const count = this.count(8);
    const view = this.#viewOf(8 * count);
    for (let i = 0; i < count; i++) into.push(view.getFloat64(8 * i, true));
  }

  #viewOf(size: number): DataView {
    const { bytes, position } = this;
    this.position = position + size;
    return new DataView(bytes.buffer, bytes.byteOffset + position, size);
  }

  string(): string {
    const first = this.byte();
    if (first >= SHORT_STRING && first < 0xc0) return this.shortString(first - SHORT_STRING);
    if (first === LATIN1) return this.longLatin1();
    if (first === UTF16) return this.utf16();
    throw this.corrupt("a string was expected");
  }

  shortString(length: number): string {
    this.#need(length);
    const { bytes } = this;
    const start = this.position;
    const stop = start + length;
    this.position = stop;
    if (length > LOOP_LENGTH) return this.#strings.readLatin1(bytes, start, stop);
    return spell(bytes, start, length);
  }

  longLatin1(): string {
    const length = this.count(1);
    const start = this.position;
    this.position += length;
    return this.#strings.readLatin1(this.bytes, start, this.position);
  }

  utf16(): string {
    const length = this.count(2);
    const start = this.position;
    this.position += 2 * length;
    return this.#strings.readUtf16(this.bytes, start, this.position);
  }

  /** Bytes of their own, copied out once. */
  raw(): Uint8Array<ArrayBuffer> {
    // In one step, for which V8 does not clear the memory first.
    return new Uint8Array(this.rawView());
  }

  rawView(): Uint8Array {
    const length = this.varint();
    if (length < CHUNK) {
      this.#need(length);
      const start = this.position;
      this.position += length;
      return this.bytes.subarray(start, start + length);
    }
    if (length > this.#chunksEnd - this.#chunk) throw this.corrupt("a length exceeds what is left");
    const start = this.#chunk;
    this.#chunk = Math.min(start + aligned(length), this.#chunksEnd);
    return this.bytes.subarray(start, start + length);
  }
}

const { fromCharCode } = String;

/** Many units a call: a loop that appends one at a time makes a string for every prefix. */
function spell(bytes: Uint8Array, start: number, length: number): string {
  let at = start;
  let text = "";
  for (; length >= 8; length -= 8, at += 8) {
    const eight = fromCharCode(
      bytes[at] as number,
      bytes[at + 1] as number,
      bytes[at + 2] as number,
      bytes[at + 3] as number,
      bytes[at + 4] as number,
      bytes[at + 5] as number,
      bytes[at + 6] as number,
      bytes[at + 7] as number,
    );
    text = text === "" ? eight : text + eight;
  }
  for (; length >= 4; length -= 4, at += 4) {
    const four = fromCharCode(
      bytes[at] as number,
      bytes[at + 1] as number,
      bytes[at + 2] as number,
      bytes[at + 3] as number,
    );
    text = text === "" ? four : text + four;
  }
  switch (length) {
    case 0:
      return text;
    case 1:
      return text + fromCharCode(bytes[at] as number);
    case 2:
      return text + fromCharCode(bytes[at] as number, bytes[at + 1] as number);
    default:
      return text + fromCharCode(bytes[at] as number, bytes[at + 1] as number, bytes[at + 2] as number);
  }
}
