/**
 * Keys of a map as words: what a stripe compares and hashes.
 *
 * ```
 *   header = units << 2 | kind          number: the two halves of a float64
 *                                       Latin-1 string: four units a word      other string: two units a word
 * ```
 *
 * @module
 */

import { load } from "#atomics";
import { MAP_ENTRY } from "../layout.ts";
import type { Memory } from "../memory.ts";

const NUMBER = 0;
const LATIN1 = 1;
const UTF16 = 2;

const floats = new Float64Array(1);
const halves = new Int32Array(floats.buffer);

/** The key that {@link encodeKey} was last given. One thread, one call at a time: nothing can come in between. */
export const encoded: { hash: number; header: number; length: number; words: Int32Array } = {
  hash: 0,
  header: 0,
  length: 0,
  words: new Int32Array(64),
};

/** A key must be a string, or a number that is not NaN. */
export function encodeKey(key: string | number): void {
  if (typeof key === "number") {
    // As in a Map, -0 is 0.
    floats[0] = key === 0 ? 0 : key;
    encoded.header = NUMBER;
    encoded.length = 2;
    encoded.words[0] = halves[0]!;
    encoded.words[1] = halves[1]!;
  } else {
    const longest = (key.length + 1) >>> 1;
    if (longest > encoded.words.length) encoded.words = new Int32Array(2 * longest);
    if (!packLatin1(key)) packUtf16(key);
  }
  encoded.hash = hash();
}

function packLatin1(key: string): boolean {
  const { words } = encoded;
  const length = (key.length + 3) >>> 2;
  words.fill(0, 0, length);
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    if (unit > 0xff) return false;
    words[i >>> 2]! |= unit << ((i & 3) << 3);
  }
  encoded.header = (key.length << 2) | LATIN1;
  encoded.length = length;
  return true;
}

function packUtf16(key: string): void {
  const { words } = encoded;
  const length = (key.length + 1) >>> 1;
  words.fill(0, 0, length);
  for (let i = 0; i < key.length; i++) words[i >>> 1]! |= key.charCodeAt(i) << ((i & 1) << 4);
  encoded.header = (key.length << 2) | UTF16;
  encoded.length = length;
}

/** MurmurHash3 (A. Appleby), by words. */
function hash(): number {
  const { words, length } = encoded;
  let h = encoded.header;
  for (let i = 0; i < length; i++) {
    let k = Math.imul(words[i]!, 0xcc9e2d51);
    k = (k << 15) | (k >>> 17);
    h ^= Math.imul(k, 0x1b873593);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Does the entry stand under the encoded key? It and all its words must be reachable. */
export function hasKey(memory: Memory, entry: number): boolean {
  const memoryWords = memory.words;
  if (load(memoryWords, entry + MAP_ENTRY.key) !== encoded.header) return false;
  const { words, length } = encoded;
  const data = entry + MAP_ENTRY.data;
  // Written before the entry was reachable, and never again.
  for (let i = 0; i < length; i++) if (memoryWords[data + i] !== words[i]) return false;
  return true;
}

/** How many words of key an entry with that header has. */
export function keyLength(header: number): number {
  const units = header >>> 2;
  switch (header & 3) {
    case NUMBER:
      return 2;
    case LATIN1:
      return (units + 3) >>> 2;
    default:
      return (units + 1) >>> 1;
  }
}

/** How many units are turned into a string at once: each is an argument of a call. */
const AT_ONCE = 4096;

/** The key of an entry. */
export function decodeKey(memory: Memory, entry: number): string | number {
  const { words } = memory;
  const header = load(words, entry + MAP_ENTRY.key);
  const data = entry + MAP_ENTRY.data;
  const kind = header & 3;
  if (kind === NUMBER) {
    halves[0] = words[data]!;
    halves[1] = words[data + 1]!;
    return floats[0]!;
  }
  const length = header >>> 2;
  let key = "";
  for (let start = 0; start < length; start += AT_ONCE) {
    const units: number[] = [];
    for (let i = start; i < length && i < start + AT_ONCE; i++) {
      units.push(
        kind === LATIN1
          ? (words[data + (i >>> 2)]! >>> ((i & 3) << 3)) & 0xff
          : (words[data + (i >>> 1)]! >>> ((i & 1) << 4)) & 0xffff,
      );
    }
    key += String.fromCharCode(...units);
  }
  return key;
}
