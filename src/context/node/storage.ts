/**
 * The package's one AsyncLocalStorage: every further instance would make each `await` slower on some versions of Node.
 *
 * @module
 */

import { AsyncLocalStorage } from "node:async_hooks";

/** What belongs to the asynchronous work that runs now. */
export interface AsyncStore {
  /** It was begun by a module that heddle imports in this thread. */
  readonly importing: boolean;
}

export const storage: AsyncLocalStorage<AsyncStore> = new AsyncLocalStorage();
