import { FLOAT64, INT32, LATIN1, SHORT_STRING, SMALL_NEGATIVE, UTF16 } from "./tags.ts";
import type { HostStrings } from "./strings.ts";

/** Below these a loop beats the call into the platform. */
const LOOP_LENGTH = 32;
const LOOP_BYTES = 64;
const FIRST_SIZE = 16 * 1024;
/** A scratch buffer that one large message blew up is not kept for the small ones. */
const KEPT_SIZE = 1024 * 1024;

/** A growing scratch buffer, reused from message to message. */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_SIZE);
  view: DataView = new DataView(this.bytes.buffer);
  words: Int32Array = new Int32Array(this.bytes.buffer);
  position = 0;
  readonly strings: HostStrings;

  constructor(strings: HostStrings) {
    this.strings = strings;
  }

  restart(): void {
    this.position = 0;
    if (this.bytes.length > KEPT_SIZE) this.replace(FIRST_SIZE);
  }

  private replace(size: number): void {
    // Whole words; beyond 2 GiB bitwise operators would not do.
    this.bytes = new Uint8Array(4 * Math.ceil(size / 4));
    this.view = new DataView(this.bytes.buffer);
    this.words = new Int32Array(this.bytes.buffer);
  }

  reserve(size: number): void {
    if (this.position + size > this.bytes.length) this.grow(size);
  }

  private grow(size: number): void {
    const old = this.bytes.subarray(0, this.position);
    this.replace(Math.max(2 * this.bytes.length, this.position + size));
    this.bytes.set(old);
  }

  byte(value: number): void {
    if (this.position >= this.bytes.length) this.grow(1);
    this.bytes[this.position++] = value;
  }

  /** Seven bits a byte, least significant first; exact up to 2⁵³. */
  varint(value: number): void {
    this.reserve(8);
    while (value > 0x7fffffff) {
      this.bytes[this.position++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    while (value > 0x7f) {
      this.bytes[this.position++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    this.bytes[this.position++] = value;
  }

  float64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.position, value, true);
    this.position += 8;
  }

  writeNumber(value: number): void {
    this.reserve(9);
    const { bytes } = this;
    // `| 0` makes -0 an integer; the quotient tells.
    if ((value | 0) === value && (value !== 0 || 1 / value > 0)) {
      if (value >= 0 && value < 0x80) {
        bytes[this.position++] = value;
      } else if (value < 0 && value >= -32) {
        bytes[this.position++] = SMALL_NEGATIVE - 1 - value;
      } else {
        bytes[this.position] = INT32;
        this.view.setInt32(this.position + 1, value, true);
        this.position += 5;
      }
    } else {
      bytes[this.position] = FLOAT64;
      this.view.setFloat64(this.position + 1, value, true);
      this.position += 9;
    }
  }

  writeString(text: string): void {
    const { length } = text;
    if (length >= LOOP_LENGTH) return this.writeLongString(text);
    this.reserve(length + 1);
    const { bytes } = this;
    const start = this.position;
    bytes[start] = SHORT_STRING + length;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0xff) return this.writeLongString(text);
      bytes[start + 1 + i] = unit;
    }
    this.position = start + 1 + length;
  }

  private writeLongString(text: string): void {
    const { length } = text;
    if (this.strings.isLatin1(text)) {
      this.byte(LATIN1);
      this.varint(length);
      this.reserve(length);
      this.strings.writeLatin1(text, this.bytes, this.position);
      this.position += length;
    } else {
      this.byte(UTF16);
      this.varint(length);
      this.reserve(2 * length);
      if (length < LOOP_LENGTH) {
        for (let i = 0; i < length; i++) this.view.setUint16(this.position + 2 * i, text.charCodeAt(i), true);
      } else {
        this.strings.writeUtf16(text, this.bytes, this.position);
      }
      this.position += 2 * length;
    }
  }

  writeBytes(source: Uint8Array): void {
    const { length } = source;
    this.reserve(length);
    const { bytes } = this;
    const start = this.position;
    if (length <= LOOP_BYTES) for (let i = 0; i < length; i++) bytes[start + i] = source[i] as number;
    else bytes.set(source, start);
    this.position = start + length;
  }

  /** The first `size` bytes written. */
  copyTo(target: Uint8Array, size: number): void {
    const { bytes } = this;
    if (size <= LOOP_BYTES) for (let i = 0; i < size; i++) target[i] = bytes[i] as number;
    else target.set(bytes.subarray(0, size));
  }
}
