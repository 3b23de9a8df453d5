/** The measure itself: what would pass everything would test nothing. */
import { expect, type Equal, type Extends } from "./expect.ts";

expect<Equal<1, 1>>();
expect<Equal<{ a?: number }, { a?: number }>>();
expect<Equal<any, any>>(); // oxlint-disable-line typescript/no-explicit-any
expect<Extends<"a", string>>();

// @ts-expect-error
expect<Equal<1, number>>();
// @ts-expect-error
expect<Equal<any, number>>(); // oxlint-disable-line typescript/no-explicit-any
// @ts-expect-error
expect<Equal<never, number>>();
// @ts-expect-error
expect<Equal<unknown, number>>();
// @ts-expect-error
expect<Equal<{ a: number }, { readonly a: number }>>();
// @ts-expect-error
expect<Equal<{ a?: number }, { a: number | undefined }>>();
// @ts-expect-error
expect<Equal<1 | undefined, 1>>();
// @ts-expect-error
expect<Extends<string, "a">>();
