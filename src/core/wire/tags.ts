/**
 * The first byte of every encoded value. Codec and decoder of one program are the same build, so these may change freely.
 *
 * ```
 * 00…7f  integer 0…127          a0…bf  Latin-1 string of 0…31 units
 * 80…9f  integer -1…-32         c0…    the tags below
 * ```
 *
 * Message:
 *
 * ```
 * flags │ root value │ bodies put off │ references, addresses │ chunks │ u32 start of references │ u32 start of chunks
 *       └────────────── always ───────┴──────────────── only with flags ≠ 0 ──────────────────────────────────────┘
 * ```
 *
 * What a receiver must know before it decodes, and what a reaper must give back without decoding, stands in the footer.
 *
 * @module
 */

export const SMALL_NEGATIVE = 0x80;
export const SHORT_STRING = 0xa0;

/** No value: a hole in an array, or a property that a getter deleted while its object was being read. */
export const ABSENT = 0xc0;
export const UNDEFINED = 0xc1;
export const NULL = 0xc2;
export const FALSE = 0xc3;
export const TRUE = 0xc4;
export const INT32 = 0xc5;
export const FLOAT64 = 0xc6;
export const BIGINT = 0xc7;
export const LATIN1 = 0xc8;
export const UTF16 = 0xc9;
/** An object met before in this message. */
export const AGAIN = 0xca;
export const SHARED = 0xcb;
/** A plain object whose keys follow, and are remembered under the next shape number of the message. */
export const OBJECT_NEW_SHAPE = 0xcc;
export const OBJECT_SHAPE = 0xcd;
/** A plain object as a list of keys and values. */
export const OBJECT_LIST = 0xce;
export const NULL_OBJECT = 0xcf;
export const ARRAY = 0xd0;
export const ARRAY_INT32 = 0xd1;
export const ARRAY_FLOAT64 = 0xd2;
/** Length, then keys and values: for arrays that are mostly holes or have named properties. */
export const ARRAY_SPARSE = 0xd3;
export const MAP = 0xd4;
export const SET = 0xd5;
export const DATE = 0xd6;
export const REGEXP = 0xd7;
export const BOXED = 0xd8;
export const ARRAY_BUFFER = 0xd9;
export const RESIZABLE_BUFFER = 0xda;
/** A view that is all of its buffer, with the bytes following: two objects in one. */
export const WHOLE_VIEW = 0xdb;
export const VIEW = 0xdc;
export const NODE_BUFFER = 0xdd;
export const ATTACHMENT = 0xde;
export const FUNCTION = 0xdf;
/** A class that the value behind it needs; itself no value. */
export const PRELOAD = 0xe0;
export const INSTANCE = 0xe1;
/** An instance of a class that extends a built-in one: the built-in part, then the fields. */
export const EXOTIC_INSTANCE = 0xe2;
export const ERROR = 0xe3;
/** An empty container, to be filled after the value it is part of: keeps deep data off the call stack. */
export const PUT_OFF = 0xe4;

/** A view of a shared object's memory. */
export const SHARED_VIEW = 0xe5;

/** Message flags. */
export const HAS_FOOTER = 1;
export const HAS_REFERENCES = 2;

/** Bytes from this length on are copied straight from where they are to where they go. */
export const CHUNK = 1024;

/** Chunks begin at multiples of 8 bytes: V8 copies to and from shared memory byte by byte where it cannot use words. */
export function aligned(length: number): number {
  return Math.ceil(length / 8) * 8;
}

/** Containers deeper than this are put off. */
export const PUT_OFF_DEPTH = 200;
/** What cannot be put off (functions, errors, subclasses of built-ins) may nest this deep. */
export const DEPTH_LIMIT = 320;

/** What {@link PUT_OFF} creates. */
export const PUT_OFF_OBJECT = 0;
export const PUT_OFF_NULL_OBJECT = 1;
export const PUT_OFF_ARRAY = 2;
export const PUT_OFF_MAP = 3;
export const PUT_OFF_SET = 4;
export const PUT_OFF_INSTANCE = 5;

/** How an error's class is named. */
export const ERROR_NATIVE = 0;
export const ERROR_HEDDLE = 1;
export const ERROR_USER = 2;

/** Parts of an error that are present. */
export const ERROR_HAS_MESSAGE = 1;
export const ERROR_HAS_STACK = 2;
export const ERROR_HAS_NAME = 4;

/** Entries of an error. */
export const ENTRY_END = 0;
export const ENTRY_FIELD = 1;
export const ENTRY_HIDDEN = 2;

/** Views in the order of their numbers on the wire. */
export const VIEW_NAMES: readonly string[] = [
  "Uint8Array",
  "Int8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "Float16Array",
  "DataView",
];

/** The error classes that every thread has, as far as the engine has them. */
export const NATIVE_ERRORS: readonly string[] = [
  "Error",
  "TypeError",
  "RangeError",
  "SyntaxError",
  "ReferenceError",
  "EvalError",
  "URIError",
  "AggregateError",
  "SuppressedError",
  "DOMException",
];
