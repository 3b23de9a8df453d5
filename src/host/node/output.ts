/**
 * The output of threads. Node hands a worker's output to the main thread's event loop, where it waits while that blocks,
 * and is lost when the worker is terminated. Here each write goes straight to the file descriptor: at once, in order,
 * and nothing is left to lose.
 *
 * @module
 */

import { writeSync } from "node:fs";
import type { Writable } from "node:stream";
import { isatty, WriteStream } from "node:tty";
import { sleepFor } from "#atomics";

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
  redirect(process.stdout as WorkerStream, 1);
  redirect(process.stderr as WorkerStream, 2);
}

/** The stream object stays Node's own, which its internals talk to; only what it does with the data changes. */
function redirect(stream: WorkerStream, fd: number): void {
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
  if (!isatty(fd)) return;
  stream.isTTY = true;
  stream.getColorDepth = (env) => WriteStream.prototype.getColorDepth.call(stream as never, env);
  stream.hasColors = (count) => WriteStream.prototype.hasColors.call(stream as never, count as number);
}
