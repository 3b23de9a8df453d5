/**
 * Typed arrays over the program's memory. Such a view keeps the shared object alive whose memory it shows, and arrives in
 * another thread as a view of the same memory.
 *
 * @module
 */

import { NotSendableError } from "../errors.ts";
import { ADDRESS, type Addressed, DOMAIN } from "./address.ts";

export type View = Exclude<ArrayBufferView, DataView> & {
  readonly length: number;
  readonly BYTES_PER_ELEMENT: number;
  subarray(begin?: number, end?: number): View;
};
export type ViewConstructor<T> = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => T;

/** Whose memory a view shows. A view in use keeps that object; the object alone does not keep its views. */
const owners: WeakMap<object, Addressed> = new WeakMap();

/** A view of part of an object's block. */
export function viewInto<T extends object>(
  owner: Addressed,
  constructor: ViewConstructor<T>,
  byteOffset: number,
  length: number,
): T {
  const { memory } = owner[DOMAIN];
  const start = 4 * owner[ADDRESS] + byteOffset;
  const { BYTES_PER_ELEMENT: bytes } = constructor as unknown as { readonly BYTES_PER_ELEMENT: number };
  memory.reach(Math.ceil((start + length * bytes) / 4) - 1);
  return follow(new constructor(memory.words.buffer, start, length), owner);
}

function follow<T extends object>(view: T, owner: Addressed): T {
  owners.set(view, owner);
  // A part of a view is a new object that must keep the memory too.
  Object.defineProperty(view, "subarray", { value: subarray, configurable: true, writable: true });
  return view;
}

function subarray(this: View, begin?: number, end?: number): View {
  const plain = (Object.getPrototypeOf(this) as View).subarray;
  return follow(plain.call(this, begin, end), owners.get(this)!);
}

/**
 * For the codec: which object a view shows and from which byte on. `undefined`: it is no view of memory that is shared.
 */
export function describeView(
  view: ArrayBufferView,
  isProgramMemory: (buffer: object) => boolean,
): { owner: Addressed; offset: number } | undefined {
  if (!isProgramMemory(view.buffer)) return undefined;
  const owner = owners.get(view);
  if (owner !== undefined) return { owner, offset: view.byteOffset - 4 * owner[ADDRESS] };
  throw new NotSendableError(
    "it was made by hand over the memory of a SharedArray: send the SharedArray, its data, or a subarray of that",
  );
}

/** The other way round. */
export function restoreView<T extends object>(
  owner: object,
  constructor: ViewConstructor<T>,
  byteOffset: number,
  length: number,
): T {
  const whole = (owner as { data?: View }).data;
  const isWhole =
    whole !== undefined &&
    whole.constructor === constructor &&
    whole.byteOffset === 4 * (owner as Addressed)[ADDRESS] + byteOffset &&
    whole.length === length;
  return isWhole ? (whole as never) : viewInto(owner as Addressed, constructor, byteOffset, length);
}
