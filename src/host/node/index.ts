/**
 * The host on Node: worker_threads for threads, the process's own streams for output.
 *
 * @module
 */

import { isMainThread } from "node:worker_threads";
import { currentScope, runInScope } from "#context";
import { isImporting, setImportScope } from "../../callable/importing.ts";
import { createShipper } from "../../callable/node/shipper.ts";
import { require } from "../../callable/node/source.ts";
import type { Host } from "../../core/host.ts";
import { setMessageSupport } from "../../core/messages.ts";
import { platform } from "../../core/platform.ts";
import { memory } from "../../core/program.ts";
import { attachments, pollMail } from "./attachments.ts";
import { BOOT, bootByFactory } from "../../boot/node.ts";
import { nodePlatform } from "./platform-objects.ts";
import { redirectOutput, writeFully } from "./output.ts";
import { compile } from "./compile.ts";
import { nodeStrings } from "./strings.ts";
import { hasChildren, isGone, killWorker, lookEvery, pollChildren, startWorker } from "./workers.ts";

// Not imported: for an import, Node loads everything such a module could export.
const { fileURLToPath } = process.getBuiltinModule("node:url");

const ROLES: unique symbol = Symbol.for("heddle.roles") as never;
const roles: Map<string, () => Promise<void>> = ((globalThis as { [ROLES]?: Map<string, () => Promise<void>> })[
  ROLES
] ??= new Map());

/** Held while something heddle does must keep the process alive. */
const anchor = setInterval(() => undefined, 2 ** 31 - 1);
anchor.unref();
let holds = 0;

function hold(): void {
  if (holds++ === 0) anchor.ref();
}

function unhold(): void {
  if (--holds === 0) anchor.unref();
}

/** Idle streams count as resources, since they could be written to; only what they write keeps a program alive. */
function idleStreams(): number {
  type Stream = { _handle?: { hasRef?(): boolean }; writableLength?: number };
  const streams = [process.stdout, process.stderr] as unknown as Stream[];
  return streams.filter(({ _handle, writableLength }) => _handle?.hasRef?.() === true && writableLength === 0).length;
}

function isIdle(expected: number): boolean {
  if (holds !== expected) return false;
  // First: asking for a stream may open it, and then it counts. In a worker they are no such resources.
  const idle = isMainThread ? idleStreams() : 0;
  const active = process.getActiveResourcesInfo();
  const anchors = holds > 0 ? 1 : 0;
  const streams = active.filter((name) => name === "PipeWrap" || name === "TTYWrap").length;
  return active.length - streams === anchors && streams <= idle;
}

let parallelism: number | undefined;

/** Asking takes microseconds, and the answer hardly ever changes. */
function availableParallelism(): number {
  return (parallelism ??= process.getBuiltinModule("node:os").availableParallelism());
}

let isReady = false;

function ready(): void {
  if (isReady) return;
  isReady = true;
  platform.hold = hold;
  platform.unhold = unhold;
  platform.poll = () => {
    if (!hasChildren()) return;
    pollChildren();
    if (isMainThread) pollMail();
  };
  platform.soon = (fn) => void setImmediate(fn);
  platform.parallel = availableParallelism() > 1;
  platform.isIdle = isIdle;
  memory.isGone = isGone;
  platform.slice = () => (hasChildren() ? lookEvery : undefined);
  setImportScope({
    run: (load) => runInScope({ ...currentScope(), importing: true }, load),
    get active() {
      return currentScope().importing;
    },
  });
  setMessageSupport({
    shipper: createShipper({ tasksByName: !isMainThread && !hasBootstrap() }),
    strings: nodeStrings,
    platform: nodePlatform,
    compile,
    attachments,
  });
}

/** Was this worker started by heddle's own bootstrap, or by a factory of the user's? */
function hasBootstrap(): boolean {
  return BOOT in globalThis;
}

/** The module of the role is still being imported: in a bundle, that is the user's whole program. */
function isLoadingRole(): boolean {
  return (globalThis as { [BOOT]?: { loaded?: boolean } })[BOOT]?.loaded === false;
}

export const host: Host = {
  ready,
  get availableParallelism() {
    return availableParallelism();
  },
  startWorker,
  killWorker,
  registerRole(role, run) {
    roles.set(role, run);
    // Nobody imports heddle in such a worker but its own module, which first has to register its tasks.
    if (bootByFactory()?.role === role) setImmediate(() => void run());
  },
  loadSync: (url) => void require(fileURLToPath(url)),
  enterThread(on) {
    redirectOutput();
    process.on("uncaughtException", (error) => on.uncaught(error));
    process.on("exit", (code) => on.exit(code));
  },
  onIdle(fn) {
    process.on("beforeExit", fn);
  },
  onExit(fn) {
    process.on("exit", fn);
  },
  hold,
  unhold,
  writeError: (text) => writeFully(2, text),
  isImporting: () => isImporting() || isLoadingRole(),
  hasPendingWork: () => holds > 0 || !isIdle(0),
  tracesLocks: /^(1|true|yes|on)$/i.test(process.env["HEDDLE_TRACE_LOCKS"] ?? ""),
};

ready();
