/**
 * Connections over sockets: to programs that share nothing with this one.
 *
 * @module
 */

import type { Socket } from "node:net";
import { nodeStrings } from "../../host/node/strings.ts";
import { atDeadline, type Deadline, deadlineIn, describe, type WaitOptions } from "../../core/deadline.ts";
import { keepHere } from "../../core/packer.ts";
import type { Codec } from "../../core/wire/codec.ts";
import { dataCodec } from "../../core/wire/data-only.ts";
import {
  BrokenPipeError,
  BufferTooShort,
  EOFError,
  OSError,
  RuntimeError,
  TimeoutError,
  ValueError,
} from "../../errors.ts";
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
} from "../connection.ts";
import { isSharedMemory } from "../domain.ts";
import { whenCancelled } from "./cancellation.ts";
import { FRAME, type Frame, frameHeader, type FrameReader } from "./frames.ts";

/** Whole messages that nobody has received yet: with more bytes than this the sender has to wait. */
const HIGH_WATER = 1 << 20;

interface Waiter {
  /** It takes the frame, or else only wants to know that there is one. */
  readonly takes: boolean;
  done(frame: Frame | undefined): void;
  fail(error: unknown): void;
}

/**
 * One end of a connection over a socket: what {@link Client} gives, and a Listener's `accept`.
 *
 * Only data can be sent: no functions, no instances of classes, no shared objects. The blocking forms throw
 * `RuntimeError`: a socket is read by the event loop.
 *
 * An open connection alone does not keep the process alive; a wait for a message does.
 */
export class SocketConnection<T = unknown> implements Connection<T> {
  readonly #socket: Socket;
  readonly #frames: FrameReader;
  readonly #limit: number;
  readonly #codec: Codec = dataCodec(isSharedMemory, nodeStrings);
  readonly #waiters: Waiter[] = [];
  #arrived: Frame[] = [];
  #arrivedBytes = 0;
  /** Why nothing more comes. */
  #end: Error | undefined;
  #closed = false;
  #unreadable = false;
  /** Sends in progress, and waits: the process lives for them. */
  #pending = 0;

  /** @internal A listener and a client make them, after the handshake; `frames` has what came with that. */
  constructor(socket: Socket, frames: FrameReader, limit: number) {
    this.#socket = socket;
    this.#frames = frames;
    this.#limit = limit;
    frames.limit = limit;
    keepHere(this, "a Connection over a socket cannot be sent to another thread: it belongs to this event loop");
    socket.unref();
    socket.on("data", (chunk: Uint8Array) => {
      this.#frames.add(chunk);
      this.#takeIn();
    });
    socket.on("error", (cause) => this.#finish(cause));
    socket.on("close", () => this.#finish());
    socket.on("end", () => this.#finish());
    this.#takeIn();
    socket.resume();
    if (socket.destroyed || socket.readableEnded) this.#finish();
  }

  async send(value: T, options?: WaitOptions): Promise<void> {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    this.#checkWrite();
    // What was encoded is in scratch memory.
    await this.#write(FRAME.value, this.#codec.encode(value, "message").bytes.slice(), deadline, options?.signal);
  }

  async sendBytes(
    bytes: Bytes,
    first?: number | SendBytesOptions,
    size?: number,
    options?: WaitOptions,
  ): Promise<void> {
    const part = sliceOf(bytes, first, size);
    const given = splitOptions(first, options);
    const deadline = deadlineIn(given);
    given.signal?.throwIfAborted();
    this.#checkWrite();
    await this.#write(FRAME.bytes, part, deadline, given.signal);
  }

  async recv(options?: WaitOptions): Promise<T> {
    const { kind, content } = await this.#next(options);
    return (kind === FRAME.bytes ? content : this.#codec.decode(content)) as T;
  }

  async recvBytes(first?: number | RecvBytesOptions, options?: WaitOptions): Promise<Uint8Array> {
    const maxlength = maxlengthOf(first);
    const bytes = this.#bytesOf(await this.#next(splitOptions(first, options)));
    if (bytes.length <= maxlength) return bytes;
    this.#unreadable = true;
    throw new OSError(
      `bad message length: it has ${bytes.length} bytes, more than maxlength = ${maxlength}. Nothing more can be ` +
        "received from this connection.",
    );
  }

  async recvBytesInto(buffer: Bytes, first?: number | RecvIntoOptions, options?: WaitOptions): Promise<number> {
    const target = targetOf(buffer, first);
    const bytes = this.#bytesOf(await this.#next(splitOptions(first, options)));
    if (bytes.length > target.length) {
      throw new BufferTooShort(
        `The message has ${bytes.length} bytes, the buffer room for ${target.length}. The error's data is the message.`,
        { data: bytes },
      );
    }
    target.set(bytes);
    return bytes.length;
  }

  async poll(options?: WaitOptions): Promise<boolean> {
    const deadline = options === undefined ? 0 : deadlineIn(options);
    options?.signal?.throwIfAborted();
    this.#checkRead();
    if (this.ready) return true;
    if (deadline === 0) {
      // What has arrived in the system is seen only when the event loop turns.
      await new Promise((resolve) => setImmediate(resolve));
      return this.ready;
    }
    return await this.#wait(deadline, options?.signal, false).then(
      () => true,
      (error: unknown) => {
        if (error instanceof TimeoutError) return false;
        throw error;
      },
    );
  }

  sendSync(_value: T, _options?: WaitOptions): never {
    throw cannotBlock("send");
  }

  sendBytesSync(..._args: unknown[]): never {
    throw cannotBlock("sendBytes");
  }

  recvSync(_options?: WaitOptions): never {
    throw cannotBlock("recv");
  }

  recvBytesSync(..._args: unknown[]): never {
    throw cannotBlock("recvBytes");
  }

  recvBytesIntoSync(..._args: unknown[]): never {
    throw cannotBlock("recvBytesInto");
  }

  pollSync(_options?: WaitOptions): never {
    throw cannotBlock("poll");
  }

  get closed(): boolean {
    return this.#closed;
  }

  get readable(): boolean {
    return !this.#unreadable;
  }

  get writable(): boolean {
    return true;
  }

  get ready(): boolean {
    return this.#arrived.length > 0 || this.#end !== undefined;
  }

  /** @internal For `connectionWait`. */
  async whenReady(signal: AbortSignal): Promise<void> {
    this.#checkRead();
    if (!this.ready) await this.#wait(Infinity, signal, false);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const waiter of this.#waiters.splice(0)) waiter.fail(closed());
    this.#arrived = [];
    this.#end ??= closed();
    // What was sent still goes out; what comes is of no interest, and must not stop the end from coming.
    this.#socket.end();
    this.#socket.resume();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  toString(): string {
    return `<Connection ${this.#closed ? "closed" : "over a socket"}>`;
  }

  #checkRead(): void {
    if (this.#closed) throw closed();
    if (this.#unreadable) throw new OSError("The connection cannot be read from: a message was longer than maxlength.");
  }

  #checkWrite(): void {
    if (this.#closed) throw closed();
    if (this.#end !== undefined) throw new BrokenPipeError(NOBODY, { cause: this.#end.cause });
  }

  #bytesOf({ kind, content }: Frame): Uint8Array {
    if (kind === FRAME.bytes) return content;
    const value = this.#codec.decode(content);
    if (value instanceof Uint8Array) return value;
    throw new RuntimeError(
      `The message is ${describe(value)} that was sent by send(), not bytes: receive such messages with recv().`,
    );
  }

  /** The socket's chunks become frames, and those go to who waits. */
  #takeIn(): void {
    try {
      for (let frame = this.#frames.next(); frame !== undefined; frame = this.#frames.next()) {
        if (frame.kind !== FRAME.value && frame.kind !== FRAME.bytes)
          throw new OSError(`a message of kind ${frame.kind} came, which does not exist`);
        this.#deliver(frame);
      }
    } catch (error) {
      this.#end ??= error as Error;
      this.#socket.destroy();
      this.#tellEnd();
      return;
    }
    if (this.#arrivedBytes > HIGH_WATER) this.#socket.pause();
  }

  #deliver(frame: Frame): void {
    if (this.#closed) return;
    const receiver = this.#waiters.findIndex(({ takes }) => takes);
    if (receiver >= 0) {
      const [waiter] = this.#waiters.splice(receiver, 1);
      waiter!.done(frame);
      return;
    }
    for (const waiter of this.#waiters.splice(0)) waiter.done(undefined);
    this.#arrived.push(frame);
    this.#arrivedBytes += frame.content.length;
  }

  #finish(cause?: Error): void {
    if (this.#end !== undefined) return;
    this.#end = this.#frames.isInside
      ? new OSError("The connection broke off in the middle of a message.", { cause })
      : new EOFError("The other end is closed, and everything it sent has been received.", { cause });
    this.#tellEnd();
  }

  #tellEnd(): void {
    for (const waiter of this.#waiters.splice(0)) {
      if (waiter.takes) waiter.fail(this.#end);
      else waiter.done(undefined);
    }
  }

  async #next(options: WaitOptions | undefined): Promise<Frame> {
    const deadline = deadlineIn(options);
    options?.signal?.throwIfAborted();
    this.#checkRead();
    const frame = this.#arrived.shift();
    if (frame !== undefined) {
      this.#arrivedBytes -= frame.content.length;
      if (this.#arrivedBytes <= HIGH_WATER && this.#socket.isPaused()) this.#socket.resume();
      return frame;
    }
    if (this.#end !== undefined) throw again(this.#end);
    return (await this.#wait(deadline, options?.signal, true))!;
  }

  #wait(deadline: Deadline, signal: AbortSignal | undefined, takes: boolean): Promise<Frame | undefined> {
    return this.#held(
      new Promise((resolve, reject) => {
        let leave = (): void => undefined;
        const over = (): void => {
          stopTimer();
          leave();
          signal?.removeEventListener("abort", onAbort);
        };
        const waiter: Waiter = {
          takes,
          done(frame) {
            over();
            resolve(frame);
          },
          fail(error) {
            over();
            reject(error as Error);
          },
        };
        const giveUp = (reason: unknown): void => {
          this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
          waiter.fail(reason);
        };
        const onAbort = (): void => giveUp(signal!.reason);
        const start = performance.now();
        const stopTimer = atDeadline(deadline, () =>
          giveUp(new TimeoutError(`Nothing was received for ${Math.round(performance.now() - start)} ms.`)),
        );
        signal?.addEventListener("abort", onAbort, { once: true });
        this.#waiters.push(waiter);
        leave = whenCancelled(takes ? "connection.recv" : "connection.poll", giveUp);
      }),
    );
  }

  async #write(kind: number, content: Uint8Array, deadline: Deadline, signal: AbortSignal | undefined): Promise<void> {
    if (content.length > this.#limit) {
      throw new ValueError(
        `The message has ${content.length} bytes, and ${this.#limit} are the most: raise maxMessageSize on both sides, or ` +
          "send parts.",
      );
    }
    const socket = this.#socket;
    await this.#held(
      new Promise<void>((resolve, reject) => {
        let isOver = false;
        let leave = (): void => undefined;
        const over = (): void => {
          isOver = true;
          stopTimer();
          leave();
          signal?.removeEventListener("abort", onAbort);
        };
        const giveUp = (reason: unknown): void => {
          if (isOver) return;
          over();
          reject(reason as Error);
        };
        const onAbort = (): void => giveUp(signal!.reason);
        const expire = (): void =>
          giveUp(new TimeoutError("The other end does not receive. The message is still on its way."));
        const stopTimer = atDeadline(deadline === 0 ? Infinity : deadline, expire);
        signal?.addEventListener("abort", onAbort, { once: true });
        socket.cork();
        socket.write(frameHeader(kind, content.length));
        // The caller may go on using its bytes.
        socket.write(kind === FRAME.bytes ? content.slice() : content, (cause) => {
          over();
          if (cause === undefined || cause === null) resolve();
          else reject(new BrokenPipeError(NOBODY, { cause }));
        });
        socket.uncork();
        if (socket.writableLength === 0 && socket.writable) {
          // The system has taken it.
          over();
          resolve();
        } else if (deadline === 0) {
          expire();
        } else {
          leave = whenCancelled("connection.send", giveUp);
        }
      }),
    );
  }

  /** The process lives until the promise is settled. */
  async #held<R>(promise: Promise<R>): Promise<R> {
    if (this.#pending++ === 0) this.#socket.ref();
    try {
      return await promise;
    } finally {
      if (--this.#pending === 0) this.#socket.unref();
    }
  }
}

const NOBODY = "The other end is closed: nobody would receive the message.";

function closed(): OSError {
  return new OSError("handle is closed: the connection was closed here.");
}

/** A fresh one each time: it is thrown in more than one place. */
function again(error: Error): Error {
  const constructor = error.constructor as new (message: string, options: ErrorOptions) => Error;
  return new constructor(error.message, { cause: error.cause });
}

function cannotBlock(name: string): RuntimeError {
  return new RuntimeError(
    `${name}Sync cannot block over a socket, which only the event loop can read and write. Use await ${name}() instead.`,
  );
}
