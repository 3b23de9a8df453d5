/**
 * The only file that touches the global `Atomics`. Everything else imports these names from `#atomics`, which the
 * model checker replaces by a twin that explores every interleaving.
 *
 * All control words are read and written through here, so that they are sequentially consistent and visible to the
 * checker.
 *
 * @module
 */

export type Words = Int32Array;

export function load(words: Words, index: number): number {
  return Atomics.load(words, index);
}

export function store(words: Words, index: number, value: number): void {
  Atomics.store(words, index, value);
}

/** Returns the value found; the exchange happened exactly if that is `expected`. */
export function compareExchange(words: Words, index: number, expected: number, value: number): number {
  return Atomics.compareExchange(words, index, expected, value);
}

export function exchange(words: Words, index: number, value: number): number {
  return Atomics.exchange(words, index, value);
}

export function add(words: Words, index: number, delta: number): number {
  return Atomics.add(words, index, delta);
}

export function wait(
  words: Words,
  index: number,
  expected: number,
  milliseconds?: number,
): "ok" | "not-equal" | "timed-out" {
  return Atomics.wait(words as Int32Array<SharedArrayBuffer>, index, expected, milliseconds);
}

/** Never given a timeout: an expired `waitAsync` costs native memory until its buffer dies. */
export function waitAsync(words: Words, index: number, expected: number): Promise<unknown> | undefined {
  const found = Atomics.waitAsync(words as Int32Array<SharedArrayBuffer>, index, expected);
  return found.async ? found.value : undefined;
}

export function notify(words: Words, index: number, count?: number): number {
  return Atomics.notify(words as Int32Array<SharedArrayBuffer>, index, count);
}

/** Pairs of words, for values of 64 bits. */
export type LongWords = BigInt64Array;

export function loadLong(words: LongWords, index: number): bigint {
  return Atomics.load(words, index);
}

export function storeLong(words: LongWords, index: number, value: bigint): void {
  Atomics.store(words, index, value);
}

/** As {@link compareExchange}. */
export function compareExchangeLong(words: LongWords, index: number, expected: bigint, value: bigint): bigint {
  return Atomics.compareExchange(words, index, expected, value);
}

export function exchangeLong(words: LongWords, index: number, value: bigint): bigint {
  return Atomics.exchange(words, index, value);
}

const hint = (Atomics as { pause?: () => void }).pause;

const own = new Int32Array(1);

/** As long as the hint takes, about 20 ns, and like it off the cache line that others work on. */
function idle(): void {
  for (let i = 0; i < 3; i++) Atomics.exchange(own, 0, 0);
}

/** One turn of a spin loop. */
export const pause: () => void = hint === undefined ? idle : () => hint();

/** May this thread block? A web page may not: there, `Atomics.wait` throws. */
export function canBlock(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}

/** Blocks this thread for a while: for waiting on what cannot notify. Milliseconds. */
export function sleepFor(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
