/**
 * The workers that this thread has started.
 *
 * A worker belongs to the thread that started it: only that one is told of its end, and only that one can kill it. Others
 * leave a request in the worker's record. None keeps the process alive by itself; threading sees to that.
 *
 * @module
 */

import { setEnvironmentData, SHARE_ENV, Worker } from "node:worker_threads";
import { load } from "#atomics";
import { hooksSource } from "../../callable/node/hooks.ts";
import type { WorkerEnd, WorkerOptions } from "../../core/host.ts";
import { typeModules } from "../../core/handles.ts";
import { RECORD, REQUEST } from "../../core/layout.ts";
import { memory } from "../../core/program.ts";
import { forestall } from "../../core/thread-table.ts";
import { recordOf } from "../../core/raw/threads.ts";
import { RuntimeError } from "../../errors.ts";
import { mailbox } from "./attachments.ts";
import { ENVIRONMENT_KEY } from "../../boot/node.ts";

// Not imported: for an import, Node loads everything such a module could export.
const { existsSync } = process.getBuiltinModule("node:fs");

/** How often a blocked thread looks whether its workers still exist. Milliseconds. */
const LOOK_EVERY = 100;

interface Child {
  readonly tid: number;
  readonly worker: Worker;
  readonly onEnd: (end: WorkerEnd) => void;
  error: unknown;
  killed: boolean;
}

const children: Map<number, Child> = new Map();
let lastLook = 0;

/**
 * What every worker runs first: a script and not a file, so that it exists in bundles too. It leaves what the worker must
 * know about itself, installs the hooks for modules that are loaded later, and imports the module of its role and those
 * of the types it may be sent.
 */
const BOOTSTRAP = `
const boot = process.getBuiltinModule("node:worker_threads").workerData;
globalThis[Symbol.for("heddle.boot")] = boot;
Promise.resolve(${hooksSource})
  .then(() => Promise.all([...new Set([boot.url, ...boot.modules])].map((url) => import(url))))
  .then(() => {
    boot.loaded = true;
    const run = globalThis[Symbol.for("heddle.roles")]?.get(boot.role);
    if (run === undefined) throw new Error("heddle: " + boot.url + " has no role " + boot.role);
    return run();
  });
`;

export function startWorker(options: WorkerOptions): void {
  const boot = {
    buffer: memory.buffer,
    tid: options.tid,
    url: options.url,
    role: options.role,
    modules: typeModules(),
    loaded: false,
  };
  const worker = options.factory === undefined ? create(boot, options) : createByFactory(boot, options.factory);
  const child: Child = { tid: options.tid, worker, onEnd: options.onEnd, error: undefined, killed: false };
  children.set(options.tid, child);
  worker.on("error", (error) => {
    child.error = error;
  });
  worker.on("exit", (exitCode) => end(child, exitCode));
  worker.unref();
}

function create(boot: object, options: WorkerOptions): Worker {
  const mail = mailbox(options.tid);
  return new Worker(BOOTSTRAP, {
    eval: true,
    workerData: { ...boot, mail },
    transferList: [mail],
    // The threads of a program share its environment variables.
    env: SHARE_ENV,
    name: options.name,
    ...(options.resourceLimits && { resourceLimits: options.resourceLimits }),
  } as ConstructorParameters<typeof Worker>[1]);
}

function createByFactory(boot: object, factory: () => unknown): Worker {
  setEnvironmentData(ENVIRONMENT_KEY, boot as never);
  let worker: unknown;
  try {
    worker = factory();
  } finally {
    setEnvironmentData(ENVIRONMENT_KEY, undefined as never);
  }
  if (worker instanceof Worker) return worker;
  throw new RuntimeError(
    'The worker option must return a Worker of node:worker_threads: worker: () => new Worker(new URL("./tasks.js", import.meta.url))',
  );
}

function end(child: Child, exitCode: number | undefined): void {
  if (!children.delete(child.tid)) return;
  child.onEnd({ exitCode, error: child.error, killed: child.killed });
}

export function killWorker(tid: number): boolean {
  const child = children.get(tid);
  if (child === undefined) return false;
  child.killed = true;
  void child.worker.terminate();
  // Of one that has not begun nothing is left to wait for; and a blocked thread could not tell when it is gone.
  if (forestall(memory, tid)) end(child, undefined);
  return true;
}

export function hasChildren(): boolean {
  return children.size > 0;
}

/**
 * Acts on what other threads asked of this thread's workers; in a blocking wait also looks for workers that are gone,
 * since their `exit` events cannot arrive.
 */
export function pollChildren(): void {
  for (const tid of children.keys()) {
    const requests = recordOf(memory, tid) + RECORD.requests;
    if ((load(memory.words, requests) & REQUEST.terminate) !== 0) {
      memory.words[requests] = 0;
      killWorker(tid);
    }
  }
  const now = performance.now();
  if (now - lastLook < LOOK_EVERY) return;
  lastLook = now;
  for (const child of children.values()) if (isGone(child.tid)) end(child, undefined);
}

/** True only if the system says so. */
export function isGone(tid: number): boolean {
  const record = recordOf(memory, tid);
  if (load(memory.words, record + RECORD.tid) !== tid) return false;
  const osThread = load(memory.words, record + RECORD.osThread);
  return osThread !== 0 && !existsSync(`/proc/self/task/${osThread}`);
}

export const lookEvery: number = LOOK_EVERY;
