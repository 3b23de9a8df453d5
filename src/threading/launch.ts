/**
 * Starting a thread, and noticing its end: the side of the thread that starts it.
 *
 * @module
 */

import { host } from "#host";
import { load, store } from "#atomics";
import type { Context } from "../contextvars/context.ts";
import { packContext } from "../contextvars/packed.ts";
import { ADDRESS } from "../core/handles.ts";
import type { ResourceLimits, WorkerEnd } from "../core/host.ts";
import { ENDED, RECORD, REQUEST, THREAD } from "../core/layout.ts";
import { discard, pack, packThrown } from "../core/messages.ts";
import { memory } from "../core/program.ts";
import { recordOf } from "../core/raw/threads.ts";
import { interrupt, ring } from "../core/raw/wait-list.ts";
import { bury } from "../core/reaper.ts";
import { discardStart, release, retain } from "../core/references.ts";
import { childrenOf, claimThread } from "../core/thread-table.ts";
import { RuntimeError, ThreadDiedError } from "../errors.ts";
import { setThreadObject } from "./current.ts";
import { threadKinds } from "./kinds.ts";
import { commit, fieldsOf, hasOutcome } from "./outcome.ts";
import { threadRole } from "./role.ts";
import { began, finished } from "./shutdown.ts";
import { refusePrivateFields } from "./private-fields.ts";
import type { Thread } from "./thread.ts";

/** What a new thread is given, besides its object. */
export interface Start {
  readonly target: Function | undefined;
  readonly args: unknown[] | undefined;
  readonly context: Context | undefined;
  readonly resourceLimits: ResourceLimits | undefined;
  readonly worker: (() => unknown) | undefined;
  /** The class `Thread`, which this module cannot import. */
  readonly base: Function;
  /** Reads, without claiming it, the error that the thread ended with. */
  error(): unknown;
  /** Called when the worker is gone. */
  readonly onEnd?: (() => void) | undefined;
}

export function launch(thread: Thread, start: Start): void {
  const object = thread[ADDRESS];
  if (thread.ident !== undefined) throw new RuntimeError("threads can only be started once");
  if (host.isImporting()) throw missingGuard("thread");
  const tid = claimThread(memory, memory.self);
  const record = recordOf(memory, tid);
  // The worker's own handle will have this reference.
  retain(memory, object);
  store(memory.words, record + RECORD.owed, object);
  setThreadObject(record, object);
  store(memory.words, object + THREAD.tid, tid);
  if (thread.cancelRequested) store(memory.words, record + RECORD.cancel, 1);
  let sent = false;
  try {
    // First the worker, which takes a while to boot; what it needs is packed meanwhile.
    host.startWorker({
      tid,
      url: threadRole.url,
      role: threadRole.name,
      name: thread.name,
      resourceLimits: start.resourceLimits,
      factory: start.worker,
      onEnd: (end) => (sent ? ended(thread, tid, end, start) : bury(memory, tid, false)),
    });
    packStart(thread, start);
    sent = true;
  } catch (error) {
    // Nothing was started, as far as anybody can see.
    setThreadObject(record, 0);
    store(memory.words, record + RECORD.owed, 0);
    store(memory.words, object + THREAD.tid, 0);
    release(memory, object);
    if (!host.killWorker(tid)) bury(memory, tid, false);
    throw error;
  }
  store(memory.words, object + THREAD.packed, 1);
  memory.notify(object + THREAD.packed);
  if (threadKinds.of(thread)?.background !== true) began(thread, () => start.error());
}

/** Whoever starts a thread or a process while its module is imported for another would do so again there, without end. */
export function missingGuard(what: "thread" | "process"): RuntimeError {
  return new RuntimeError(
    `A ${what} was started while this module was still being imported, in a ${what} that imports it to find one of its ` +
      `functions. heddle imports a program's modules again in each ${what}, so the main part of the program must not ` +
      "run there. Guard it:\n\n" +
      '    import { isMain } from "heddle";\n\n' +
      "    if (isMain(import.meta)) {\n" +
      `      // start ${what}s here\n` +
      "    }\n",
  );
}

/** Packs what the thread needs. If a part cannot be sent, nothing of it stays behind. */
function packStart(thread: Thread, { target, args, context, base }: Start): void {
  const kind = threadKinds.of(thread);
  const custom = thread.constructor !== base && kind === undefined;
  const parts: [word: number, value: unknown, path: string][] = [];
  if (target !== undefined) parts.push([THREAD.target, target, "target"]);
  if (args !== undefined && args.length > 0) parts.push([THREAD.args, args, "args"]);
  if (context !== undefined) parts.push([THREAD.context, packContext(context), "context"]);
  if (kind !== undefined) {
    parts.push([THREAD.class, kind.name, "class"], [THREAD.state, kind.save(thread), "this"]);
  } else {
    if (custom) {
      refusePrivateFields(thread, base, "thread");
      parts.push([THREAD.class, thread.constructor, "class"]);
    }
    const fields = fieldsOf(thread);
    if (Object.keys(fields).length > 0) parts.push([THREAD.state, fields, "this"]);
  }
  const packed: [word: number, message: number][] = [];
  try {
    for (const [word, value, path] of parts) packed.push([word, pack(value, path)]);
  } catch (error) {
    for (const [, message] of packed) discard(message);
    throw error;
  }
  for (const [word, message] of packed) store(memory.words, thread[ADDRESS] + word, message);
}

/** Any thread may ask; only the one that started the thread can do it. */
export function requestTermination(tid: number): void {
  const record = recordOf(memory, tid);
  const parent = load(memory.words, record + RECORD.parent);
  if (parent === memory.self) {
    host.killWorker(tid);
    return;
  }
  store(memory.words, record + RECORD.requests, REQUEST.terminate);
  const owner = recordOf(memory, parent);
  interrupt(memory, owner);
  ring(memory, owner);
}

/** The worker is gone. */
function ended(thread: Thread, tid: number, end: WorkerEnd, start: Start): void {
  const object = thread[ADDRESS];
  const finishedItself = hasOutcome(object);
  // Before those who join go on, what the thread held must be marked; and before the record is free, they must be told, or
  // nobody would do it if this thread died in between.
  bury(memory, tid, !finishedItself, !finishedItself || end.exitCode !== 0, () => {
    discardStart(memory, object);
    if (!finishedItself) commit(object, ENDED.threw, packThrown(causeOfDeath(thread.name, end)));
  });
  buryDescendants(tid, thread.name);
  finished(thread);
  start.onEnd?.();
}

/** Threads that a dead thread had started went with it; among them those that it was burying when it died. */
function buryDescendants(tid: number, name: string): void {
  for (const record of childrenOf(memory, tid)) {
    const child = load(memory.words, record + RECORD.tid);
    const object = load(memory.words, record + RECORD.object);
    // None yet: its parent died over starting it, and nobody can join it.
    const finishedItself = object === 0 || hasOutcome(memory.reach(object));
    bury(memory, child, !finishedItself, true, () => {
      if (object !== 0) discardStart(memory, object);
      const error = new ThreadDiedError(`The thread ended together with thread ${name}, which had started it`);
      if (!finishedItself) commit(object, ENDED.threw, packThrown(error));
    });
    buryDescendants(child, name);
  }
}

function causeOfDeath(name: string, { exitCode, error, killed }: WorkerEnd): Error {
  if ((error as { code?: unknown } | undefined)?.code === "ERR_WORKER_OUT_OF_MEMORY") {
    return new ThreadDiedError(
      `Thread ${name} ran out of memory: it needed more than its resourceLimits allow. Give it more, or less to do.`,
      { cause: error, exitCode },
    );
  }
  if (error !== undefined) {
    return new ThreadDiedError(`Thread ${name} could not run: ${describeError(error)}`, { cause: error, exitCode });
  }
  if (killed || exitCode !== undefined) {
    return new ThreadDiedError(`Thread ${name} was terminated before it had finished`, { exitCode });
  }
  // Found gone by a thread that blocks, which no event can tell why.
  return new ThreadDiedError(
    `Thread ${name} is gone, though it was not finished: probably it ran out of memory. The thread that started it was ` +
      "blocked and could not be told; join it without blocking to learn more.",
  );
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
