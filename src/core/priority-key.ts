/**
 * Priorities as words in shared memory, so that any thread can compare two of them: the one that puts an item, the one
 * that lets it in when there is room, the one that buries a dead thread. None needs the item or the user's code.
 *
 * ```
 *   number   NUMBER │ 64 bits             string   STRING │ length │ two UTF-16 units in each word …
 *   bigint   BIGINT │ as a string's       array    ARRAY │ elements … │ END
 *   null NULL, undefined UNDEFINED        anything else   OPAQUE, where the encoding ends
 * ```
 * The order is Python's: numbers (a boolean is 0 or 1) by value, strings by code points, arrays as tuples: the first
 * difference decides, and the shorter is smaller if there is none. Everything else is equal to nothing, has no order,
 * and does no harm as long as an earlier element decides.
 *
 * @module
 */

const END = 0;
const NUMBER = 1;
const BIGINT = 2;
const STRING = 3;
const ARRAY = 4;
const NULL = 5;
const UNDEFINED = 6;
const OPAQUE = 7;

/** Beyond this depth an array is opaque: it may contain itself. */
const DEEPEST = 100;

const float: Float64Array = new Float64Array(1);
const floatWords: Int32Array = new Int32Array(float.buffer);

/** The words of a priority. */
export function encodeKey(priority: unknown): number[] {
  const words: number[] = [];
  encode(priority, words, 0);
  return words;
}

/** False: it ended with something that has no order, and nothing after that can matter. */
function encode(value: unknown, words: number[], depth: number): boolean {
  switch (typeof value) {
    case "boolean":
      return encodeNumber(value ? 1 : 0, words);
    case "number":
      return encodeNumber(value, words);
    case "bigint":
      if (value === BigInt.asIntN(53, value)) return encodeNumber(Number(value), words);
      words.push(BIGINT);
      return encodeText(String(value), words);
    case "string":
      words.push(STRING);
      return encodeText(value, words);
    case "undefined":
      words.push(UNDEFINED);
      return true;
    default:
  }
  if (value === null) {
    words.push(NULL);
    return true;
  }
  if (!Array.isArray(value) || depth === DEEPEST) {
    words.push(OPAQUE);
    return false;
  }
  words.push(ARRAY);
  for (const element of value) if (!encode(element, words, depth + 1)) return false;
  words.push(END);
  return true;
}

function encodeNumber(value: number, words: number[]): boolean {
  if (Number.isNaN(value)) {
    words.push(OPAQUE);
    return false;
  }
  float[0] = value;
  words.push(NUMBER, floatWords[0]!, floatWords[1]!);
  return true;
}

function encodeText(text: string, words: number[]): boolean {
  words.push(text.length);
  for (let i = 0; i < text.length; i += 2) {
    const second = i + 1 < text.length ? inOrder(text.charCodeAt(i + 1)) : 0;
    words.push((inOrder(text.charCodeAt(i)) << 16) | second);
  }
  return true;
}

/** UTF-16 units sort like code points once the surrogates, which stand for the highest ones, change places with the rest. */
function inOrder(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

function fromOrder(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xf800 ? unit - 0x2000 : unit + 0x800;
}

/** Negative: the key at `a` is smaller than the one at `b`; 0: they are equal; NaN: they cannot be compared. */
export function compareKeys(words: Int32Array, a: number, b: number): number {
  let depth = 0;
  for (let [i, j] = [a, b]; ;) {
    const tag = words[i++]!;
    const other = words[j++]!;
    if (tag === END || other === END) {
      if (tag !== other) return tag === END ? -1 : 1;
      depth--;
    } else if (tag === NUMBER || tag === BIGINT) {
      const [x, y] = [numberAt(words, i, tag), numberAt(words, j, other)];
      if (y === undefined) return NaN;
      if (x! < y) return -1;
      if (x! > y) return 1;
      i += lengthAt(words, i, tag);
      j += lengthAt(words, j, other);
    } else if (tag !== other || tag === OPAQUE) {
      return NaN;
    } else if (tag === STRING) {
      const order = compareTexts(words, i, j);
      if (order !== 0) return order;
      i += lengthAt(words, i, tag);
      j += lengthAt(words, j, tag);
    } else if (tag === ARRAY) {
      depth++;
    } else if (depth === 0) {
      // null and undefined have no order, but as elements of tuples they can be equal.
      return NaN;
    }
    if (depth === 0) return 0;
  }
}

function lengthAt(words: Int32Array, at: number, tag: number): number {
  return tag === NUMBER ? 2 : 1 + ((words[at]! + 1) >>> 1);
}

function numberAt(words: Int32Array, at: number, tag: number): number | bigint | undefined {
  if (tag === NUMBER) {
    floatWords[0] = words[at]!;
    floatWords[1] = words[at + 1]!;
    return float[0];
  }
  return tag === BIGINT ? BigInt(textAt(words, at)) : undefined;
}

function textAt(words: Int32Array, at: number): string {
  let text = "";
  for (let i = 0; i < words[at]!; i++) {
    const word = words[at + 1 + (i >>> 1)]!;
    text += String.fromCharCode(fromOrder((i & 1) === 0 ? word >>> 16 : word & 0xffff));
  }
  return text;
}

function compareTexts(words: Int32Array, a: number, b: number): number {
  const shorter = Math.min(words[a]!, words[b]!);
  for (let i = 0; i < (shorter + 1) >>> 1; i++) {
    const [x, y] = [words[a + 1 + i]! >>> 0, words[b + 1 + i]! >>> 0];
    // The last word of a text of odd length ends with 0, the smallest unit: the lengths below decide if that is all.
    if (x !== y) return x < y ? -1 : 1;
  }
  return words[a]! - words[b]!;
}
