/**
 * How the two sides of a new connection make sure of each other.
 *
 * ```
 *   listener                                              client
 *      │ ── "heddle", version, has a key?, nonce L ────────► │
 *      │ ◄─ has a key?, nonce C, HMAC(key, "client" L C) ─── │
 *      │ ── yes or no, HMAC(key, "server" L C) ────────────► │
 *      │ ◄─ yes or no ────────────────────────────────────── │
 * ```
 * HMAC is HMAC-SHA256. Each side proves that it knows the key, and neither learns it. What is signed names the side that
 * signs, and both nonces: an answer cannot be sent back to whoever gave it, nor be used a second time. Both sides have a
 * key, or neither; no side ever does without because the other asks it to.
 *
 * What is sent afterwards is neither signed nor secret.
 *
 * @module
 */

import type Crypto from "node:crypto";
import type { Socket } from "node:net";
import { AuthenticationError, OSError } from "../../errors.ts";
import { FRAME, type Frame, frameHeader, FrameReader } from "./frames.ts";

const MAGIC = Buffer.from("heddle");
const VERSION = 1;
const NONCE = 32;
const MAC = 32;
/** The longest part. Nobody may make us keep more before it has proved anything. */
const LIMIT = 128;
/** Milliseconds. */
export const HANDSHAKE_TIMEOUT = 10_000;

const NO = 0;
const YES = 1;

/** Loaded when it is first needed: most processes do without. */
const crypto = (): typeof Crypto => process.getBuiltinModule("node:crypto");

/** The side of the listener. Resolves to what reads the frames that follow. */
export async function welcome(socket: Socket, key: Uint8Array | undefined): Promise<FrameReader> {
  using talk = new Talk(socket);
  const { randomBytes, timingSafeEqual } = crypto();
  const ours = randomBytes(NONCE);
  talk.say(Buffer.concat([MAGIC, Buffer.of(VERSION, key === undefined ? NO : YES), ours]));
  const answer = await talk.hear(1 + NONCE + MAC);
  const theirs = answer.subarray(1, 1 + NONCE);
  const accepted =
    answer[0] === (key === undefined ? NO : YES) &&
    (key === undefined || timingSafeEqual(answer.subarray(1 + NONCE), proof(key, "client", ours, theirs)));
  talk.say(
    Buffer.concat([
      Buffer.of(accepted ? YES : NO),
      accepted ? proofOr(key, "server", ours, theirs) : Buffer.alloc(MAC),
    ]),
  );
  if (!accepted) throw refused(key, answer[0] === YES, "client");
  const [verdict] = await talk.hear(1);
  if (verdict !== YES) throw new AuthenticationError("The client did not accept this listener: their keys differ.");
  return talk.done();
}

/** The side of the client. */
export async function introduce(socket: Socket, key: Uint8Array | undefined): Promise<FrameReader> {
  using talk = new Talk(socket);
  const hello = await talk.hear(MAGIC.length + 2 + NONCE);
  if (!MAGIC.equals(hello.subarray(0, MAGIC.length)) || hello[MAGIC.length] !== VERSION) {
    throw new OSError("The other side is no heddle Listener of this version.");
  }
  const demands = hello[MAGIC.length + 1] === YES;
  const theirs = hello.subarray(MAGIC.length + 2);
  const { randomBytes, timingSafeEqual } = crypto();
  const ours = randomBytes(NONCE);
  talk.say(Buffer.concat([Buffer.of(key === undefined ? NO : YES), ours, proofOr(key, "client", theirs, ours)]));
  const answer = await talk.hear(1 + MAC);
  const accepted =
    answer[0] === YES &&
    demands === (key !== undefined) &&
    (key === undefined || timingSafeEqual(answer.subarray(1), proof(key, "server", theirs, ours)));
  talk.say(Buffer.of(accepted ? YES : NO));
  if (!accepted) throw refused(key, demands, "listener");
  return talk.done();
}

function proof(key: Uint8Array, side: string, listener: Uint8Array, client: Uint8Array): Buffer {
  return crypto()
    .createHmac("sha256", key)
    .update(`heddle ${VERSION} ${side} `)
    .update(listener)
    .update(client)
    .digest();
}

function proofOr(key: Uint8Array | undefined, side: string, listener: Uint8Array, client: Uint8Array): Buffer {
  return key === undefined ? Buffer.alloc(MAC) : proof(key, side, listener, client);
}

function refused(key: Uint8Array | undefined, theyHaveKey: boolean, other: string): AuthenticationError {
  if (key === undefined) return new AuthenticationError(`The ${other} demands an authkey, and none was given here.`);
  if (!theyHaveKey) return new AuthenticationError(`The ${other} has no authkey, and one is demanded here.`);
  return new AuthenticationError("digest received was wrong: the two sides have different authkeys.");
}

/** Handshake frames, one after the other, for a limited time. */
class Talk implements Disposable {
  readonly #socket: Socket;
  readonly #frames = new FrameReader(LIMIT);
  readonly #timer: NodeJS.Timeout;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;
  #done = false;
  readonly #onData = (chunk: Uint8Array): void => {
    this.#frames.add(chunk);
    this.#wake();
  };
  readonly #onEnd = (): void => this.#fail(new OSError("The other side broke off before the connection was made."));
  readonly #onError = (cause: Error): void =>
    this.#fail(new OSError(`The connection failed before it was made: ${cause.message}`, { cause }));

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#timer = setTimeout(
      () => this.#fail(new OSError(`The other side did not answer for ${HANDSHAKE_TIMEOUT} ms.`)),
      HANDSHAKE_TIMEOUT,
    );
    this.#timer.unref();
    socket.on("data", this.#onData).on("end", this.#onEnd).on("close", this.#onEnd).on("error", this.#onError);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }

  say(content: Uint8Array): void {
    this.#socket.write(Buffer.concat([frameHeader(FRAME.handshake, content.length), content]));
  }

  async hear(size: number): Promise<Buffer> {
    for (;;) {
      let frame: Frame | undefined;
      try {
        frame = this.#frames.next();
      } catch (cause) {
        throw new AuthenticationError("The other side does not answer as a heddle connection does.", { cause });
      }
      if (frame !== undefined) {
        if (frame.kind !== FRAME.handshake || frame.content.length !== size) {
          throw new AuthenticationError("The other side does not answer as a heddle connection does.");
        }
        return Buffer.from(frame.content.buffer);
      }
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The connection is made. Nothing is read until somebody listens again. */
  done(): FrameReader {
    this.#done = true;
    this.#socket.pause();
    return this.#frames;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    socket.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onEnd).off("error", this.#onError);
    if (this.#done) return;
    // The other side still hears why; it has as long as the handshake would have had.
    socket.end(() => socket.destroySoon());
  }
}
