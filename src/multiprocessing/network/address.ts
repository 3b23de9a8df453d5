/**
 * Where a listener can be found: a path (a Unix socket), or a host and a port (TCP).
 *
 * @module
 */

import { isMainThread } from "node:worker_threads";
import { describe } from "../../core/deadline.ts";
import { ValueError } from "../../errors.ts";
import { startOf } from "../memory/presence.ts";

const { chmodSync, lstatSync, mkdirSync, readdirSync, readlinkSync, rmSync } = process.getBuiltinModule("node:fs");
const { tmpdir } = process.getBuiltinModule("node:os");

/** The path of a Unix socket, or host and port. */
export type Address = string | readonly [host: string, port: number];

export type Family = "AF_UNIX" | "AF_INET";

/** The longest path that a socket can have. */
const LONGEST_PATH = 107;

export function checkedAddress(address: unknown): Address {
  if (typeof address === "string") {
    if (address.startsWith("\\\\.\\pipe\\") && process.platform !== "win32") {
      throw new ValueError(
        `address ${address} is a named pipe, which only Windows has: give the path of a Unix socket`,
      );
    }
    if (address === "" || address.includes("\0")) throw new ValueError("address is no path of a socket");
    if (Buffer.byteLength(address) > LONGEST_PATH && process.platform !== "win32") {
      throw new ValueError(
        `address has ${Buffer.byteLength(address)} bytes; ${LONGEST_PATH} are the most for a Unix socket`,
      );
    }
    return address;
  }
  if (Array.isArray(address) && address.length === 2 && typeof address[0] === "string") {
    const [host, port] = address as [string, unknown];
    if (typeof port !== "number") throw new TypeError(`address: port must be a number, not ${describe(port)}`);
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new ValueError(`address: port ${port} does not exist`);
    return [host, port];
  }
  throw new TypeError(`address must be the path of a socket or [host, port], not ${describe(address)}`);
}

/** As Node wants it. */
export function optionsFor(address: Address): { path: string } | { host: string; port: number } {
  return typeof address === "string" ? { path: address } : { host: address[0], port: address[1] };
}

export function checkedKey(key: unknown): Uint8Array | undefined {
  if (key === undefined) return undefined;
  if (!(key instanceof Uint8Array)) {
    const hint = typeof key === "string" ? ": new TextEncoder().encode(text)" : "";
    throw new TypeError(`authkey must be a Uint8Array, not ${describe(key)}${hint}`);
  }
  if (key.length === 0) throw new ValueError("authkey is empty, which protects nothing: give 16 random bytes or more");
  // What the caller does with its own does not change it.
  return key.slice();
}

export function checkedLimit(maxMessageSize: unknown): number {
  if (maxMessageSize === undefined) return DEFAULT_LIMIT;
  if (typeof maxMessageSize !== "number") {
    throw new TypeError(`maxMessageSize must be a number of bytes, not ${describe(maxMessageSize)}`);
  }
  if (!Number.isInteger(maxMessageSize) || maxMessageSize < 1 || maxMessageSize > LARGEST_LIMIT) {
    throw new ValueError(
      `maxMessageSize must be a whole number of bytes from 1 to ${LARGEST_LIMIT}, not ${maxMessageSize}`,
    );
  }
  return maxMessageSize;
}

const DEFAULT_LIMIT = 256 * 2 ** 20;
/** What the length in front of a message can say, and one buffer hold everywhere. */
const LARGEST_LIMIT = 2 ** 31 - 1;

const OWN = /^heddle-(\w+)-(\d+)-(\d+)$/;
let directory: string | undefined;
let sockets = 0;

/**
 * A path that no other listener has, in a directory that only this user can enter. The directories of processes that were
 * killed are removed.
 */
export function newPath(): string {
  if (directory === undefined) {
    removeOrphans();
    directory = ownDirectory();
    // Threads of this process may have made it.
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    chmodSync(directory, 0o700);
  }
  const thread = readThread();
  return `${directory}/listener-${thread}-${sockets++}`;
}

/** Of all threads of this process. */
function ownDirectory(): string {
  return `${tmpdir()}/heddle-${scope()}-${process.pid}-${startOf(process.pid, process.pid) ?? 0}`;
}

// With the process, whatever threads of it have listened: one that ends must leave the others theirs. Its own socket goes
// with it anyway.
if (isMainThread) process.on("exit", () => rmSync(ownDirectory(), { recursive: true, force: true }));

function readThread(): string {
  try {
    return readlinkSync("/proc/thread-self").split("/").pop()!;
  } catch {
    const { createHash } = process.getBuiltinModule("node:crypto");
    return createHash("sha256").update(String(performance.timeOrigin)).digest("hex").slice(0, 8);
  }
}

/** Process numbers mean something among the processes of one user in one container. */
function scope(): string {
  let namespace = "";
  try {
    namespace = readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  } catch {
    // There are none on this system.
  }
  return `${process.getuid?.() ?? 0}x${namespace}`;
}

function removeOrphans(): void {
  if (process.platform !== "linux") return;
  for (const file of readdirSync(tmpdir())) {
    const match = OWN.exec(file);
    if (match === null || match[1] !== scope()) continue;
    const path = `${tmpdir()}/${file}`;
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined || !found.isDirectory() || found.uid !== process.getuid!()) continue;
    const pid = Number(match[2]);
    if (startOf(pid, pid) !== Number(match[3])) rmSync(path, { recursive: true, force: true });
  }
}
