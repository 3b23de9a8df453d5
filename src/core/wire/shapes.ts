/**
 * Plain objects with the same keys are written as keys once per message and values ever after, and both sides remember
 * keys from earlier messages, so that a known shape costs a comparison instead of strings.
 *
 * @module
 */

import type { ReadObject, WriteFields } from "./compiled.ts";

/** More keys than this make a dictionary, whose keys are data. */
export const SHAPE_KEYS = 24;
const KEY_LENGTH = 48;
const SHAPES_PER_FIRST_KEY = 8;
const FIRST_KEYS = 512;

export interface WrittenShape {
  readonly keys: readonly string[];
  /** Key count and keys as the wire has them. */
  readonly bytes: Uint8Array;
  /** The message that already holds the keys, and their number in it. */
  message: number;
  number: number;
  /** See compiled.ts. */
  met: number;
  run: WriteFields | undefined;
}

export class WrittenShapes {
  readonly #byFirstKey = new Map<string, WrittenShape[]>();
  #last: WrittenShape | undefined;

  /** `undefined`: write the keys with the object. `encodeKeys` is called for a shape not seen before. */
  find(keys: readonly string[], encodeKeys: (keys: readonly string[]) => Uint8Array): WrittenShape | undefined {
    const last = this.#last;
    if (last !== undefined && sameKeys(last.keys, keys)) return last;
    const first = keys[0];
    if (first === undefined || keys.length > SHAPE_KEYS) return undefined;
    const candidates = this.#byFirstKey.get(first);
    if (candidates !== undefined) {
      for (const shape of candidates) {
        if (sameKeys(shape.keys, keys)) {
          this.#last = shape;
          return shape;
        }
      }
      if (candidates.length >= SHAPES_PER_FIRST_KEY) return undefined;
    }
    for (const key of keys) if (key.length > KEY_LENGTH || key === "__proto__") return undefined;
    // A program that makes keys up as it goes must not fill memory with them.
    if (this.#byFirstKey.size >= FIRST_KEYS) this.#byFirstKey.clear();
    const shape: WrittenShape = { keys, bytes: encodeKeys(keys), message: 0, number: 0, met: 0, run: undefined };
    const bucket = this.#byFirstKey.get(first);
    if (bucket === undefined) this.#byFirstKey.set(first, [shape]);
    else bucket.push(shape);
    this.#last = shape;
    return shape;
  }
}

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export interface ReadShape {
  readonly keys: readonly string[];
  readonly bytes: Uint8Array;
  /** See compiled.ts. */
  met: number;
  run: ReadObject | undefined;
}

const READ_SHAPES = 1024;
const RECENT = 16;
/** Longer ones are hardly met again, and would be much to remember. */
const LONGEST_SHAPE = 4096;

function sameBytes(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}

export class ReadShapes {
  readonly #byHash = new Map<number, ReadShape>();
  /** Where those are found again that were met last, by what is quick to tell: their length and last byte. */
  readonly #recent: (ReadShape | undefined)[] = Array.from({ length: RECENT }, () => undefined);

  find(bytes: Uint8Array, start: number, end: number): ReadShape | undefined {
    const place = ((end - start) ^ (bytes[end - 1] as number)) & (RECENT - 1);
    const recent = this.#recent[place];
    if (recent !== undefined && sameBytes(recent.bytes, bytes, start, end)) return recent;
    const shape = this.#byHash.get(hash(bytes, start, end));
    if (shape === undefined || !sameBytes(shape.bytes, bytes, start, end)) return undefined;
    this.#recent[place] = shape;
    return shape;
  }

  remember(bytes: Uint8Array, start: number, end: number, keys: readonly string[]): ReadShape {
    if (this.#byHash.size >= READ_SHAPES) this.#byHash.clear();
    const copy = new Uint8Array(end - start);
    copy.set(bytes.subarray(start, end));
    const shape: ReadShape = { keys, bytes: copy, met: 0, run: undefined };
    if (copy.length <= LONGEST_SHAPE) this.#byHash.set(hash(bytes, start, end), shape);
    return shape;
  }
}

/** FNV-1a. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let h = 0x811c9dc5;
  for (let i = start; i < end; i++) h = Math.imul(h ^ (bytes[i] as number), 0x01000193);
  return h;
}
