/**
 * What type tests are made of. The files `*.test-d.ts` are compiled, never run: a wrong type, or an `@ts-expect-error`
 * above a line that is right, fails the build and `npm run types`.
 */

/** `true` if A and B are the same type: also where one is `any`, or only a property's `readonly` or `?` differs. */
export type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2
    ? (<T>() => T extends B ? 1 : 2) extends <T>() => T extends A ? 1 : 2
      ? true
      : false
    : false;

/** `true` if every A is a B. */
export type Extends<A, B> = [A] extends [B] ? true : false;

/** Compiles only for `true`: `expect<Equal<typeof x, number>>()`. */
export function expect<_T extends true>(): void {}
