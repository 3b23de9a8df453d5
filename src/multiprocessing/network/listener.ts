/**
 * Listener: where other programs connect to.
 *
 * @module
 */

import type { Server, Socket } from "node:net";
import { atDeadline, deadlineIn, describe, type WaitOptions } from "../../core/deadline.ts";
import { FileExistsError, OSError, RuntimeError, TimeoutError, ValueError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import { type Address, checkedAddress, checkedKey, checkedLimit, type Family, newPath, optionsFor } from "./address.ts";
import { whenCancelled } from "./cancellation.ts";
import { welcome } from "./handshake.ts";
import { SocketConnection } from "./socket-connection.ts";

export interface ListenerOptions {
  /** Only clients with the same key are accepted, and only if this listener has theirs. */
  authkey?: Uint8Array | undefined;
  /** How many connections may wait to be accepted. Default: 128. */
  backlog?: number | undefined;
  /** What to listen on if no address is given. Default: a Unix socket; on Windows TCP. */
  family?: Family | undefined;
  /** The most bytes of one message, sent or received. Default: 256 MiB. */
  maxMessageSize?: number | undefined;
}

interface Accepter {
  done(connection: Connection): void;
  fail(error: unknown): void;
}

type Arrival = { readonly connection: SocketConnection; readonly from: Address } | { readonly error: unknown };

/**
 * Waits for connections from other programs, over a Unix socket or TCP.
 *
 * Use it where the other side was not started from here: for processes of one's own, a {@link Pipe} is simpler and many
 * times faster.
 *
 * ```ts
 * import { Client, Listener } from "heddle/multiprocessing";
 *
 * const authkey = new TextEncoder().encode("a secret that both have");
 * using listener = await new Listener(["127.0.0.1", 0], { authkey }).listening();
 * // In another program: const connection = await Client(address, { authkey });
 * const client = Client(listener.address, { authkey });
 * using connection = await listener.accept();
 * await connection.send({ hello: "world" });
 * await (await client).recv(); // { hello: "world" }
 * ```
 *
 * With an `authkey` both sides prove that they know it (HMAC-SHA256 of fresh nonces), without telling it. What follows is
 * neither signed nor encrypted: over a network that others can change, use a tunnel. Only data is received: no function,
 * class or shared object is ever made from what another program sends.
 *
 * **Blocking.** There are no blocking forms. `accept` keeps the process alive, a listener that nobody waits at does not.
 *
 * **Differs from Python.** Connections are made, and proved, before they are accepted: one that dawdles does not keep the
 * others waiting. The address of port 0 is known once {@link listening} resolves.
 *
 * Errors: `OSError` when the address is taken (`FileExistsError` for a path) or the listener closed,
 * `AuthenticationError` from `accept` for a client with another key; the next `accept` goes on.
 */
export class Listener implements Disposable, AsyncDisposable {
  readonly #server: Server;
  readonly #key: Uint8Array | undefined;
  readonly #limit: number;
  readonly #backlog: number;
  readonly #arrived: Arrival[] = [];
  readonly #accepters: Accepter[] = [];
  readonly #bound: Promise<void>;
  readonly #shaking: Set<Socket> = new Set();
  #address: Address;
  #isBound = false;
  #failure: OSError | undefined;
  #closed = false;
  #lastAccepted: Address | undefined;

  /** Begins to listen. Without an address: at a path of its own, that only this user can reach. */
  constructor(address?: Address, options: ListenerOptions = {}) {
    if (typeof options !== "object" || options === null) {
      throw new TypeError(`options must be an object such as { authkey }, not ${describe(options)}`);
    }
    const { backlog = 128 } = options;
    if (typeof backlog !== "number") throw new TypeError(`backlog must be a number, not ${describe(backlog)}`);
    if (!Number.isInteger(backlog) || backlog < 1) throw new ValueError(`backlog must be 1 or more, not ${backlog}`);
    this.#backlog = backlog;
    this.#key = checkedKey(options.authkey);
    this.#limit = checkedLimit(options.maxMessageSize);
    checkFamily(options.family, address);
    this.#address = address === undefined ? ownAddress(options.family) : checkedAddress(address);
    const { createServer } = process.getBuiltinModule("node:net");
    this.#server = createServer({ noDelay: true }, (socket) => void this.#welcome(socket));
    this.#bound = new Promise((resolve, reject) => {
      this.#server.once("listening", () => {
        this.#isBound = true;
        const bound = this.#server.address();
        if (typeof this.#address !== "string" && typeof bound === "object" && bound !== null) {
          this.#address = [this.#address[0], bound.port];
        }
        resolve();
      });
      this.#server.on("error", (cause: NodeJS.ErrnoException) => {
        this.#failure = cannotListen(this.#address, cause);
        this.close();
        reject(this.#failure);
      });
    });
    // Told by `listening` and `accept`, if anybody asks.
    this.#bound.catch(() => undefined);
    this.#server.listen({ ...optionsFor(this.#address), backlog });
    this.#server.unref();
  }

  /** Resolves once others can connect. Errors: `OSError` if the address is taken, or does not exist. */
  async listening(): Promise<this> {
    await this.#keepAlive(this.#bound);
    return this;
  }

  /** Waits for the next connection. */
  async accept(options?: WaitOptions): Promise<Connection> {
    const deadline = deadlineIn(options);
    const signal = options?.signal;
    signal?.throwIfAborted();
    if (!this.#isBound) {
      await this.listening();
      signal?.throwIfAborted();
    }
    const arrival = this.#arrived.shift();
    if (arrival !== undefined) {
      if ("error" in arrival) throw arrival.error;
      return this.#accepted(arrival);
    }
    if (this.#closed) throw closed();
    return await this.#keepAlive(
      new Promise<Connection>((resolve, reject) => {
        let leave = (): void => undefined;
        const over = (): void => {
          stopTimer();
          leave();
          signal?.removeEventListener("abort", onAbort);
        };
        const accepter: Accepter = {
          done(connection) {
            over();
            resolve(connection);
          },
          fail(error) {
            over();
            reject(error as Error);
          },
        };
        const giveUp = (reason: unknown): void => {
          this.#accepters.splice(this.#accepters.indexOf(accepter), 1);
          accepter.fail(reason);
        };
        const onAbort = (): void => giveUp(signal!.reason);
        const stopTimer = atDeadline(deadline, () =>
          giveUp(new TimeoutError(`Nobody has connected within ${options?.timeout} ms.`)),
        );
        signal?.addEventListener("abort", onAbort, { once: true });
        this.#accepters.push(accepter);
        leave = whenCancelled("listener.accept", giveUp);
      }),
    );
  }

  /** Where it listens. Errors: `RuntimeError` if that is not known yet. */
  get address(): Address {
    if (!this.#isBound && typeof this.#address !== "string" && this.#address[1] === 0) {
      throw new RuntimeError("The port is not known yet: await listener.listening() first.");
    }
    return this.#address;
  }

  /** Where the last connection came from that was accepted: "" for a Unix socket. `undefined`: there was none. */
  get lastAccepted(): Address | undefined {
    return this.#lastAccepted;
  }

  /** Nobody can connect any more; connections that were accepted go on. May be called again. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#server.close();
    for (const socket of this.#shaking) socket.destroy();
    for (const arrival of this.#arrived.splice(0)) if ("connection" in arrival) arrival.connection.close();
    for (const accepter of this.#accepters.splice(0)) accepter.fail(this.#failure ?? closed());
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  toString(): string {
    const { [0]: host, [1]: port } = this.#address as readonly [string, number];
    return `<Listener ${typeof this.#address === "string" ? this.#address : `${host}:${port}`}${this.#closed ? " closed" : ""}>`;
  }

  async #welcome(socket: Socket): Promise<void> {
    socket.on("error", () => undefined);
    // Whoever never answers must not cost more than those who do.
    if (this.#closed || this.#arrived.length + this.#shaking.size >= this.#backlog) {
      socket.destroy();
      return;
    }
    this.#shaking.add(socket);
    const from: Address = typeof this.#address === "string" ? "" : [socket.remoteAddress ?? "", socket.remotePort ?? 0];
    let arrival: Arrival;
    try {
      const frames = await welcome(socket, this.#key);
      arrival = { connection: new SocketConnection(socket, frames, this.#limit), from };
    } catch (error) {
      arrival = { error };
    } finally {
      this.#shaking.delete(socket);
    }
    if (this.#closed) {
      if ("connection" in arrival) arrival.connection.close();
      return;
    }
    const accepter = this.#accepters.shift();
    if (accepter === undefined) this.#arrived.push(arrival);
    else if ("error" in arrival) accepter.fail(arrival.error);
    else accepter.done(this.#accepted(arrival));
  }

  #accepted({ connection, from }: Exclude<Arrival, { error: unknown }>): Connection {
    this.#lastAccepted = from;
    return connection;
  }

  #waits = 0;

  async #keepAlive<R>(wait: Promise<R>): Promise<R> {
    if (this.#waits++ === 0) this.#server.ref();
    try {
      return await wait;
    } finally {
      if (--this.#waits === 0) this.#server.unref();
    }
  }
}

function ownAddress(family: Family | undefined): Address {
  return family === "AF_INET" || process.platform === "win32" ? ["127.0.0.1", 0] : newPath();
}

function checkFamily(family: unknown, address: Address | undefined): void {
  if (family === undefined) return;
  if (family === "AF_PIPE" && process.platform !== "win32") {
    throw new ValueError("family AF_PIPE exists on Windows only: use AF_UNIX");
  }
  if (family !== "AF_UNIX" && family !== "AF_INET") {
    throw new ValueError(`family must be "AF_UNIX" or "AF_INET", not ${describe(family)}`);
  }
  if (address !== undefined && (typeof address === "string") !== (family === "AF_UNIX")) {
    throw new ValueError(`address is not of family ${family}: leave family out, it follows from the address`);
  }
}

function closed(): OSError {
  return new OSError("listener is closed: make another one.");
}

function cannotListen(address: Address, cause: NodeJS.ErrnoException): OSError {
  const where = typeof address === "string" ? address : `${address[0]}:${address[1]}`;
  if (cause.code === "EADDRINUSE" && typeof address === "string") {
    return new FileExistsError(
      `Cannot listen at ${where}: the file exists. Another listener is there, or was and was killed; then remove the file.`,
      { cause },
    );
  }
  const advice =
    cause.code === "EADDRINUSE" ? " Another program listens there: take another port, or 0 for a free one." : "";
  return new OSError(`Cannot listen at ${where}: ${cause.message}.${advice}`, { cause });
}
