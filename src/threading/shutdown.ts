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
import { hasOutcome, JOIN_WAIT } from "./outcome.ts";
import type { Thread } from "./thread.ts";

/** How long an error waits for somebody to join its thread. Milliseconds. */
const CLAIM_WITHIN = 1000;

/** Threads started here whose workers exist, and how to read the error that one of them ended with. */
const started: Map<Thread, () => unknown> = new Map();
/** Those that ended with an error that nobody has taken yet. */
const unclaimed: Map<Thread, () => unknown> = new Map();

/** A thread was started here. `error` reads what ended it, once that was an error. */
export function began(thread: Thread, error: () => unknown): void {
  started.set(thread, error);
}

/** The worker of a thread started here is gone. */
export function finished(thread: Thread): void {
  const error = started.get(thread);
  started.delete(thread);
  if (error === undefined || !hasFailed(thread) || isClaimed(thread)) return;
  unclaimed.set(thread, error);
  const timer = setTimeout(() => reportOne(thread), CLAIM_WITHIN) as unknown as { unref?(): void };
  timer.unref?.();
}

function hasFailed(thread: Thread): boolean {
  return load(memory.words, thread[ADDRESS] + THREAD.flag) === ENDED.threw;
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
  // A thread leaves its outcome before its worker is gone, and nobody waits for the rest.
  for (const [thread, error] of started) {
    if (!hasFailed(thread)) continue;
    started.delete(thread);
    unclaimed.set(thread, error);
  }
  for (const thread of [...unclaimed.keys()]) reportOne(thread);
}

/** Those this thread waits for before it ends. */
function awaited(): Thread[] {
  if (!program.isMain) return [...started.keys()].filter((thread) => !hasOutcome(thread[ADDRESS]));
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
    await waitForThreads();
  } finally {
    waiting = false;
  }
  reportAll();
}

/** Waits for all threads that are not daemons, also for those that they start. */
export async function waitForThreads(): Promise<void> {
  // An async wait keeps the process alive.
  for (let left = awaited(); left.length > 0; left = awaited()) {
    for (const thread of left) await parker.wait(JOIN_WAIT, thread[ADDRESS], thread, Infinity);
  }
}

host.onIdle(() => void idle());
host.onExit(reportAll);
