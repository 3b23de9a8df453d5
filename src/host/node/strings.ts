/**
 * Node's native string routines for the codec. They work on any Uint8Array, shared memory included.
 *
 * @module
 */

import { portableStrings, type HostStrings } from "../../core/wire/strings.ts";

// Not imported: for an import, Node loads everything such a module could export.
const { inspect } = process.getBuiltinModule("node:util");

interface NativeRoutines {
  latin1Write(this: Uint8Array, text: string, at: number, length: number): number;
  ucs2Write(this: Uint8Array, text: string, at: number, length: number): number;
  latin1Slice(this: Uint8Array, start: number, end: number): string;
  ucs2Slice(this: Uint8Array, start: number, end: number): string;
}

const native = Buffer.prototype as unknown as NativeRoutines;

interface V8 {
  isStringOneByteRepresentation?(text: string): boolean;
}

/** From Node 22.15 and 23.10 on. Loaded when the first long string is sent. */
let isOneByte: ((text: string) => boolean) | undefined;
let looked = false;

function knownAsOneByte(text: string): boolean {
  if (!looked) {
    looked = true;
    isOneByte = (process.getBuiltinModule("node:v8") as V8).isStringOneByteRepresentation;
  }
  return isOneByte?.(text) === true;
}

const BARE = { maxArrayLength: 0, depth: 0, customInspect: false, showProxy: false, breakLength: Infinity } as const;

export const nodeStrings: HostStrings = {
  isLatin1(text) {
    if (knownAsOneByte(text)) return true;
    // A string stored with two bytes a unit may still need only one.
    return portableStrings.isLatin1(text);
  },
  writeLatin1(text, target, at) {
    native.latin1Write.call(target, text, at, text.length);
  },
  writeUtf16(text, target, at) {
    native.ucs2Write.call(target, text, at, 2 * text.length);
  },
  readLatin1(bytes, start, end) {
    return native.latin1Slice.call(bytes, start, end);
  },
  readUtf16(bytes, start, end) {
    return native.ucs2Slice.call(bytes, start, end);
  },
  hasNamedKeys(array) {
    // inspect() asks the engine for the named keys alone; told to print no element, it prints just them.
    return !/^\[ \.\.\. \d+ more items? \]$/.test(inspect(array, BARE));
  },
};
