/** An error of a class of its own, thrown in a worker. @module */

export class LaterError extends Error {
  override name = "LaterError";
}

export function fail(message: string): never {
  throw new LaterError(message);
}
