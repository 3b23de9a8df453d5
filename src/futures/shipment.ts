/**
 * Functions on their way to workers: interned, if they captured nothing; else as messages of their own.
 *
 * @module
 */

import { TASK_FLAG } from "../core/layout.ts";
import type { Packer } from "../core/packer.ts";

/** A function ready to be sent with tasks. */
export interface Shipment {
  readonly message: number;
  readonly flags: number;
}

/** For one task: a closure's message travels with it. Errors: `NotSendableError`. */
export function ship(fn: Function, packer: Packer): Shipment {
  const message = packer.intern(fn, "fn");
  if (message !== undefined) return { message, flags: TASK_FLAG.interned };
  return { message: packer.pack(fn, "fn"), flags: TASK_FLAG.ownFunction };
}

/** For many tasks: the message stays with the sender, who discards it. */
export function shipForMany(fn: Function, packer: Packer): Shipment & { discard(): void } {
  const message = packer.intern(fn, "fn");
  if (message !== undefined) return { message, flags: TASK_FLAG.interned, discard: () => undefined };
  const own = packer.pack(fn, "fn");
  return { message: own, flags: 0, discard: () => packer.discard(own) };
}
