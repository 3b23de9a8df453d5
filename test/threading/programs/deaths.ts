/**
 * Threads that end badly. `deaths NAME MODE`: MODE is how main waits: `join` (its loop goes on), `joinSync` (it blocks),
 * or `nobody` (nobody joins). Prints what came of it, and must end by itself.
 *
 * @module
 */

import { isMain } from "heddle";
import { Thread, type ThreadOptions } from "heddle/threading";

function never(): void {
  for (;;);
}

function hoard(): unknown {
  const all: unknown[] = [];
  for (;;) all.push(Array.from({ length: 1000 }, (_, i) => ({ i })));
}

const bad: Record<string, ThreadOptions<unknown[], unknown>> = {
  throws: {
    target: () => {
      throw Object.assign(new RangeError("thrown"), { code: "E_OWN", cause: new TypeError("its cause") });
    },
  },
  rejects: { target: () => Promise.reject(new RangeError("rejected")) },
  "throws-undefined": {
    target: () => Promise.reject(undefined),
  },
  // Its target waits for ever, and a timer's callback throws.
  "throws-later": {
    target: () =>
      new Promise(() => {
        setTimeout(() => {
          throw new RangeError("from a timer");
        }, 1);
        setInterval(() => undefined, 1000);
      }),
  },
  "rejects-later": {
    target: () =>
      new Promise(() => {
        setTimeout(() => void Promise.reject(new RangeError("unhandled")), 1);
        setInterval(() => undefined, 1000);
      }),
  },
  exits: { target: () => process.exit(3) },
  "exits-0": { target: () => process.exit(0) },
  "exits-later": { target: () => new Promise(() => setTimeout(() => process.exit(4), 1)) },
  "never-settles": { target: () => new Promise(() => undefined) },
  "out-of-memory": { target: hoard, resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 } },
  "unsendable-result": { target: () => ({ inside: Promise.resolve(1) }) },
};

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  const { name, message, cause } = error;
  const { code, exitCode } = error as { code?: string; exitCode?: number };
  const because = cause instanceof Error ? ` because ${cause.name}: ${cause.message}` : "";
  return `${name} ${code ?? ""} ${exitCode ?? ""}: ${message}${because}`;
}

async function outcome(thread: Thread, mode: string): Promise<string> {
  try {
    return `returned ${String(mode === "joinSync" ? thread.joinSync() : await thread.join())}`;
  } catch (error) {
    return describe(error);
  }
}

if (isMain(import.meta)) {
  const [name, mode] = process.argv.slice(2) as [string, string];
  if (name === "import-fails") bad[name] = { target: (await import("./fails-in-threads.ts")).fn };
  if (name === "never-ends") {
    const thread = new Thread({ target: never }).start();
    const killed = thread.terminate();
    console.log(await outcome(thread, mode));
    await killed;
    console.log(`alive: ${thread.isAlive}`);
  } else {
    const thread = new Thread(bad[name]!).start();
    if (mode !== "nobody") {
      console.log(await outcome(thread, mode));
      console.log(`alive: ${thread.isAlive}`);
    }
  }
}
