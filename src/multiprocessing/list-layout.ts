/**
 * How a ShareableList lies in its bytes: as Python's does, so that either can read what the other has made.
 *
 * ```
 *   int64 length n │ n + 1 × int64 where slots begin │ slots │ n × 8 bytes format │ n × 1 byte kind
 * ```
 * All in the machine's byte order. A slot has a multiple of 8 bytes. Formats are those of Python's `struct`, padded with
 * zeros: `q` int64, `d` float64, `xxxxxxx?` bool, `xxxxxx?x` nothing, `16s` sixteen bytes of text or data. The kind says
 * what bytes are: 1 text in UTF-8, 2 data, 3 nothing, 0 all else.
 *
 * Source: `multiprocessing/shared_memory.py` of CPython 3.8 to 3.14 (the format; the code is not taken from there).
 *
 * @module
 */

import { describe } from "../core/deadline.ts";
import { ValueError } from "../errors.ts";

export type ShareableItem = number | bigint | boolean | string | Uint8Array | null;

const WORD = 8;
const INT = "q";
const FLOAT = "d";
const BOOL = "xxxxxxx?";
const NONE = "xxxxxx?x";
const KIND = { other: 0, text: 1, data: 2, none: 3 } as const;

const encoder = new TextEncoder();
// A byte order mark is a character like any other.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

interface Encoded {
  readonly kind: number;
  /** Without a length for what is bytes. */
  readonly format: string;
  readonly bytes: Uint8Array | undefined;
  write(view: DataView, at: number): void;
}

function encode(item: unknown, path: string): Encoded {
  const none = (): void => undefined;
  if (item === null || item === undefined) return { kind: KIND.none, format: NONE, bytes: undefined, write: none };
  if (typeof item === "boolean") {
    return {
      kind: KIND.other,
      format: BOOL,
      bytes: undefined,
      write: (view, at) => view.setUint8(at + 7, Number(item)),
    };
  }
  if (typeof item === "string") return { kind: KIND.text, format: "s", bytes: encoder.encode(item), write: none };
  if (item instanceof Uint8Array) return { kind: KIND.data, format: "s", bytes: item, write: none };
  if (typeof item === "bigint" || (Number.isSafeInteger(item) && !Object.is(item, -0))) {
    const int = BigInt(item as number | bigint);
    if (BigInt.asIntN(64, int) !== int) throw new ValueError(`${path} is ${int}, which does not fit into 64 bits`);
    return { kind: KIND.other, format: INT, bytes: undefined, write: (view, at) => view.setBigInt64(at, int, little) };
  }
  if (typeof item === "number") {
    return {
      kind: KIND.other,
      format: FLOAT,
      bytes: undefined,
      write: (view, at) => view.setFloat64(at, item, little),
    };
  }
  throw new TypeError(
    `${path} is ${describe(item)}; a ShareableList holds numbers, bigints, booleans, strings, Uint8Arrays and null. ` +
      "For other values use a SharedMap, or a Queue.",
  );
}

const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** What a new list takes: the item's bytes, and at least one more. */
function roomOf({ bytes }: Encoded): number {
  return bytes === undefined ? WORD : WORD * (Math.floor(bytes.length / WORD) + 1);
}

/** How many bytes a list of these items takes. */
export function sizeOfList(items: readonly unknown[]): number {
  let size = WORD * (items.length + 2);
  for (const [i, item] of items.entries()) size += roomOf(encode(item, `item ${i}`)) + WORD + 1;
  return size;
}

/** Writes a new list into bytes that are all zero. */
export function writeList(bytes: Uint8Array, items: readonly unknown[]): void {
  const view = viewOf(bytes);
  view.setBigInt64(0, BigInt(items.length), little);
  let slot = 0;
  for (const [i, item] of items.entries()) {
    slot += roomOf(encode(item, `item ${i}`));
    view.setBigInt64(WORD * (i + 2), BigInt(slot), little);
  }
  const layout = new ListLayout(bytes);
  for (const [i, item] of items.entries()) layout.set(i, item);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A list in its bytes. */
export class ListLayout {
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Where slots begin and the last one ends, from the first byte on. */
  readonly #slots: readonly number[];

  /** Errors: `ValueError` if the bytes hold no list. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.length = this.#number(0, 0, Math.floor((bytes.length - 2 * WORD) / (2 * WORD + 1)));
    const first = WORD * (this.length + 2);
    const most = bytes.length - first - (WORD + 1) * this.length;
    const slots: number[] = [];
    let previous = 0;
    for (let i = 0; i <= this.length; i++) {
      previous = this.#number(WORD * (i + 1), i === 0 ? 0 : previous + WORD, i === 0 ? 0 : most);
      if (previous % WORD !== 0) throw noList();
      slots.push(first + previous);
    }
    this.#slots = slots;
  }

  #number(at: number, least: number, most: number): number {
    if (at + WORD > this.#bytes.length) throw noList();
    const number = this.#view.getBigInt64(at, little);
    if (number < BigInt(least) || number > BigInt(most)) throw noList();
    return Number(number);
  }

  get #formats(): number {
    return this.#slots[this.length]!;
  }

  /** Struct's format of one item, or of all. */
  format(index?: number): string {
    if (index === undefined) return Array.from({ length: this.length }, (_, i) => this.format(i)).join("");
    const at = this.#formats + WORD * index;
    let format = "";
    for (let i = at; i < at + WORD && this.#bytes[i] !== 0; i++) format += String.fromCharCode(this.#bytes[i]!);
    return format;
  }

  get(index: number): ShareableItem {
    const at = this.#slots[index]!;
    switch (this.#bytes[this.#formats + WORD * this.length + index]) {
      case KIND.none:
        return null;
      case KIND.text:
        return decodeText(this.#contents(index), index);
      case KIND.data:
        return this.#contents(index).slice();
      case KIND.other:
        break;
      default:
        throw damaged(index);
    }
    switch (this.format(index)) {
      case INT: {
        const int = this.#view.getBigInt64(at, little);
        const number = Number(int);
        return Number.isSafeInteger(number) ? number : int;
      }
      case FLOAT:
        return this.#view.getFloat64(at, little);
      case BOOL:
        return this.#bytes[at + 7] !== 0;
      default:
        throw damaged(index);
    }
  }

  /** Bytes of the slot, as far as the format says, without the zeros at their end. */
  #contents(index: number): Uint8Array {
    const start = this.#slots[index]!;
    const match = /^(\d+)s$/.exec(this.format(index));
    const size = Number(match?.[1]);
    if (match === null || size > this.#slots[index + 1]! - start) throw damaged(index);
    let end = start + size;
    while (end > start && this.#bytes[end - 1] === 0) end--;
    return this.#bytes.subarray(start, end);
  }

  set(index: number, item: unknown): void {
    const encoded = encode(item, `item ${index}`);
    const [at, end] = [this.#slots[index]!, this.#slots[index + 1]!];
    const { bytes } = encoded;
    if (bytes !== undefined && bytes.length > end - at) {
      throw new ValueError(
        `item ${index} takes ${bytes.length} bytes and its place has ${end - at}: a place keeps the room of its first item`,
      );
    }
    const format = bytes === undefined ? encoded.format : `${end - at}s`;
    const formatAt = this.#formats + WORD * index;
    this.#bytes.fill(0, formatAt, formatAt + WORD);
    for (let i = 0; i < format.length; i++) this.#bytes[formatAt + i] = format.charCodeAt(i);
    this.#bytes[this.#formats + WORD * this.length + index] = encoded.kind;
    this.#bytes.fill(0, at, bytes === undefined ? at + WORD : end);
    if (bytes === undefined) encoded.write(this.#view, at);
    else this.#bytes.set(bytes, at);
  }
}

function decodeText(bytes: Uint8Array, index: number): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw damaged(index, cause);
  }
}

function noList(): ValueError {
  return new ValueError(
    "The segment holds no ShareableList, or a damaged one: attach to one that a ShareableList made.",
  );
}

function damaged(index: number, cause?: unknown): ValueError {
  return new ValueError(
    `item ${index} of the ShareableList is damaged: somebody writes into its memory, or two processes set it at once`,
    { cause },
  );
}
