/**
 * Pipe: two connected ends, for two processes or threads.
 *
 * ```
 *   end A ── writes ──► channel ──► reads ── end B        each end is a shared object that refers to its channels;
 *         ◄── reads ─── channel ◄── writes ──             when nobody refers to an end any more, it hangs up
 * ```
 * @module
 */

import { load, store } from "#atomics";
import { host } from "#host";
import { deadlineIn, type Deadline, describe, type WaitOptions } from "../core/deadline.ts";
import { ADDRESS, type Domain, DOMAIN, letGo, SharedObject } from "../core/handles.ts";
import { allocZeroed } from "../core/heap.ts";
import { CONNECTION, CONNECTION_WORDS, GRANT, OBJECT, QUEUE, QUEUE_WORDS, TAG } from "../core/layout.ts";
import type { Memory } from "../core/memory.ts";
import { EXPIRED, QUEUED, type WaitKind } from "../core/parker.ts";
import { platform } from "../core/platform.ts";
import {
  createRing,
  GET,
  getCell,
  got,
  isShutDown,
  PUT,
  putCell,
  queueSize,
  readyOrEnqueue,
} from "../core/raw/queue.ts";
import { release, retain } from "../core/references.ts";
import { BrokenPipeError, BufferTooShort, EOFError, OSError, RuntimeError, TimeoutError } from "../errors.ts";
import { GetWait, PutWait } from "../queue/waits.ts";
import {
  type Bytes,
  type Connection,
  maxlengthOf,
  type RecvBytesOptions,
  type RecvIntoOptions,
  type SendBytesOptions,
  sliceOf,
  splitOptions,
  targetOf,
} from "./connection.ts";
import { inProcesses, processes } from "./domain.ts";

host.ready();

/** How many messages fit: who sends more waits until the other end has received some. */
const CAPACITY = 1024;

/** One end of a {@link Pipe}. */
export class PipeConnection<T = unknown> extends SharedObject implements Connection<T> {
  /** Addresses of its channels; 0: it has none for this direction. */
  #reads: number;
  readonly #writes: number;
  #closed = false;
  /** Ends the waits of this handle when it is closed. */
  #closing: AbortController | undefined;
  #pending = 0;
  readonly #watch: WaitKind = {
    name: "connection.poll",
    enter: (memory, channel, slot) =>
      this.#closed ? GRANT.broken : readyOrEnqueue(memory, channel, slot) ? GRANT.done : QUEUED,
  };

  /** @internal `Pipe()` makes them. */
  constructor(reads = 0, writes = 0) {
    super(TAG.connection, CONNECTION_WORDS, (address, { memory }) => {
      for (const channel of [reads, writes]) if (channel !== 0) retain(memory, channel);
      store(memory.words, address + CONNECTION.reads, reads);
      store(memory.words, address + CONNECTION.writes, writes);
    });
    const { words } = this[DOMAIN].memory;
    this.#reads = load(words, this[ADDRESS] + CONNECTION.reads);
    this.#writes = load(words, this[ADDRESS] + CONNECTION.writes);
    for (const channel of [this.#reads, this.#writes]) this[DOMAIN].memory.reach(channel);
  }

  async send(value: T, options?: WaitOptions): Promise<void> {
    await this.#put(value, options);
  }

  sendSync(value: T, options?: WaitOptions): void {
    this.#putSync(value, options);
  }

  async recv(options?: WaitOptions): Promise<T> {
    return (await this.#get(options)) as T;
  }

  recvSync(options?: WaitOptions): T {
    return this.#getSync(options) as T;
  }

  async poll(options?: WaitOptions): Promise<boolean> {
    const deadline = options === undefined ? 0 : deadlineIn(options);
    options?.signal?.throwIfAborted();
    if (this.#isReady(this.#toRead())) return true;
    if (deadline === 0) return false;
    return (await this.#wait(this.#watch, this.#reads, deadline, options)) !== EXPIRED;
  }

  pollSync(options?: WaitOptions): boolean {
    const deadline = options === undefined ? 0 : deadlineIn(options);
    options?.signal?.throwIfAborted();
    if (this.#isReady(this.#toRead())) return true;
    if (deadline === 0) return false;
    return this[DOMAIN].parker.waitSync(this.#watch, this.#reads, deadline, options?.signal) !== EXPIRED;
  }

  async sendBytes(
    bytes: Bytes,
    first?: number | SendBytesOptions,
    size?: number,
    options?: WaitOptions,
  ): Promise<void> {
    await this.#put(messageOf(sliceOf(bytes, first, size)), splitOptions(first, options));
  }

  sendBytesSync(bytes: Bytes, first?: number | SendBytesOptions, size?: number, options?: WaitOptions): void {
    this.#putSync(messageOf(sliceOf(bytes, first, size)), splitOptions(first, options));
  }

  async recvBytes(first?: number | RecvBytesOptions, options?: WaitOptions): Promise<Uint8Array> {
    const maxlength = maxlengthOf(first);
    return this.#limited(asBytes(await this.#get(splitOptions(first, options))), maxlength);
  }

  recvBytesSync(first?: number | RecvBytesOptions, options?: WaitOptions): Uint8Array {
    const maxlength = maxlengthOf(first);
    return this.#limited(asBytes(this.#getSync(splitOptions(first, options))), maxlength);
  }

  async recvBytesInto(buffer: Bytes, first?: number | RecvIntoOptions, options?: WaitOptions): Promise<number> {
    const target = targetOf(buffer, first);
    return fill(target, asBytes(await this.#get(splitOptions(first, options))));
  }

  recvBytesIntoSync(buffer: Bytes, first?: number | RecvIntoOptions, options?: WaitOptions): number {
    const target = targetOf(buffer, first);
    return fill(target, asBytes(this.#getSync(splitOptions(first, options))));
  }

  get closed(): boolean {
    return this.#closed;
  }

  get readable(): boolean {
    return this.#reads !== 0;
  }

  get writable(): boolean {
    return this.#writes !== 0;
  }

  get ready(): boolean {
    return this.#isReady(this.#toRead());
  }

  /** @internal For `connectionWait`: how to wait until it is ready. */
  whenReady(signal: AbortSignal): Promise<unknown> {
    return this.#wait(this.#watch, this.#toRead(), Infinity, { signal });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing?.abort(closed());
    // Waits that are just being granted still need the channels.
    if (this.#pending === 0) this.#hangUp();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  override toString(): string {
    const direction = this.readable ? (this.writable ? "read and write" : "read-only") : "write-only";
    return `<Connection ${this.#closed ? "closed" : direction}>`;
  }

  #hangUp(): void {
    letGo(this, "this Connection is closed: send it before it is closed");
  }

  #toRead(): number {
    if (this.#closed) throw closed();
    if (this.#reads === 0) throw new OSError("The connection is write-only: receive from the other end of the pipe.");
    return this.#reads;
  }

  #toWrite(): number {
    if (this.#closed) throw closed();
    if (this.#writes === 0) throw new OSError("The connection is read-only: send into the other end of the pipe.");
    return this.#writes;
  }

  #isReady(channel: number): boolean {
    const { memory } = this[DOMAIN];
    if (hasSome(memory, channel)) return true;
    // Nobody tells of the other end's death by kill.
    platform.poll();
    return hasSome(memory, channel);
  }

  async #wait(kind: WaitKind, channel: number, deadline: Deadline, options: WaitOptions | undefined): Promise<number> {
    this.#closing ??= new AbortController();
    const own = this.#closing.signal;
    const signal = options?.signal === undefined ? own : AbortSignal.any([options.signal, own]);
    this.#pending++;
    try {
      return await this[DOMAIN].parker.wait(kind, channel, this, deadline, signal);
    } finally {
      if (--this.#pending === 0 && this.#closed) this.#hangUp();
    }
  }

  async #put(value: unknown, options: WaitOptions | undefined): Promise<void> {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    const channel = this.#toWrite();
    const { memory, cells } = this[DOMAIN];
    const cell = cells.toCell(value, "message");
    try {
      platform.poll();
      const result = putCell(memory, channel, cell, 0);
      if (result === PUT.done) return;
      if (result === PUT.shut) throw brokenPipe();
      const insert = (slot: number, again: boolean): number => putCell(memory, channel, cell, slot, undefined, again);
      checkPut(await this.#wait(new PutWait(insert), channel, deadline, options), options);
    } catch (error) {
      cells.discardCell(cell);
      throw error;
    }
  }

  #putSync(value: unknown, options: WaitOptions | undefined): void {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    const channel = this.#toWrite();
    const { memory, cells, parker } = this[DOMAIN];
    const cell = cells.toCell(value, "message");
    try {
      platform.poll();
      const result = putCell(memory, channel, cell, 0);
      if (result === PUT.done) return;
      if (result === PUT.shut) throw brokenPipe();
      const insert = (slot: number, again: boolean): number => putCell(memory, channel, cell, slot, undefined, again);
      checkPut(parker.waitSync(new PutWait(insert), channel, deadline, options?.signal), options);
    } catch (error) {
      cells.discardCell(cell);
      throw error;
    }
  }

  async #get(options: WaitOptions | undefined): Promise<unknown> {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    const channel = this.#toRead();
    const { memory, cells } = this[DOMAIN];
    let cell: number;
    const result = getCell(memory, channel, 0);
    if (result === GET.done) cell = got.cell;
    else if (result === GET.shut) throw endOfFile();
    else {
      const wait = new GetWait();
      checkGet(await this.#wait(wait, channel, deadline, options), options);
      cell = wait.cell;
    }
    const loading = cells.prepareCell(cell);
    if (loading !== undefined) {
      try {
        await loading;
      } catch (error) {
        cells.discardCell(cell);
        throw error;
      }
    }
    return cells.fromCell(cell);
  }

  #getSync(options: WaitOptions | undefined): unknown {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    const channel = this.#toRead();
    const { memory, cells, parker } = this[DOMAIN];
    const result = getCell(memory, channel, 0);
    if (result === GET.done) return cells.fromCell(got.cell);
    if (result === GET.shut) throw endOfFile();
    const wait = new GetWait();
    checkGet(parker.waitSync(wait, channel, deadline, options?.signal), options);
    return cells.fromCell(wait.cell);
  }

  #limited(bytes: Uint8Array, maxlength: number): Uint8Array {
    if (bytes.length <= maxlength) return bytes;
    if (this.#writes === 0) this.close();
    else this.#reads = 0;
    throw new OSError(
      `bad message length: it has ${bytes.length} bytes, more than maxlength = ${maxlength}. Nothing more can be ` +
        "received from this connection.",
    );
  }
}

/**
 * Two connected ends. What is sent into one is received from the other, message by message.
 *
 * Use it between two processes (or threads) that talk to each other; where more take part, use a `Queue`.
 *
 * ```ts
 * import { Pipe, Process } from "heddle/multiprocessing";
 *
 * const [ours, theirs] = Pipe<string>();
 * const child = new Process({ target: (end) => end.sendSync(end.recvSync().toUpperCase()), args: [theirs] }).start();
 * theirs.close(); // the child has its own now: without this, its death would not be the end
 * await ours.send("hello");
 * await ours.recv(); // "HELLO"
 * ```
 *
 * An end can be given to a process or thread, sent through a queue, or through another pipe; it arrives as the same end.
 * It counts as closed once every process and thread that had it has closed it, dropped it or ended, also by `kill -9`.
 *
 * **Differs from Python.** An end may be used by several processes at once: messages stay whole. `send` waits when 1024
 * messages are on their way, not by their size. There is no `fileno`.
 *
 * @param options.duplex default true: both ends send and receive. False: the first only receives, the second only sends.
 */
export function Pipe<T = unknown>(options?: { duplex?: boolean | undefined }): [PipeConnection<T>, PipeConnection<T>] {
  if (options !== undefined && (typeof options !== "object" || options === null)) {
    throw new TypeError(`options must be an object such as { duplex: false }, not ${describe(options)}`);
  }
  const duplex = options?.duplex ?? true;
  const domain = processes();
  const { memory } = domain;
  const there = newChannel(domain);
  const back = duplex ? newChannel(domain) : 0;
  try {
    return [new PipeConnection<T>(there, back), new PipeConnection<T>(back, there)];
  } finally {
    // The ends hold them now.
    for (const channel of [there, back]) if (channel !== 0) release(memory, channel);
  }
}

function newChannel({ memory }: Domain): number {
  const channel = allocZeroed(memory, QUEUE_WORDS);
  store(memory.words, channel + OBJECT.references, 1);
  store(memory.words, channel + QUEUE.ring, createRing(memory));
  store(memory.words, channel + QUEUE.maxsize, CAPACITY);
  store(memory.words, channel + OBJECT.tag, TAG.channel);
  return channel;
}

function hasSome(memory: Memory, channel: number): boolean {
  return queueSize(memory, channel) > 0 || isShutDown(memory, channel);
}

/** A view of a part would take its whole buffer along. */
function messageOf(bytes: Uint8Array): Uint8Array {
  const isWhole = bytes.length === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer;
  return isWhole ? bytes : Uint8Array.from(bytes);
}

function asBytes(message: unknown): Uint8Array {
  if (message instanceof Uint8Array) return message;
  throw new RuntimeError(
    `The message is ${describe(message)} that was sent by send(), not bytes: receive such messages with recv().`,
  );
}

function fill(target: Uint8Array, bytes: Uint8Array): number {
  if (bytes.length > target.length) {
    throw new BufferTooShort(
      `The message has ${bytes.length} bytes, the buffer room for ${target.length}. The error's data is the message.`,
      { data: bytes },
    );
  }
  target.set(bytes);
  return bytes.length;
}

function checkPut(result: number, options: WaitOptions | undefined): void {
  if (result === EXPIRED) {
    throw new TimeoutError(`The pipe stayed full for ${options?.timeout} ms: the other end does not receive.`);
  }
  if (result === GRANT.broken) throw brokenPipe();
}

function checkGet(result: number, options: WaitOptions | undefined): void {
  if (result === EXPIRED) throw new TimeoutError(`Nothing was received for ${options?.timeout} ms.`);
  if (result === GRANT.broken) throw endOfFile();
}

function closed(): OSError {
  return new OSError("handle is closed: the connection was closed here.");
}

function endOfFile(): EOFError {
  return new EOFError("The other end is closed, and everything it sent has been received.");
}

function brokenPipe(): BrokenPipeError {
  return new BrokenPipeError("The other end is closed: nobody would receive the message.");
}

inProcesses(PipeConnection.prototype, TAG.connection, () => new PipeConnection());
