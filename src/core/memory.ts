/**
 * Memory: where shared words live and how to wait on one of them. Raw algorithms (core/raw) are written against this
 * interface only, so the same lock runs on a SharedArrayBuffer between threads, on mapped memory between processes,
 * and in the model checker.
 *
 * @module
 */

import { load, store, notify as notifyWord, wait as waitWord, waitAsync as waitWordAsync } from "#atomics";
import { RuntimeError } from "../errors.ts";
import { FIRST_PAGE, MAGIC, MAX_PAGES, PAGE_WORDS, PROGRAM, RECORD, VERSION } from "./layout.ts";

export interface Memory {
  /**
   * A fixed-length view of all words that existed when it was last made. Memory grows: an address read from shared
   * memory may lie beyond it, so follow such addresses through {@link reach}.
   */
  words: Int32Array;
  bytes: Uint8Array;
  /** As words of 64 bits, for those who need them. May be shorter than {@link words}. */
  longs?: BigInt64Array | undefined;
  /** Identity of the calling thread in this memory. */
  self: number;
  /** Address of the calling thread's record. */
  record: number;
  /** False where blocking is forbidden (a browser's page): guards then spin. */
  readonly canBlock: boolean;
  /** Pauses that a thread spins for before it sleeps; see raw/spin.ts. */
  readonly patience: number;
  /**
   * Makes sure that {@link words} covers `address`, and returns it. It may replace `words`, so call it in a statement
   * of its own: in `load(memory.words, memory.reach(a))` the old view was taken before.
   */
  reach(address: number): number;
  /** Is that a buffer in which {@link words} are, or were before the memory grew? */
  isOwn(buffer: object): boolean;
  /** Grows to at least `pages` pages of 64 KiB, and says so in `PROGRAM.pages`; the caller holds the heap's guard. */
  grow(pages: number): void;
  /** Blocks while the word is `expected`, for at most that many milliseconds. May wake for no reason. */
  wait(address: number, expected: number, milliseconds?: number): void;
  /** As {@link wait}, for the event loop; `undefined`: the word differs already. */
  waitAsync(address: number, expected: number): Promise<unknown> | undefined;
  notify(address: number, count?: number): void;
  /** Wakes the event loop of a record's thread, whose doorbell was just rung. */
  wakeLoop(record: number): void;
  /** Does the system know for certain that the thread does not run any more, though nobody has declared it dead? */
  isGone?: ((tid: number) => boolean) | undefined;
}

/** The largest size a program's memory may grow to; where address space is scarce, a smaller one is taken. */
const LIMITS: readonly number[] = [MAX_PAGES, MAX_PAGES / 4, MAX_PAGES / 16];
const FIRST_SIZE = 16;

/** In pauses of about 20 ns: as long as falling asleep and being woken takes. */
const PATIENCE = 256;

/** The memory that the threads of one program share: one growable SharedArrayBuffer. */
export class ThreadMemory implements Memory {
  readonly buffer: SharedArrayBuffer;
  words: Int32Array;
  bytes: Uint8Array;
  longs: BigInt64Array | undefined = undefined;
  self = 0;
  record = 0;
  readonly canBlock: boolean;
  readonly patience: number;
  /** Set by the host. */
  isGone: ((tid: number) => boolean) | undefined;

  constructor(buffer: SharedArrayBuffer, canBlock: boolean) {
    this.buffer = buffer;
    this.canBlock = canBlock;
    this.patience = patience();
    // Fixed-length views: length-tracking ones are 10 to 40 times slower.
    this.words = new Int32Array(buffer, 0, buffer.byteLength / 4);
    this.bytes = new Uint8Array(buffer, 0, buffer.byteLength);
    if (load(this.words, PROGRAM.magic) !== MAGIC || load(this.words, PROGRAM.version) !== VERSION) {
      throw new RuntimeError(
        "This buffer is not the memory of a heddle program of the same version. Check that the main program and its " +
          "threads load the same version of heddle.",
      );
    }
  }

  /** A new program's memory, with its first words set. */
  static create(canBlock: boolean): ThreadMemory {
    const buffer = allocate();
    const words = new Int32Array(buffer, 0, PAGE_WORDS);
    words[PROGRAM.magic] = MAGIC;
    words[PROGRAM.version] = VERSION;
    words[PROGRAM.pages] = buffer.byteLength / (4 * PAGE_WORDS);
    words[PROGRAM.pageHint] = FIRST_PAGE;
    return new ThreadMemory(buffer, canBlock);
  }

  reach(address: number): number {
    if (address >= this.words.length) this.refresh();
    return address;
  }

  isOwn(buffer: object): boolean {
    return buffer === this.buffer;
  }

  grow(pages: number): void {
    const limit = this.buffer.maxByteLength / (4 * PAGE_WORDS);
    if (pages > limit) {
      throw new RuntimeError(
        `The memory that this program's threads share is full (${limit / 16} MiB). Items wait in queues, or shared ` +
          "objects are kept, that nobody consumes: give queues a maxsize, or free what is no longer used.",
      );
    }
    // Who grew it last may have been terminated before it said so.
    const have = this.buffer.byteLength / (4 * PAGE_WORDS);
    const wanted = Math.min(limit, Math.max(pages, have + (have >>> 1)));
    this.buffer.grow(wanted * 4 * PAGE_WORDS);
    this.refresh();
    store(this.words, PROGRAM.pages, wanted);
  }

  wait(address: number, expected: number, milliseconds?: number): void {
    waitWord(this.words, address, expected, milliseconds);
  }

  waitAsync(address: number, expected: number): Promise<unknown> | undefined {
    return waitWordAsync(this.words, address, expected);
  }

  notify(address: number, count?: number): void {
    notifyWord(this.words, address, count);
  }

  wakeLoop(record: number): void {
    notifyWord(this.words, record + RECORD.doorbell);
  }

  private refresh(): void {
    this.words = new Int32Array(this.buffer, 0, this.buffer.byteLength / 4);
    this.bytes = new Uint8Array(this.buffer, 0, this.buffer.byteLength);
  }
}

/** Spinning helps no one who has the only processor. Where the platform does not say, as Node 20, there are more. */
export function patience(): number {
  const { navigator } = globalThis as { navigator?: { hardwareConcurrency?: number } };
  return (navigator?.hardwareConcurrency ?? 2) > 1 ? PATIENCE : 0;
}

function allocate(): SharedArrayBuffer {
  if (typeof SharedArrayBuffer === "undefined") {
    throw new RuntimeError(
      "SharedArrayBuffer is missing. On a web page, send the headers Cross-Origin-Opener-Policy: same-origin and " +
        "Cross-Origin-Embedder-Policy: require-corp.",
    );
  }
  for (const pages of LIMITS) {
    try {
      return new SharedArrayBuffer(FIRST_SIZE * 4 * PAGE_WORDS, { maxByteLength: pages * 4 * PAGE_WORDS });
    } catch {
      // Not enough address space: try a smaller limit.
    }
  }
  throw new RuntimeError("Cannot reserve 256 MiB of address space for the memory that threads share.");
}
