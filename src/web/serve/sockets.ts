/**
 * Listening sockets that belong to the server, not to the workers that accept from them.
 *
 * The server makes a socket for each worker thread and never accepts from it; worker processes inherit it. While one
 * worker is replaced by another, connections wait in the socket, and none is refused. With `SO_REUSEPORT` the kernel
 * spreads connections evenly over the sockets of one port; where that does not work (Node before 22.12, some systems)
 * all workers share a single socket.
 *
 * @module
 */

import { once } from "node:events";
import { lookup } from "node:dns/promises";
import net from "node:net";
import { getSystemErrorMap } from "node:util";
import { RuntimeError } from "../../errors.ts";

/** A bound socket, as `node:cluster` makes it for its workers. */
interface Handle {
  readonly fd: number;
  listen(backlog: number): number;
  getsockname(out: object): number;
  close(): void;
}

type CreateHandle = (address: string, port: number, family: 4 | 6, fd: null, flags: number) => Handle | number;

// Node exports it for its own cluster module, and has since its first versions.
const createHandle = (net as unknown as { _createServerHandle?: CreateHandle })._createServerHandle;

const REUSE_PORT = 2;

export interface Sockets {
  readonly port: number;
  readonly address: string;
  readonly family: 4 | 6;
  /** Has each worker thread a socket of its own? */
  readonly spread: boolean;
  /** File descriptors, as many as were asked for. */
  readonly fds: readonly number[];
  close(): void;
}

/** A name's address, so that every worker listens on the same. */
export async function resolveHost(host: string): Promise<{ address: string; family: 4 | 6 }> {
  try {
    const { address, family } = await lookup(host);
    return { address, family: family === 6 ? 6 : 4 };
  } catch (error) {
    throw new RuntimeError(`cannot listen on ${host}: it is not the name or address of this machine`, { cause: error });
  }
}

/** Can processes inherit listening sockets here? */
export function canInherit(): boolean {
  return createHandle !== undefined && process.platform !== "win32";
}

function bind(address: string, family: 4 | 6, port: number, flags: number): Handle {
  const handle = createHandle!(address, port, family, null, flags);
  if (typeof handle === "number") throw cannotListen(address, port, handle);
  if (handle.fd < 0) {
    handle.close();
    throw cannotListen(address, port, handle.fd);
  }
  return handle;
}

export function cannotListen(address: string, port: number, errno: number): RuntimeError {
  const [code, text] = getSystemErrorMap().get(errno) ?? [`error ${errno}`, "unknown"];
  const advice =
    code === "EADDRINUSE"
      ? `port ${port} is in use: stop what listens there, or choose another port (0: any free one)`
      : code === "EACCES"
        ? `not allowed to use port ${port}: choose one above 1023`
        : `${code}: ${text}`;
  return new RuntimeError(`cannot listen on ${address}:${port}: ${advice}`, { cause: new Error(`listen ${code}`) });
}

function portOf(handle: Handle): number {
  const name: { port?: number } = {};
  handle.getsockname(name);
  return name.port ?? 0;
}

/** Makes sockets for `count` worker threads. */
export function openSockets(address: string, family: 4 | 6, port: number, count: number): Sockets {
  // With SO_REUSEPORT a second server of the same user would silently share the port; one without it is refused.
  const first = bind(address, family, port, 0);
  const refused = first.listen(1);
  if (refused !== 0) {
    first.close();
    throw cannotListen(address, port, refused);
  }
  const chosen = portOf(first);
  first.close();
  const spread = canSpread(address, family);
  const handles: Handle[] = [];
  try {
    for (let i = 0; i < (spread ? count : 1); i++) {
      handles.push(bind(address, family, chosen, spread ? REUSE_PORT : 0));
    }
  } catch (error) {
    for (const handle of handles) handle.close();
    throw error;
  }
  return {
    port: chosen,
    address,
    family,
    spread,
    fds: Array.from({ length: count }, (_, i) => handles[i % handles.length]!.fd),
    close: () => {
      for (const handle of handles) handle.close();
    },
  };
}

/** Can two sockets listen on one port? Tried, since some versions of Node ignore the flag without a word. */
function canSpread(address: string, family: 4 | 6): boolean {
  const handles: Handle[] = [];
  try {
    const one = bind(address, family, 0, REUSE_PORT);
    handles.push(one);
    if (one.listen(1) !== 0) return false;
    const two = bind(address, family, portOf(one), REUSE_PORT);
    handles.push(two);
    return two.listen(1) === 0;
  } catch {
    return false;
  } finally {
    for (const handle of handles) handle.close();
  }
}

/** A port that nobody listens on. */
export async function freePort(address: string): Promise<number> {
  const server = net.createServer().listen(0, address);
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
