/**
 * Moving instead of copying.
 *
 * @module
 */

const marks = new WeakMap<object, readonly object[]>();
let outstanding = 0;

/**
 * Marks what moves to the other thread instead of being copied: the next time `value` is sent, the listed objects inside
 * it arrive without a copy and become unusable here.
 *
 * ```ts
 * const pixels = new Uint8Array(1 << 24);
 * pool.submit(blur, transfer(pixels, [pixels.buffer]));
 * ```
 *
 * Without it an `ArrayBuffer` is copied, and what cannot be copied at all (a `MessagePort`, a stream) is refused.
 *
 * Errors: `TypeError` if `value` is not an object, or the list holds something that can never move.
 */
export function transfer<T>(value: T, list: Iterable<object>): T {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) {
    throw new TypeError("transfer() marks objects: give it the object or array that holds what should move");
  }
  const moving = [...list];
  for (const item of moving) {
    if ((typeof item !== "object" && typeof item !== "function") || item === null) {
      throw new TypeError("transfer()'s list holds objects such as ArrayBuffer and MessagePort");
    }
    if (typeof SharedArrayBuffer !== "undefined" && item instanceof SharedArrayBuffer) {
      throw new TypeError("a SharedArrayBuffer is shared with the other thread; leave it out of transfer()'s list");
    }
    if (ArrayBuffer.isView(item)) {
      throw new TypeError("a view cannot move by itself: put its .buffer into transfer()'s list");
    }
  }
  if (!marks.has(value)) outstanding++;
  marks.set(value, moving);
  return value;
}

/** Whether any mark may be waiting; spares every object the look-up. */
export function marksOutstanding(): boolean {
  return outstanding > 0;
}

export function markOf(value: object): readonly object[] | undefined {
  return marks.get(value);
}

/** The marked value was sent. */
export function consumeMark(value: object): void {
  if (marks.delete(value)) outstanding--;
}
