/**
 * SharedMemory: bytes with a name.
 *
 * @module
 */

import { load, store } from "#atomics";
import { host } from "#host";
import { describe } from "../core/deadline.ts";
import { ADDRESS, DOMAIN, letGo, SharedObject } from "../core/handles.ts";
import { SEGMENT, SEGMENT_WORDS, TAG } from "../core/layout.ts";
import { ValueError } from "../errors.ts";
import { inProcesses, processes } from "./domain.ts";
import {
  attachSegment,
  checkedName,
  closeSegment,
  createSegment,
  type Segment,
  type SegmentName,
  unlinkSegment,
} from "./memory/segments.ts";

host.ready();

export interface SharedMemoryOptions {
  /** What others attach to it by. A new segment without one gets a name of its own. */
  name?: string | undefined;
  /** Make a new segment? Default: attach to the one of that name. */
  create?: boolean | undefined;
  /** Bytes of a new segment; ignored otherwise. */
  size?: number | undefined;
  /** Remove a new segment when the program ends, if nobody has unlinked it? Default: true. */
  track?: boolean | undefined;
}

/**
 * A block of bytes that processes share, also those that know nothing of each other but its name.
 *
 * Use it for large data that several processes read or fill in place, and to share with programs that are not heddle's
 * (Python's `SharedMemory` of the same name is the same memory). Within one program a `SharedArray` is simpler: it has
 * types, and nothing to unlink.
 *
 * ```ts
 * import { SharedMemory } from "heddle/multiprocessing";
 *
 * const made = new SharedMemory({ create: true, size: 1024 });
 * made.buf[0] = 42;
 * const same = new SharedMemory({ name: made.name }); // in any process
 * same.buf[0]; // 42
 * same.close();
 * made.close();
 * made.unlink(); // once, when nobody will attach any more
 * ```
 *
 * Sent to a process or thread it arrives attached to the same segment.
 *
 * A segment exists until somebody unlinks it, and at most until the program that made it ends: what is left then is
 * removed, after a `kill -9` by the next program that uses heddle/multiprocessing.
 *
 * **Memory ordering.** Plain bytes: those who use the same ones at the same time need a `Lock`, or `Atomics` on views that
 * are aligned.
 *
 * **Differs from Python.** `close` does not fail while views of `buf` are in use: they show zeros from then on, and what
 * is written into them is lost. Do not transfer the buffer behind `buf`: it would be lost here.
 *
 * Errors: `ValueError` for a size or name that makes no sense, `FileExistsError`, `FileNotFoundError`, `OSError` when
 * there is no room (then nothing was made).
 */
export class SharedMemory extends SharedObject implements Disposable {
  readonly #segment: Segment;
  #buf: Uint8Array | undefined;

  constructor(options?: SharedMemoryOptions) {
    let opened: Segment | undefined;
    // Opened in there: if there is no memory for the object, there must be no segment.
    super(TAG.sharedMemory, SEGMENT_WORDS, (address, { memory, packer }) => {
      const { name, size, inode } = (opened = open(options));
      try {
        store(memory.words, address + SEGMENT.name, packer.pack({ name, size, inode } satisfies SegmentName, "name"));
      } catch (error) {
        closeSegment(opened);
        if (options?.create === true) unlinkSegment(opened);
        throw error;
      }
    });
    this.#segment = opened ?? this.#attach();
    this.#buf = new Uint8Array(this.#segment.buffer);
  }

  #attach(): Segment {
    const { memory, packer } = this[DOMAIN];
    try {
      const sent = packer.peek(load(memory.words, this[ADDRESS] + SEGMENT.name)) as SegmentName;
      return attachSegment(sent.name, sent);
    } catch (error) {
      letGo(this, "this SharedMemory could not be attached");
      throw error;
    }
  }

  /** The bytes. `undefined` once this handle is closed. */
  get buf(): Uint8Array {
    // Declared as what it is for all but those who have closed it.
    return this.#buf as Uint8Array;
  }

  get name(): string {
    return this.#segment.name;
  }

  /** How many bytes there are: of a segment that was attached, all of its. */
  get size(): number {
    return this.#segment.size;
  }

  /** Lets go of the memory here; others keep it. May be called again. */
  close(): void {
    if (this.#buf === undefined) return;
    this.#buf = undefined;
    closeSegment(this.#segment);
    letGo(this, `this SharedMemory (${this.name}) is closed: send it before it is closed, or send its name`);
  }

  /**
   * Removes the name: nobody can attach any more. Those who have it keep it until they close. Once for each segment,
   * from any process. Errors: `FileNotFoundError` the second time.
   */
  unlink(): void {
    unlinkSegment(this.#segment);
  }

  /** Closes this handle. */
  [Symbol.dispose](): void {
    this.close();
  }

  override toString(): string {
    return `<SharedMemory ${this.name} size=${this.size}${this.#buf === undefined ? " closed" : ""}>`;
  }
}

function open(options: SharedMemoryOptions = {}): Segment {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`options must be an object such as { create: true, size: 1024 }, not ${describe(options)}`);
  }
  const { name, create = false, size = 0, track = true } = options;
  if (name !== undefined && typeof name !== "string")
    throw new TypeError(`name must be a string, not ${describe(name)}`);
  if (typeof size !== "number") throw new TypeError(`size must be a number of bytes, not ${describe(size)}`);
  const checked = name === undefined ? undefined : checkedName(name);
  if (!create) {
    if (checked === undefined) {
      throw new ValueError("name is missing: give the name of a segment to attach to, or { create: true, size }");
    }
    // Also says what is wrong where processes cannot share memory.
    processes();
    return attachSegment(checked);
  }
  if (!Number.isInteger(size) || size <= 0) {
    throw new ValueError(`size must be a whole number of bytes, 1 or more, not ${size}`);
  }
  return createSegment(processes().memory, checked, size, track);
}

inProcesses(SharedMemory.prototype, TAG.sharedMemory, () => new SharedMemory());
