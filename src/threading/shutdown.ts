/**
 * How a program, or a thread with threads of its own, comes to its end.
 *
 * As in Python: when the main module has nothing left to do, the main thread counts as ended; then all threads that are
 * not daemons are waited for, also those started meanwhile; then the process exits. A worker does the same for the
 * threads it started, which could not outlive it.
 *
 * @module
 */

import { host } from "#host";
import { load } from "#atomics";
import { ADDRESS } from "../core/handles.ts";
import { ENDED, PROGRAM, RECORD, THREAD } from "../core/layout.ts";
import { memory, parker, program } from "../core/program.ts";
import { setEvent } from "../core/raw/event.ts";
import { enumerate } from "./current.ts";
import { report } from "./excepthook.ts";
import { JOIN_WAIT } from "./outcome.ts";
import type { Thread } from "./thread.ts";

/** How long an error waits for somebody to join its thread. Milliseconds. */
const CLAIM_WITHIN = 1000;

/** Threads started here that have not ended and that this thread must not leave behind. */
const started: Set<Thread> = new Set();
/** Ended with an error that nobody has taken yet, and how to read it. */
const unclaimed: Map<Thread, () => unknown> = new Map();

export function began(thread: Thread): void {
  started.add(thread);
}

/** A thread started here has ended. `error` reads what ended it, if that was an error. */
export function finished(thread: Thread, error: (() => unknown) | undefined): void {
  started.delete(thread);
  if (error === undefined || isClaimed(thread)) return;
  unclaimed.set(thread, error);
  const timer = setTimeout(() => reportOne(thread), CLAIM_WITHIN) as unknown as { unref?(): void };
  timer.unref?.();
}

function isClaimed(thread: Thread): boolean {
  return load(memory.words, thread[ADDRESS] + THREAD.joined) !== 0;
}

function reportOne(thread: Thread): void {
  const error = unclaimed.get(thread);
  unclaimed.delete(thread);
  if (error !== undefined && !isClaimed(thread)) report(thread, error());
}

function reportAll(): void {
  for (const thread of [...unclaimed.keys()]) reportOne(thread);
}

/** Those this thread waits for before it ends. */
function awaited(): Thread[] {
  if (!program.isMain) return [...started];
  return enumerate().filter((thread) => !thread.daemon && thread.ident !== memory.self);
}

let waiting = false;

async function idle(): Promise<void> {
  if (waiting) return;
  if (program.isMain) {
    const main = load(memory.words, PROGRAM.mainRecord + RECORD.object);
    if (load(memory.words, main + THREAD.flag) === ENDED.no) setEvent(memory, main, ENDED.returned);
  }
  waiting = true;
  try {
    // An async wait keeps the process alive.
    for (let left = awaited(); left.length > 0; left = awaited()) {
      for (const thread of left) await parker.wait(JOIN_WAIT, thread[ADDRESS], thread, Infinity);
    }
  } finally {
    waiting = false;
  }
  reportAll();
}

host.onIdle(() => void idle());
host.onExit(reportAll);
