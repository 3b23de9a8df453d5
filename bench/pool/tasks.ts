/** What the pools are given to do. Each function stands alone, since one of the pools ships their source. */

export function noop(): void {}

export function increment(n: number): number {
  return n + 1;
}

export function echo(bytes: Uint8Array): Uint8Array {
  return bytes;
}

/** The sum of the integers in `[from, to)`. */
export function sumOf([from, to]: readonly [number, number]): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += i;
  return sum;
}

/** poolifier's benchmark computes a factorial; with BigInt, or the result would be Infinity. */
export function factorial(n: number): bigint {
  let product = 1n;
  for (let i = 2n; i <= n; i++) product *= i;
  return product;
}

export const tasks: {
  noop: typeof noop;
  increment: typeof increment;
  echo: typeof echo;
  move: typeof echo;
  sumOf: typeof sumOf;
  factorial: typeof factorial;
} = { noop, increment, echo, move: echo, sumOf, factorial };

export type TaskName = keyof typeof tasks;

export const MIB: number = 1 << 20;
