/**
 * The memory that processes share: one mapped file without a name. It exists for as long as any process has it, and goes
 * with the last of them however that ends; there is nothing to clean up.
 *
 * ```
 *   root process ── memfd ──► inherited by every child ──► mapped once in each, for all of its threads
 *        0 … 4 GiB are mapped at once; what is beyond `pages` has no memory yet
 *        0 … end are in view, as a buffer: at first little, then twice as much whenever it does not do
 * ```
 * Blocked threads wait on words through the kernel (futex). An event loop is woken by a byte in its thread's pipe, which
 * others open through /proc, so that no thread has to sit and wait for it.
 *
 * @module
 */

import { load, store } from "#atomics";
import { FIRST_PAGE, MAGIC, MAX_PAGES, PAGE_WORDS, PROGRAM, RECORD, VERSION } from "../../core/layout.ts";
import { type Memory, patience } from "../../core/memory.ts";
import { OSError, RuntimeError } from "../../errors.ts";
import { Bell, ringBell } from "./bell.ts";
import { native, type Region } from "./native.ts";

const { ftruncateSync, fstatSync } = process.getBuiltinModule("node:fs");

const PAGE_BYTES = 4 * PAGE_WORDS;
const LIMIT = MAX_PAGES * PAGE_BYTES;
const FIRST_SIZE = 16;
/** What is reserved is taken from the machine, used or not: 16 MiB beyond what is needed, at most. In pages. */
const LARGEST_STEP = 256;
/** A thread in a system call cannot be terminated: every wait is bounded. Milliseconds. */
const LONGEST_WAIT = 100;

export class ProcessMemory implements Memory {
  readonly descriptor: number;
  words!: Int32Array;
  bytes!: Uint8Array;
  longs: BigInt64Array | undefined = undefined;
  self = 0;
  record = 0;
  readonly canBlock = true;
  readonly patience: number = patience();
  isGone: ((tid: number) => boolean) | undefined;
  readonly #region: Region;
  /** What was ever in view: arrays that were given out then stay. */
  readonly #buffers: WeakSet<object> = new WeakSet();
  #bell: Bell | undefined;
  /** Words that have memory, as far as this thread knows. All of them are in view. */
  #end = 0;

  /**
   * Maps the memory that the descriptor stands for. `base`: where another thread of this process has mapped it. Nobody could
   * ever unmap what a thread has of its own: it may be looked at until the thread's very end.
   *
   * Errors: `RuntimeError` if it is not such memory.
   */
  constructor(descriptor: number, base = 0) {
    this.descriptor = descriptor;
    const size = fstatSync(descriptor).size;
    if (size !== LIMIT) throw foreign(`it has ${size} bytes`);
    this.#region = base === 0 ? native().map(descriptor, LIMIT) : { base, bytes: LIMIT };
    this.#view(FIRST_SIZE * PAGE_BYTES);
    // The first pages always have memory: what was never written reads as 0.
    const [magic, version] = [load(this.words, PROGRAM.magic), load(this.words, PROGRAM.version)];
    if (magic !== MAGIC || version !== VERSION) {
      native().unmap(this.#region);
      throw foreign(magic === MAGIC ? `it is of version ${version}, not ${VERSION}` : "its first word is another");
    }
    this.#end = PAGE_WORDS;
  }

  /** New memory, with its first words set, in an empty file. */
  static create(descriptor: number = native().createAnonymousFile("heddle")): ProcessMemory {
    ftruncateSync(descriptor, LIMIT);
    native().reserve(descriptor, 0, FIRST_SIZE * PAGE_BYTES);
    const first = native().map(descriptor, PAGE_BYTES);
    const words = new Int32Array(native().view(first, PAGE_BYTES));
    words[PROGRAM.version] = VERSION;
    words[PROGRAM.pages] = FIRST_SIZE;
    words[PROGRAM.pageHint] = FIRST_PAGE;
    words[PROGRAM.magic] = MAGIC;
    native().unmap(first);
    return new ProcessMemory(descriptor);
  }

  /** Where it is mapped in this process. */
  get base(): number {
    return this.#region.base;
  }

  /** Checks the address: reading where there is no memory yet would kill the process. */
  reach(address: number): number {
    if (address >= this.#end || address < 0) this.#look(address);
    return address;
  }

  #look(address: number): void {
    this.#reached(load(this.words, PROGRAM.pages));
    // The end itself may be asked for: of a block that ends there, whoever reads all of it makes sure in that way.
    if (address < 0 || address > this.#end) {
      throw new RuntimeError(`Address ${address} lies outside of the memory that the processes share: it is damaged.`);
    }
  }

  /** So many pages have memory. */
  #reached(pages: number): void {
    let bytes = this.bytes.length;
    while (bytes < pages * PAGE_BYTES) bytes *= 2;
    if (bytes > this.bytes.length) this.#view(bytes);
    this.#end = pages * PAGE_WORDS;
  }

  #view(bytes: number): void {
    const buffer = native().view(this.#region, bytes);
    this.#buffers.add(buffer);
    this.words = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
  }

  isOwn(buffer: object): boolean {
    return this.#buffers.has(buffer);
  }

  grow(pages: number): void {
    if (pages > MAX_PAGES) {
      throw new RuntimeError(
        `The memory that this program's processes share is full (${LIMIT / 2 ** 20} MiB). Items wait in queues, or ` +
          "shared objects are kept, that nobody consumes: give queues a maxsize, or free what is no longer used.",
      );
    }
    const have = load(this.words, PROGRAM.pages);
    const more = Math.min(MAX_PAGES, have + Math.min(have >>> 1, LARGEST_STEP));
    let end = Math.max(pages, more);
    try {
      this.#reserve(have, end);
    } catch (error) {
      if (end === pages || !(error instanceof OSError)) throw error;
      end = pages;
      this.#reserve(have, end);
    }
    store(this.words, PROGRAM.pages, end);
    this.#reached(end);
  }

  /** Errors: `OSError` if there is no room for those pages; then it is as before. */
  #reserve(from: number, to: number): void {
    native().reserve(this.descriptor, from * PAGE_BYTES, (to - from) * PAGE_BYTES);
  }

  wait(address: number, expected: number, milliseconds: number = LONGEST_WAIT): void {
    native().wait(this.#region.base + 4 * address, expected, Math.min(milliseconds, LONGEST_WAIT));
  }

  waitAsync(address: number, expected: number): Promise<unknown> | undefined {
    this.#bell ??= Bell.open(this);
    return load(this.words, address) === expected ? this.#bell.rung() : undefined;
  }

  notify(address: number, count: number = 2 ** 31 - 1): void {
    native().wake(this.#region.base + 4 * address, count);
  }

  wakeLoop(record: number): void {
    if (load(this.words, record + RECORD.bell) !== 0) ringBell(this, record);
  }
}

function foreign(why: string): RuntimeError {
  return new RuntimeError(
    `The inherited descriptor is not the memory of a heddle program: ${why}. Check that parent and child load the ` +
      "same version of heddle.",
  );
}
