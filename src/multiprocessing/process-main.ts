/**
 * What a child process does: it takes up its object, runs it, leaves the outcome, and ends.
 *
 * @module
 */

import { host } from "#host";
import { exchange, load, store } from "#atomics";
import { ENDED, EXIT_BASE, PROCESS, RECORD } from "../core/layout.ts";
import type { Memory } from "../core/memory.ts";
import { memory as threadMemory } from "../core/program.ts";
import { ring } from "../core/raw/wait-list.ts";
import { announceDeath } from "../core/reaper.ts";
import { CancelledError } from "../errors.ts";
import { waitForThreads } from "../threading/shutdown.ts";
import { fieldsOf } from "../threading/outcome.ts";
import { inherit, processes } from "./domain.ts";
import { awaitedChildren, MEMORY_DESCRIPTOR, processKinds } from "./launch.ts";
import { native } from "./memory/native.ts";
import { Process } from "./process.ts";
import { processRole } from "./role.ts";

const BOOT = Symbol.for("heddle.child");

/** What the parent says besides what it leaves in memory. See launch.ts. */
interface Boot {
  readonly object: number;
  readonly endSignal: "SIGKILL" | "SIGTERM" | undefined;
}

async function runProcess(): Promise<void> {
  const { object, endSignal } = (globalThis as unknown as { [BOOT]: Boot })[BOOT];
  inherit(MEMORY_DESCRIPTOR);
  const { memory, parker } = processes();
  memory.reach(object);
  if (endSignal !== undefined) endWithParent(memory, object, endSignal);
  store(memory.words, memory.record + RECORD.object, object);
  // From here on whoever buries this process gives the reference back; never the parent, too.
  if (exchange(memory.words, object + PROCESS.owed, 0) !== 0) store(memory.words, memory.record + RECORD.owed, object);
  store(memory.words, object + PROCESS.tid, memory.self);
  store(memory.words, object + PROCESS.pid, process.pid);
  // For those who outlive the parent, whom nobody tells.
  process.on("exit", (code) => store(memory.words, object + PROCESS.exit, (code & 255) + EXIT_BASE));
  let current: Process | undefined;
  process.on("uncaughtException", (error) => {
    leave(object, current, error);
    process.exit(1);
  });
  // A cancelled process is a cancelled main thread.
  parker.onRing.add(() => passOnCancel());
  try {
    current = await takeUp(object);
    parker.arm();
    current.signal.throwIfAborted();
    const value = await current.run();
    await end();
    leaveValue(object, current, value);
  } catch (error) {
    leave(object, current, error);
    await end();
    process.exit(1);
  }
  process.exit();
}

/** However the parent ends, and whatever this process does. */
function endWithParent(memory: Memory, object: number, signal: "SIGKILL" | "SIGTERM"): void {
  native().dieWithParent(signal);
  // It may have ended before that.
  const parent = load(memory.words, object + PROCESS.parent);
  if (process.ppid !== load(memory.words, memory.reach(parent) + PROCESS.pid)) process.exit(1);
}

/** The object as it was where it was started: its class, its fields, its target and arguments. */
async function takeUp(object: number): Promise<Process> {
  const { memory, packer, handles } = processes();
  const words = [PROCESS.class, PROCESS.state, PROCESS.target, PROCESS.args];
  const messages = words.map((word) => load(memory.words, object + word));
  for (const message of messages) if (message !== 0) await packer.prepare(message);
  const [constructor, state, target, args] = words.map((word, i) => {
    store(memory.words, object + word, 0);
    return messages[i] === 0 ? undefined : packer.unpack(messages[i]!);
  });
  const kind = typeof constructor === "string" ? processKinds.named(constructor) : undefined;
  // The constructor of a user's class ran where the process was made; here only its base does.
  const make = (): object => Reflect.construct(Process, [], (constructor ?? Process) as Function) as object;
  store(memory.words, memory.record + RECORD.owed, 0);
  const taken = handles.attach(object, kind?.make ?? make) as Process;
  Process.equip(taken, target as never, args as unknown[] | undefined);
  if (kind === undefined) Object.assign(taken, state);
  else kind.restore(taken, state);
  return taken;
}

/** As in Python: first the threads, then the children that are not daemons. */
async function end(): Promise<void> {
  await waitForThreads();
  for (let left = awaitedChildren(); left.length > 0; left = awaitedChildren()) {
    for (const child of left) await child.join().catch(() => undefined);
  }
}

function leaveValue(object: number, current: Process, value: unknown): void {
  const { memory, packer } = processes();
  const fields = fieldsOf(current);
  const outcome = value === undefined ? 0 : packer.pack(value, "result");
  const packedFields = Object.keys(fields).length > 0 ? packer.pack(fields, "this") : 0;
  store(memory.words, object + PROCESS.outcome, outcome);
  store(memory.words, object + PROCESS.fields, packedFields);
  store(memory.words, object + PROCESS.ended, ENDED.returned);
}

/** An error ends the process: it is told on the standard error stream, and to whoever joins. */
function leave(object: number, current: Process | undefined, error: unknown): void {
  const { memory, packer } = processes();
  if (load(memory.words, object + PROCESS.ended) !== ENDED.no) return;
  announceDeath(memory, memory.self);
  store(memory.words, object + PROCESS.outcome, packer.packThrown(error));
  store(memory.words, object + PROCESS.ended, ENDED.threw);
  // Whose pool it is knows.
  if (current !== undefined && processKinds.of(current)?.background === true) return;
  // Whoever asked it to end knows.
  if (current?.cancelRequested === true && error instanceof CancelledError) return;
  const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  host.writeError(`Process ${current?.name ?? "that was starting"}:\n${text}\n`);
}

function passOnCancel(): void {
  const { memory } = processes();
  if (load(memory.words, memory.record + RECORD.cancel) === 0) return;
  if (load(threadMemory.words, threadMemory.record + RECORD.cancel) !== 0) return;
  store(threadMemory.words, threadMemory.record + RECORD.cancel, 1);
  ring(threadMemory, threadMemory.record);
}

// As in threading/thread-main.ts.
processRole.url = import.meta.url
  .replace(/\/multiprocessing\/process-main\.(js|ts)$/, "/multiprocessing/index.$1")
  .replace(/(?<=\/dist\/lib\/)[\w-]+\.js$/, "multiprocessing.js");
host.registerRole(processRole.role, runProcess);
