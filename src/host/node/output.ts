/**
 * The output of threads. Node hands a worker's output to the main thread's event loop, where it waits while that blocks,
 * and is lost when the worker is terminated. Here each write goes straight to the file descriptor: at once, in order,
 * and nothing is left to lose.
 *
 * @module
 */

import type { Writable } from "node:stream";
import { sleepFor } from "#atomics";

// Not imported: for an import, Node loads everything such a module could export.
const { fstatSync, writeSync } = process.getBuiltinModule("node:fs");

const FULL_PIPE_PAUSE = 2;

/** Writes all of it, waiting while the pipe is full. A reader that has gone away is no error, as for `console.log`. */
export function writeFully(fd: number, data: string | Uint8Array): void {
  let rest = typeof data === "string" ? Buffer.from(data) : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EPIPE" || code === "EBADF") return;
      if (code !== "EAGAIN") throw error;
      sleepFor(FULL_PIPE_PAUSE);
    }
  }
}

interface WorkerStream extends Writable {
  isTTY?: boolean;
  getColorDepth?(env?: object): number;
  hasColors?(count?: number): boolean;
}

/** Makes a worker's standard streams write straight through. Before its `console` is first used. */
export function redirectOutput(): void {
  redirect("stdout", 1);
  redirect("stderr", 2);
}

/** When it is first used: most threads print nothing, and streams are slow to load. */
function redirect(name: "stdout" | "stderr", fd: number): void {
  const original = Object.getOwnPropertyDescriptor(process, name)!;
  let stream: WorkerStream | undefined;
  Object.defineProperty(process, name, {
    configurable: true,
    enumerable: true,
    get: () => (stream ??= writeThrough(original.get!.call(process) as WorkerStream, fd)),
  });
}

/** The stream object stays Node's own, which its internals talk to; only what it does with the data changes. */
function writeThrough(stream: WorkerStream, fd: number): WorkerStream {
  stream._write = (chunk: string | Uint8Array, encoding, done) => {
    writeFully(fd, typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
    done();
  };
  stream._writev = (chunks, done) => {
    for (const { chunk, encoding } of chunks as { chunk: string | Uint8Array; encoding: BufferEncoding }[]) {
      writeFully(fd, typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
    }
    done();
  };
  if (!isTerminal(fd)) return stream;
  const { WriteStream } = process.getBuiltinModule("node:tty");
  stream.isTTY = true;
  stream.getColorDepth = (env) => WriteStream.prototype.getColorDepth.call(stream as never, env);
  stream.hasColors = (count) => WriteStream.prototype.hasColors.call(stream as never, count as number);
  return stream;
}

function isTerminal(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && process.getBuiltinModule("node:tty").isatty(fd);
  } catch {
    return false;
  }
}
