/**
 * Messages between the threads of this program; see packer.ts.
 *
 * @module
 */

import { threads } from "./domain.ts";

export { keepHere, setMessageSupport, STANDS_FOR } from "./packer.ts";
export type { Attachments, MessageSupport } from "./packer.ts";

const { packer } = threads;

/** `Packer.intern` of the program. */
export function intern(fn: Function, path: string): number | undefined {
  return packer.intern(fn, path);
}

/** `Packer.pack` of the program. */
export function pack(value: unknown, path: string): number {
  return packer.pack(value, path);
}

/** `Packer.packThrown` of the program. */
export function packThrown(thrown: unknown): number {
  return packer.packThrown(thrown);
}

/** `Packer.prepare` of the program. */
export function prepare(message: number, keep = false): Promise<unknown> | undefined {
  return packer.prepare(message, keep);
}

/** `Packer.unpack` of the program. */
export function unpack(message: number): unknown {
  return packer.unpack(message);
}

/** `Packer.unpackPrepared` of the program. */
export function unpackPrepared(message: number): Promise<unknown> {
  return packer.unpackPrepared(message);
}

/** `Packer.peek` of the program. */
export function peek(message: number): unknown {
  return packer.peek(message);
}

/** `Packer.hasAttachments` of the program. */
export function hasAttachments(message: number): boolean {
  return packer.hasAttachments(message);
}

/** `Packer.copy` of the program. */
export function copy(message: number): number {
  return packer.copy(message);
}

/** `Packer.discard` of the program. */
export function discard(message: number): void {
  packer.discard(message);
}
