/**
 * Calling what was registered for the end of something.
 *
 * @module
 */

import type { Teardown } from "./application.ts";

/** Calls all, the last registered first, whichever fail. */
export function tearDown(hooks: readonly Teardown[], error: unknown, errors: unknown[]): void {
  for (let i = hooks.length - 1; i >= 0; i--) {
    try {
      // One that is asynchronous goes on by itself, and if it fails, it is an unhandled rejection.
      hooks[i]!(error);
    } catch (thrown) {
      errors.push(thrown);
    }
  }
}

/** As {@link tearDown}, one after the other. */
export async function tearDownAsync(hooks: readonly Teardown[], error: unknown, errors: unknown[]): Promise<void> {
  for (let i = hooks.length - 1; i >= 0; i--) {
    try {
      await hooks[i]!(error);
    } catch (thrown) {
      errors.push(thrown);
    }
  }
}

/** Throws what was collected. */
export function throwCollected(errors: readonly unknown[]): void {
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, `${errors.length} teardown functions failed`);
}
