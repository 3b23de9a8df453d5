/**
 * Segments: memory with a name, which any process that knows the name can map.
 *
 * A segment gets its name only when it is complete: its file begins without one, is given all its memory, is claimed, and
 * then linked. Whoever is killed on the way leaves nothing, or an empty claim.
 *
 * @module
 */

import { isMainThread } from "node:worker_threads";
import { host } from "#host";
import type { Memory } from "../../core/memory.ts";
import { FileExistsError, FileNotFoundError, OSError, ValueError } from "../../errors.ts";
import { claim, disclaim, LONGEST_NAME, SEGMENTS } from "./claims.ts";
import { native, type Region } from "./native.ts";

const { closeSync, constants, fstatSync, lstatSync, openSync, unlinkSync } = process.getBuiltinModule("node:fs");

/** What names a segment to whom it is sent: another may have its name by then. */
export interface SegmentName {
  readonly name: string;
  readonly size: number;
  readonly inode: number;
}

export interface Segment extends SegmentName {
  readonly buffer: ArrayBuffer;
  /** @internal */
  readonly lent: Lent;
}

const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
/** The largest that one Uint8Array can show. */
const LARGEST = process.getBuiltinModule("node:buffer").constants.MAX_LENGTH;

/** A mapping whose buffer was not collected yet. */
interface Lent extends Region {
  closed: boolean;
}

/**
 * The buffer is gone. Whoever had not closed it may have transferred it instead, and then its memory is still seen
 * elsewhere: it must not be unmapped under anybody's eyes, for the next touch would end the process.
 */
const collected = new FinalizationRegistry<Lent>((lent) => {
  open.delete(lent);
  if (lent.closed) native().unmap(lent);
  else native().blank(lent);
});

/** What this thread has mapped and not closed. */
const open: Set<Lent> = new Set();

// Nothing is collected at the end of a thread, and what it has mapped would stay for as long as the process.
if (!isMainThread) {
  host.onExit(() => {
    for (const lent of open) native().blank(lent);
  });
}

/** A new segment, all zero. Without a name it gets one that nothing has. `track`: it is removed with the program. */
export function createSegment(memory: Memory, name: string | undefined, size: number, track: boolean): Segment {
  if (size > LARGEST) throw new ValueError(`size ${size} is too large: one view can show ${LARGEST} bytes`);
  const descriptor = openSync(SEGMENTS, O_TMPFILE | constants.O_RDWR, 0o600);
  try {
    native().reserve(descriptor, 0, size);
    const inode = fstatSync(descriptor).ino;
    for (;;) {
      const wanted = name ?? `psm_${process.getBuiltinModule("node:crypto").randomBytes(8).toString("hex")}`;
      claim(memory, inode, wanted);
      let linked = false;
      try {
        linked = native().link(descriptor, `${SEGMENTS}/${wanted}`);
      } finally {
        if (!linked || !track) disclaim(inode, wanted);
      }
      if (linked) return mapped(descriptor, { name: wanted, size, inode });
      if (name !== undefined) {
        throw new FileExistsError(
          `A shared memory segment named ${name} exists already: attach to it (leave out create), or take another name.`,
        );
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

/** The segment of that name. `sent`: only if it is the one that was sent. */
export function attachSegment(name: string, sent?: SegmentName): Segment {
  const descriptor = openSegment(name);
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) throw new OSError(`${SEGMENTS}/${name} is not shared memory, but something else.`);
    if (sent !== undefined && found.ino !== sent.inode) {
      throw new FileNotFoundError(
        `The shared memory segment ${name} that was sent is gone: another one has its name now.`,
      );
    }
    if (found.size === 0)
      throw new ValueError(`The shared memory segment ${name} is empty: it was not created yet, or cut off.`);
    if (sent !== undefined && found.size < sent.size) {
      throw new OSError(
        `The shared memory segment ${name} was cut off: it has ${found.size} bytes and had ${sent.size}.`,
      );
    }
    if (found.size > LARGEST) throw new OSError(`The shared memory segment ${name} is too large: ${found.size} bytes.`);
    // Somebody else's may have parts without memory; touching them when there is none left would kill the process.
    if (found.blocks * 512 < found.size) native().reserve(descriptor, 0, found.size);
    return mapped(descriptor, { name, size: found.size, inode: found.ino });
  } finally {
    closeSync(descriptor);
  }
}

function openSegment(name: string): number {
  try {
    // Not blocking: it may be a pipe that somebody has left there.
    return openSync(`${SEGMENTS}/${name}`, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      throw new FileNotFoundError(
        `There is no shared memory segment named ${name}: it was never created, or is unlinked.`,
        { cause },
      );
    }
    throw new OSError(`The shared memory segment ${name} cannot be opened: ${(cause as Error).message}`, { cause });
  }
}

function mapped(descriptor: number, name: SegmentName): Segment {
  const region = native().map(descriptor, name.size);
  const lent: Lent = { ...region, closed: false };
  const buffer = native().view(region, name.size);
  collected.register(buffer, lent);
  open.add(lent);
  return { ...name, buffer, lent };
}

/** Lets the memory go. What still shows it shows zeros. */
export function closeSegment({ buffer, lent }: Segment): void {
  native().blank(lent);
  open.delete(lent);
  lent.closed = buffer.byteLength > 0;
}

/** Removes the name. Errors: `FileNotFoundError` if it is gone, or stands for another segment now. */
export function unlinkSegment({ name, inode }: SegmentName): void {
  const path = `${SEGMENTS}/${name}`;
  if (lstatSync(path, { throwIfNoEntry: false })?.ino !== inode) {
    throw new FileNotFoundError(`The shared memory segment ${name} is unlinked already.`);
  }
  try {
    unlinkSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") {
      throw new FileNotFoundError(`The shared memory segment ${name} is unlinked already.`);
    }
    throw new OSError(`The shared memory segment ${name} cannot be unlinked: ${(cause as Error).message}`, { cause });
  }
  disclaim(inode, name);
}

/** The name as given, or what is wrong with it. */
export function checkedName(name: string): string {
  const plain = name.startsWith("/") ? name.slice(1) : name;
  if (plain === "" || plain === "." || plain === ".." || /[/\0]/.test(plain)) {
    throw new ValueError(
      `name ${JSON.stringify(name)} names no segment: it must be like a file's name, without slashes`,
    );
  }
  if (Buffer.byteLength(plain) > LONGEST_NAME) {
    throw new ValueError(`name has ${Buffer.byteLength(plain)} bytes; ${LONGEST_NAME} are the most`);
  }
  return plain;
}
