/**
 * Whether this thread is importing a user's module just now because another thread sent it a function.
 *
 * A module that starts threads while it is imported would start them again in every thread it is imported in, so
 * threading asks here and refuses.
 *
 * @module
 */

/** Runs imports, calling `load` at once, and knows whether the code that asks was started by one. */
export interface ImportScope {
  run<T>(load: () => Promise<T>): Promise<T>;
  readonly active: boolean;
}

// A count cannot tell the importing module from other work that goes on in the same thread meanwhile, and forgets
// what the module left running after its import. A platform with asynchronous context installs a scope that knows.
let pending = 0;
let scope: ImportScope = {
  async run(load) {
    pending++;
    try {
      return await load();
    } finally {
      pending--;
    }
  },
  get active() {
    return pending > 0;
  },
};

/** Replaces the count by a scope that follows asynchronous calls. */
export function setImportScope(replacement: ImportScope): void {
  scope = replacement;
}

/** Runs an import on behalf of heddle. */
export function whileImporting<T>(load: () => Promise<T>): Promise<T> {
  return scope.run(load);
}

/** True while the calling code belongs to a module that heddle imports in this thread. */
export function isImporting(): boolean {
  return scope.active;
}
