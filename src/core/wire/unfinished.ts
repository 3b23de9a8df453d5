import type { RevivedFunction } from "./shipper.ts";

/** A function whose captured variables are still being read; whoever refers back to it meanwhile has it made early. */
export class Unfinished {
  readonly revived: RevivedFunction;

  constructor(revived: RevivedFunction) {
    this.revived = revived;
  }
}

/** A class that could not be restored: fatal for an instance, not for an error. */
export class Failed {
  readonly failure: unknown;

  constructor(failure: unknown) {
    this.failure = failure;
  }
}

/** Carries an error of the program's own code past the handler that takes every other error for a corrupt message. */
export class Foreign {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** Runs code that is not the codec's. */
export function foreign<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new Foreign(error);
  }
}
