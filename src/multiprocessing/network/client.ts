/**
 * Client: connects to a Listener.
 *
 * @module
 */

import type { Socket } from "node:net";
import { atDeadline, deadlineIn, type WaitOptions } from "../../core/deadline.ts";
import { FileNotFoundError, OSError, TimeoutError } from "../../errors.ts";
import type { Connection } from "../connection.ts";
import { type Address, checkedAddress, checkedKey, checkedLimit, optionsFor } from "./address.ts";
import { whenCancelled } from "./cancellation.ts";
import { introduce } from "./handshake.ts";
import { SocketConnection } from "./socket-connection.ts";

export interface ClientOptions extends WaitOptions {
  /** The key that the listener has. */
  authkey?: Uint8Array | undefined;
  /** The most bytes of one message, sent or received. Default: 256 MiB. */
  maxMessageSize?: number | undefined;
}

/**
 * Connects to the {@link Listener} at the address: the path of a Unix socket, or `[host, port]`.
 *
 * ```ts
 * import { Client } from "heddle/multiprocessing";
 *
 * using connection = await Client(["127.0.0.1", 6000], { authkey, timeout: 5000 });
 * await connection.send({ hello: "world" });
 * ```
 *
 * Errors: `AuthenticationError` if the keys differ, or only one side has one; `OSError` if nobody listens there
 * (`FileNotFoundError` if there is no such path); `TimeoutError`.
 */
export async function Client<T = unknown>(address: Address, options?: ClientOptions): Promise<Connection<T>> {
  const deadline = deadlineIn(options);
  const signal = options?.signal;
  signal?.throwIfAborted();
  const where = checkedAddress(address);
  const key = checkedKey(options?.authkey);
  const limit = checkedLimit(options?.maxMessageSize);
  const { connect } = process.getBuiltinModule("node:net");
  const socket = connect({ ...optionsFor(where), noDelay: true });
  let over: { readonly reason: unknown } | undefined;
  const giveUp = (reason: unknown): void => {
    over ??= { reason };
    socket.destroy();
  };
  const onAbort = (): void => giveUp(signal!.reason);
  const stopTimer = atDeadline(deadline, () =>
    giveUp(new TimeoutError(`No connection within ${options?.timeout} ms.`)),
  );
  signal?.addEventListener("abort", onAbort, { once: true });
  const leave = whenCancelled("Client", giveUp);
  try {
    await connected(socket, where);
    return new SocketConnection<T>(socket, await introduce(socket, key), limit);
  } catch (error) {
    socket.destroySoon();
    throw over === undefined ? error : over.reason;
  } finally {
    stopTimer();
    leave();
    signal?.removeEventListener("abort", onAbort);
  }
}

function connected(socket: Socket, where: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("connect", () => resolve());
    socket.on("error", (cause: NodeJS.ErrnoException) => {
      const message = `Cannot connect to ${typeof where === "string" ? where : where.join(":")}: ${cause.message}.`;
      reject(
        cause.code === "ENOENT"
          ? new FileNotFoundError(`${message} No listener has made it yet.`, { cause })
          : new OSError(message, { cause }),
      );
    });
    // Destroyed by whoever gave up: without an error.
    socket.once("close", () => reject(new OSError("The connection was closed before it was made.")));
  });
}
