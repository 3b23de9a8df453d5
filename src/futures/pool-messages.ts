/**
 * What other threads say to a pool, and hear from it.
 *
 * ```
 *   a task that was given its own pool            the thread that made the pool
 *   PoolClient ─► requests ─► PoolService ─► dispatcher ─► workers
 *              ◄─ replies ◄───────┘   (functions, arguments and results pass through as they are, unread)
 * ```
 * @module
 */

import { fromCell, toCell } from "../core/cells.ts";
import { memory } from "../core/program.ts";
import { isAlive, recordOf } from "../core/raw/threads.ts";
import { interrupt, ring as ringBell } from "../core/raw/wait-list.ts";
import type { Ring } from "./ring.ts";

/** What a pool's passport says. */
export interface PoolTicket {
  readonly requests: Ring;
  /** A nudge there makes the owner look. */
  readonly results: Ring;
  /** Identity of the thread that made the pool. */
  readonly owner: number;
  readonly maxWorkers: number;
}

/** Cells and messages in it belong to whoever has it. */
export interface Submission {
  readonly kind: "submit";
  readonly id: number;
  readonly from: number;
  readonly replies: Ring;
  readonly fn: number;
  readonly flags: number;
  readonly args: number;
  readonly context: number;
  readonly priority: number | undefined;
}

export type Request =
  | Submission
  /** The call is to stop; with a grace period it is ended if it does not. */
  | { readonly kind: "stop"; id: number; from: number; reason: unknown; grace: number | undefined }
  /** The call is taken back, if nobody has begun it. */
  | { readonly kind: "recall"; id: number; from: number }
  /** The thread waits for one of these calls, and does nothing else until it is there. */
  | { readonly kind: "waits"; from: number; ids: readonly number[] };

/** `value`: a cell. */
export interface Reply {
  readonly id: number;
  readonly state: "done" | "failed" | "cancelled" | "progress";
  readonly value: number;
  readonly elapsed: number;
}

export function say(ring: Ring, message: Request | Reply, to: number): void {
  ring.put(toCell(message, "reason"));
  tell(to);
}

/** Makes a thread look, whether it blocks or not. */
export function tell(thread: number): void {
  if (!isAlive(memory, thread)) return;
  const record = recordOf(memory, thread);
  interrupt(memory, record);
  ringBell(memory, record);
}

export function heard(cell: number): Request | Reply {
  return fromCell(cell) as Request | Reply;
}
