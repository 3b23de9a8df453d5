/**
 * Strings as bytes: one byte per unit where every unit fits, else two. Both are exact for every JavaScript string, lone
 * surrogates included, and both work on shared memory, which TextDecoder refuses.
 *
 * @module
 */

/** What a platform can do faster than a loop. Used for strings longer than about thirty units. */
export interface HostStrings {
  /** Whether every code unit is below 256. */
  isLatin1(text: string): boolean;
  writeLatin1(text: string, target: Uint8Array, at: number): void;
  writeUtf16(text: string, target: Uint8Array, at: number): void;
  readLatin1(bytes: Uint8Array, start: number, end: number): string;
  readUtf16(bytes: Uint8Array, start: number, end: number): string;
  /**
   * Whether an array has own enumerable keys that are not indices. `Object.keys` answers that by making a string of each
   * index; a platform may know better.
   */
  hasNamedKeys?(array: readonly unknown[]): boolean;
}

/** Arguments per `String.fromCharCode` call: few enough for every engine's stack. */
const STRIDE = 4096;

const BEYOND_LATIN1 = /[^\0-\xff]/;

export const portableStrings: HostStrings = {
  isLatin1(text) {
    return !BEYOND_LATIN1.test(text);
  },
  writeLatin1(text, target, at) {
    for (let i = 0; i < text.length; i++) target[at + i] = text.charCodeAt(i);
  },
  writeUtf16(text, target, at) {
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      target[at + 2 * i] = unit & 0xff;
      target[at + 2 * i + 1] = unit >>> 8;
    }
  },
  readLatin1(bytes, start, end) {
    let text = "";
    for (let i = start; i < end; i += STRIDE) {
      text += String.fromCharCode.apply(null, bytes.subarray(i, Math.min(end, i + STRIDE)) as never);
    }
    return text;
  },
  readUtf16(bytes, start, end) {
    let text = "";
    for (let i = start; i < end; i += 2 * STRIDE) {
      const stop = Math.min(end, i + 2 * STRIDE);
      const units: number[] = [];
      for (let j = i; j < stop; j += 2) units.push((bytes[j] as number) | ((bytes[j + 1] as number) << 8));
      text += String.fromCharCode.apply(null, units);
    }
    return text;
  },
};
