/**
 * Starting a process, and noticing its end: the side of the parent.
 *
 * @module
 */

import type { ChildProcess } from "node:child_process";
import { isMainThread } from "node:worker_threads";
import { host } from "#host";
import { compareExchange, exchange, load, store } from "#atomics";
import { hooksSource } from "../callable/node/hooks.ts";
import { ADDRESS, DOMAIN } from "../core/handles.ts";
import { PROCESS, RECORD } from "../core/layout.ts";
import { platform } from "../core/platform.ts";
import { interrupt, ring } from "../core/raw/wait-list.ts";
import { discardStart, release, retain } from "../core/references.ts";
import { liveRecords } from "../core/thread-table.ts";
import { RuntimeError } from "../errors.ts";
import { Kinds } from "../threading/kinds.ts";
import { missingGuard } from "../threading/launch.ts";
import { fieldsOf } from "../threading/outcome.ts";
import { refusePrivateFields } from "../threading/private-fields.ts";
import { memoryDescriptor } from "./domain.ts";
import { markEnded, noteExit } from "./end.ts";
import { buryGone, exists, exitStatusOf, LOOK_EVERY, onBurial } from "./memory/presence.ts";
import type { Process } from "./process.ts";
import { processRole } from "./role.ts";

const { constants } = process.getBuiltinModule("node:os");

/** What a new process is given, besides its object. */
export interface Start {
  readonly target: Function | undefined;
  readonly args: unknown[] | undefined;
  /** The class `Process`, which this module cannot import. */
  readonly base: Function;
  /** Called once it has ended, and all that it held is given back. */
  readonly onEnd?: (() => void) | undefined;
}

export const processKinds: Kinds<Process> = new Kinds();

/** Under this name, with numbers behind it, the child finds what it must know about itself, in parts. */
const BOOT_VARIABLE = "HEDDLE_PROCESS";
/** The system takes 128 KiB at a time; all arguments of a program together may be more. */
const BOOT_PART = 100_000;
/** The descriptor by which a child has the memory. */
export const MEMORY_DESCRIPTOR = 3;

/**
 * What every child runs first: a script and not a file, so that it exists in bundles too. As for a worker.
 */
const BOOTSTRAP = `
let text = "";
for (let i = 0, part; (part = process.env["${BOOT_VARIABLE}" + i]) !== undefined; i++) {
  text += part;
  delete process.env["${BOOT_VARIABLE}" + i];
}
const boot = JSON.parse(text);
globalThis[Symbol.for("heddle.child")] = boot;
process.argv = boot.argv;
await ${hooksSource};
await import(boot.url);
await globalThis[Symbol.for("heddle.roles")].get(boot.role)();
`;

/** Flags of Node that are for one run of one file, and not for its children. */
const OWN_FLAGS =
  /^(?:-[cep]|-pe|-i|--eval|--print|--check|--interactive|--input-type|--test|--watch|--inspect|--run|--build-sea|--experimental-default-type)/;
const WITH_VALUE = /^(?:-[ep]|-pe|--eval|--print|--input-type|--run)$/;

interface Running {
  readonly spawned: ChildProcess;
  readonly onEnd: (() => void) | undefined;
  /** This process neither waits for it nor is kept alive by it, and ends it with itself. */
  readonly dispensable: boolean;
  /** It ends itself with this process, which also covers that this is killed. */
  readonly isTied: boolean;
  /** Its end was told. */
  isOver: boolean;
}

/** Children of this thread that have not ended. */
const running: Map<Process, Running> = new Map();

export function launchProcess(child: Process, start: Start): void {
  if (host.isImporting()) throw missingGuard("process");
  const { memory } = child[DOMAIN];
  const object = child[ADDRESS];
  packStart(child, start);
  // The child's own handle will have this reference.
  retain(memory, object);
  store(memory.words, object + PROCESS.owed, 1);
  const endSignal = endSignalOf(child);
  let spawned: ChildProcess | undefined;
  let cause: unknown;
  try {
    spawned = spawnChild(object, endSignal);
  } catch (error) {
    cause = error;
  }
  if (spawned?.pid === undefined) {
    discardStart(memory, object);
    store(memory.words, object + PROCESS.owed, 0);
    release(memory, object);
    // Why, the system mostly says in an event of its own.
    spawned?.on("error", () => undefined);
    throw new RuntimeError(
      `The process could not be started: the system refused to run ${process.execPath}. Check that it is there, how many ` +
        "processes and how much memory there may be (ulimit -a, the container's limits), or start fewer at a time.",
      cause === undefined ? undefined : { cause },
    );
  }
  store(memory.words, object + PROCESS.pid, spawned.pid);
  const dispensable = child.daemon || processKinds.of(child)?.background === true;
  running.set(child, { spawned, onEnd: start.onEnd, dispensable, isTied: endSignal === "SIGTERM", isOver: false });
  spawned.on("exit", (code, signal) => finish(child, code ?? -constants.signals[signal!]));
  if (dispensable) spawned.unref();
  watch();
}

/**
 * By what a child ends with its parent, however that ends. The system ties it to the thread that has started it, to which
 * a pool belongs, too; but a daemon belongs to the process, and is tied only if the first thread has started it.
 */
function endSignalOf(child: Process): "SIGKILL" | "SIGTERM" | undefined {
  // Nobody would ever ask for the result of its task.
  if (processKinds.of(child)?.background === true) return "SIGKILL";
  return isMainThread && child.daemon ? "SIGTERM" : undefined;
}

function spawnChild(object: number, endSignal: string | undefined): ChildProcess {
  // Loaded when it is needed: most processes have no children.
  const { spawn } = process.getBuiltinModule("node:child_process");
  const boot = { ...processRole, object, argv: process.argv, endSignal };
  return spawn(process.execPath, [...inheritedFlags(), "--input-type=module", "--eval", BOOTSTRAP], {
    // As in Python, a child has no standard input.
    stdio: ["ignore", "inherit", "inherit", memoryDescriptor()],
    env: { ...process.env, ...bootVariables(JSON.stringify(boot)) },
    windowsHide: true,
  });
}

function bootVariables(json: string): Record<string, string> {
  // ASCII, so that a character is a byte, and none is torn.
  const text = json.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const variables: Record<string, string> = {};
  for (let i = 0; i * BOOT_PART < text.length; i++) {
    variables[`${BOOT_VARIABLE}${i}`] = text.slice(i * BOOT_PART, (i + 1) * BOOT_PART);
  }
  return variables;
}

function inheritedFlags(): string[] {
  const flags: string[] = [];
  for (let i = 0; i < process.execArgv.length; i++) {
    const flag = process.execArgv[i]!;
    if (!OWN_FLAGS.test(flag)) flags.push(flag);
    // The value of a flag may stand by itself.
    else if (WITH_VALUE.test(flag) || process.execArgv[i + 1]?.startsWith("-") === false) i++;
  }
  return flags;
}

/** Packs what the process needs. If a part cannot be sent, nothing of it stays behind. */
function packStart(child: Process, { target, args, base }: Start): void {
  const { memory, packer } = child[DOMAIN];
  const parts: [word: number, value: unknown, path: string][] = [];
  if (target !== undefined) parts.push([PROCESS.target, target, "target"]);
  if (args !== undefined && args.length > 0) parts.push([PROCESS.args, args, "args"]);
  const kind = processKinds.of(child);
  if (kind === undefined && child.constructor !== base) {
    refusePrivateFields(child, base, "process");
    parts.push([PROCESS.class, child.constructor, "class"]);
  }
  const state = kind === undefined ? fieldsOf(child) : kind.save(child);
  if (kind !== undefined) parts.push([PROCESS.class, kind.name, "class"]);
  if (Object.keys(state as object).length > 0) parts.push([PROCESS.state, state, "this"]);
  const packed: [word: number, message: number][] = [];
  try {
    for (const [word, value, path] of parts) packed.push([word, packer.pack(value, path)]);
  } catch (error) {
    for (const [, message] of packed) packer.discard(message);
    throw error;
  }
  for (const [word, message] of packed) store(memory.words, child[ADDRESS] + word, message);
}

/** The child is gone. Once for each. */
function finish(child: Process, exitcode: number | undefined): void {
  const known = running.get(child);
  if (known === undefined) return;
  running.delete(child);
  end(child, known, exitcode);
}

function end(child: Process, known: Running, exitcode: number | undefined): void {
  if (known.isOver) return;
  known.isOver = true;
  const { memory } = child[DOMAIN];
  // Before those who join go on: what the process held must be marked by then.
  noteExit(memory, child[ADDRESS], exitcode);
  buryGone(memory);
  discardStart(memory, child[ADDRESS]);
  if (exchange(memory.words, child[ADDRESS] + PROCESS.owed, 0) !== 0) release(memory, child[ADDRESS]);
  markEnded(memory, child[ADDRESS], exitcode);
  known.onEnd?.();
}

let watching = false;
let lastLook = 0;

/** A blocked parent gets no `exit` events: it looks itself; and others learn of an orphan's end by its burial. */
function watch(): void {
  if (watching) return;
  watching = true;
  const { poll } = platform;
  platform.poll = () => {
    poll();
    const now = performance.now();
    if (now - lastLook < LOOK_EVERY) return;
    lastLook = now;
    for (const [child, known] of [...running]) {
      const { pid } = known.spawned;
      const status = pid === undefined ? undefined : exitStatusOf(pid);
      // Kept among those that run until the event comes: only that frees what Node has for it.
      if (status !== undefined) end(child, known, status);
    }
  };
}

onBurial((memory, record, status) => {
  const object = memory.reach(load(memory.words, record + RECORD.object));
  if (object === 0) return;
  const parent = memory.reach(load(memory.words, object + PROCESS.parent));
  // Its parent has asked for the exit code already, and is about to tell it.
  if (status === undefined && parent !== 0 && exists(load(memory.words, parent + PROCESS.pid))) return;
  discardStart(memory, object);
  markEnded(memory, object, status);
});

/** The children of this process that have not ended, as far as this thread has started them. */
export function activeChildren(): Process[] {
  return [...running.keys()].filter((child) => child.isAlive);
}

export function signalProcess(child: Process, signal: "SIGTERM" | "SIGKILL"): void {
  const { pid } = child;
  if (pid === undefined) throw new RuntimeError("cannot signal a process before it is started");
  // Its own handle knows that the number has not been given to another process meanwhile.
  const own = running.get(child);
  if (own !== undefined) own.spawned.kill(signal);
  else if (child.isAlive) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has just ended.
    }
  }
}

export function cancelProcess(child: Process, reason: unknown): void {
  const { memory, packer } = child[DOMAIN];
  const object = child[ADDRESS];
  const message = packer.pack(reason, "reason");
  if (compareExchange(memory.words, object + PROCESS.reason, 0, message) !== 0) packer.discard(message);
  store(memory.words, object + PROCESS.cancelled, 1);
  for (const record of liveRecords(memory)) {
    if (load(memory.words, record + RECORD.object) !== object) continue;
    store(memory.words, record + RECORD.cancel, 1);
    interrupt(memory, record);
    ring(memory, record);
  }
}

/** Ends the daemons, as their parent ends. */
host.onExit(() => {
  for (const { dispensable, isTied, spawned } of running.values()) {
    if (dispensable && !isTied) spawned.kill("SIGTERM");
  }
});

/** Those that the process waits for before it ends. */
export function awaitedChildren(): Process[] {
  return activeChildren().filter((child) => running.get(child)?.dispensable === false);
}
