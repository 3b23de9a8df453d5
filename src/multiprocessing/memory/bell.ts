/**
 * The doorbell of a thread's event loop, for threads of other processes: a pipe. Its owner's loop watches one end, like
 * any other stream; whoever rings opens the other through /proc, writes a byte, and keeps it open for the next time.
 *
 * @module
 */

import { load, store } from "#atomics";
import { RECORD } from "../../core/layout.ts";
import type { Memory } from "../../core/memory.ts";
import { native } from "./native.ts";

const { closeSync, constants, fstatSync, openSync, writeSync } = process.getBuiltinModule("node:fs");

/** The end that a thread listens to. */
export class Bell {
  #waiting: (() => void)[] = [];

  private constructor(descriptor: number) {
    // Loaded when it is needed: what only blocks has no bell.
    const { Socket } = process.getBuiltinModule("node:net");
    const options = {
      fd: descriptor,
      readable: true,
      writable: false,
      // Into memory of its own: a stream makes a new buffer of 64 KiB for whatever it reads.
      onread: {
        buffer: new Uint8Array(64),
        callback: () => {
          const waiting = this.#waiting;
          this.#waiting = [];
          for (const wake of waiting) wake();
          return true;
        },
      },
    };
    const stream = new Socket(options);
    stream.resume();
    // Who waits keeps the process alive by other means.
    stream.unref();
  }

  /** Hangs up the calling thread's bell, in its record. */
  static open(memory: Memory): Bell {
    const [read, write] = native().pipe();
    const bell = new Bell(read);
    store(memory.words, memory.record + RECORD.bellFile, fileNumber(write));
    store(memory.words, memory.record + RECORD.bell, write + 1);
    return bell;
  }

  /** Resolves when it rings next; also for a ring that nobody waited for. */
  rung(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

const opened: Map<number, { readonly tid: number; readonly descriptor: number }> = new Map();
const RING = new Uint8Array(1);

/** Rings at the thread that uses the record, if it still exists. */
export function ringBell(memory: Memory, record: number): void {
  const tid = load(memory.words, record + RECORD.tid);
  const known = opened.get(record);
  if (known !== undefined && known.tid !== tid) {
    closeSync(known.descriptor);
    opened.delete(record);
  }
  const descriptor = known?.tid === tid ? known.descriptor : openBell(memory, record);
  // The thread is gone: whoever finds that out wakes those who must know.
  if (descriptor === undefined) return;
  opened.set(record, { tid, descriptor });
  try {
    writeSync(descriptor, RING);
  } catch {
    // Full: it has been rung often enough. Broken: nobody listens any more.
  }
}

function openBell(memory: Memory, record: number): number | undefined {
  const path = `/proc/${load(memory.words, record + RECORD.pid)}/fd/${load(memory.words, record + RECORD.bell) - 1}`;
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  // Of a thread that ended, the number may stand for any other file of its process by now.
  if (fileNumber(descriptor) === load(memory.words, record + RECORD.bellFile)) return descriptor;
  closeSync(descriptor);
  return undefined;
}

/** The low bits of what tells a pipe from any other file. */
function fileNumber(descriptor: number): number {
  const found = fstatSync(descriptor);
  return found.isFIFO() ? found.ino % 2 ** 30 : -1;
}
