/**
 * The program of a worker process: it starts the threads that serve the app, passes on what the server says, and ends
 * with them.
 *
 * @module
 */

import { SimpleQueue } from "../../queue/index.ts";
import { SharedMap } from "../../shared/index.ts";
import { Thread } from "../../threading/index.ts";
import { type AppConfig, type Drain, type FromWorker, reportOf, type Source, type ToWorker } from "./protocol.ts";
import { serveApp, type Step } from "./serve-app.ts";

// What `isMain` of the app sees: this process is not the program.
Object.defineProperty(globalThis, Symbol.for("heddle.child"), { value: true });

const commands: SimpleQueue<Drain>[] = [];
let draining = false;

function tell(message: FromWorker): void {
  // The server may be gone; then there is nobody to tell.
  if (process.connected) process.send!(message, () => undefined);
}

function drain(how: Drain): void {
  if (draining) return;
  draining = true;
  for (const queue of commands) queue.putNowait(how);
}

async function start(config: AppConfig, sources: readonly Source[]): Promise<void> {
  const steps = new SimpleQueue<Step>();
  const registry = new SharedMap<string, unknown>();
  // Whoever fails first speaks for all: the app is the same.
  let failed = false;
  let isReady = false;
  const ended = sources.map(async (source, i) => {
    const queue = new SimpleQueue<Drain>();
    commands.push(queue);
    try {
      if ("port" in source) await serveApp(config, source, queue, steps, registry);
      else await inThread(i, config, source, queue, steps, registry);
      if (!draining) throw new Error("the thread ended");
    } catch (error) {
      if (!failed && !draining) tell({ type: isReady ? "lost" : "failed", error: reportOf(error) });
      failed = true;
      if (!isReady) end(1);
    }
  });
  void (async () => {
    let [begun, stopped] = [0, 0];
    while (stopped < sources.length) {
      if ((await steps.get()) === "stopped") stopped++;
      else if (++begun === sources.length) {
        isReady = true;
        if (!failed) tell({ type: "ready" });
      }
    }
    tell({ type: "stopped" });
  })();
  await Promise.all(ended);
  end(failed ? 1 : 0);
}

function inThread(
  index: number,
  config: AppConfig,
  source: Source,
  queue: SimpleQueue<Drain>,
  steps: SimpleQueue<Step>,
  registry: SharedMap<string, unknown>,
): Promise<void> {
  const args: Parameters<typeof serveApp> = [config, source, queue, steps, registry];
  return new Thread({ target: serveApp, args, name: `serve-${index + 1}` }).start().join();
}

/** After what was told last has been sent. */
function end(code: number): void {
  process.exitCode = code;
  if (process.connected) process.send!({ type: "end" } satisfies FromWorker, () => process.exit());
  else process.exit();
}

process.on("message", (message: ToWorker) => {
  if (message.type === "start") void start(message.config, message.sources);
  else drain(message);
});
// The server is gone: nobody would ever stop this process.
process.on("disconnect", () => drain({ limit: 1000, closeIdle: true }));
// A terminal sends these to the whole group; the server says what to do.
for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
process.on("SIGTERM", () => drain({ limit: 10_000, closeIdle: true }));
tell({ type: "begun" });
