/**
 * What the explorer may forget: the places in the core at which the way that led there does not matter any more.
 *
 * A function over shared words leaves nothing behind but its result and what it wrote, so a thread that has come out of it
 * knows no more than that. In a loop that starts over, it knows what the loop's own variables say. Both are told to the
 * explorer by calls put into the compiled text, which change nothing else; see `Engine.summarize`. Without them two ways to
 * take a lock that differ in a spin or a sleep would be two states for ever after, some fifty times as many in all.
 */

/** Files whose functions are summarized: all that take the memory, but those named here. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  "core/heap.js": [],
  "core/references.js": [],
  "core/reaper.js": [],
  "core/thread-table.js": [],
  "core/raw/barrier.js": [],
  "core/raw/condition.js": [],
  "core/raw/event.js": [],
  "core/raw/guard.js": [],
  "core/raw/lock.js": [],
  "core/raw/lookout.js": [],
  // Its callbacks count, in variables of their own.
  "core/raw/map.js": ["forEachEntry"],
  "core/raw/map-key.js": [],
  "core/raw/priority.js": [],
  "core/raw/queue.js": [],
  "core/raw/ring.js": [],
  "core/raw/rwlock.js": [],
  "core/raw/semaphore.js": [],
  "core/raw/threads.js": [],
  "core/raw/wait-list.js": [],
};

/** Besides its result, a function leaves something in these variables of its module. */
const KEPT: Readonly<Record<string, string>> = {
  "core/raw/queue.js": "got.cell",
  "core/raw/map.js": "found.cell, found.version, found.lock",
};

interface Loop {
  /** How the loop begins, in the compiled text. */
  readonly head: RegExp;
  /** The variables that matter at its top, besides the function's arguments and what can be read again. */
  readonly live: string;
}

const LOOPS: Readonly<Record<string, readonly Loop[]>> = {
  "core/parker.js": [
    { head: /for \(;;\) \{(?=\s+const result = kind\.enter\(memory, object, slot, true\))/, live: "spins" },
    { head: /for \(let first = true;; first = false\) \{/, live: "granting, lookAt, first, spins" },
  ],
  "core/raw/barrier.js": [{ head: /for \(;;\) \{(?=\s+lockList)/, live: "" }],
  "core/raw/guard.js": [
    { head: /for \(let i = 0; i < SPINS; i\+\+\) \{/, live: "i" },
    { head: /for \(let slept = false;;\) \{/, live: "slept" },
  ],
  "core/raw/lock.js": [
    { head: /for \(;;\) \{(?=\s+if \(\(seen & POISONED\))/, live: "seen" },
    { head: /for \(;;\) \{(?=\s+const seen = load)/, live: "" },
    { head: /for \(;;\) \{(?=\s+lockList)/, live: "" },
    { head: /while \(\(seen & WAITERS\) === 0\) \{/, live: "seen" },
  ],
  "core/raw/rwlock.js": [{ head: /for \(;;\) \{(?=\s+lockList)/, live: "" }],
  "core/raw/semaphore.js": [
    { head: /for \(;;\) \{(?=\s+const seen = load\(memory\.words, word\);\s+if \(seen >>> 2 === 0\))/, live: "" },
    { head: /for \(;;\) \{(?=\s+const seen = load\(memory\.words, word\);\s+const needsGuard)/, live: "most" },
    { head: /while \(\(seen & CLOSED\) === 0\) \{/, live: "seen" },
  ],
  "core/raw/wait-list.js": [{ head: /for \(;;\) \{(?=\s+store\(memory\.words, slot \+ SLOT\.ready)/, live: "top" }],
};

/** Loops that {@link summarized} did not find in a file: somebody has changed it. */
export const missing: Set<string> = new Set();

/** The file's compiled text with calls of `summarize` and `label` put in. */
export function summarized(file: string, text: string): string {
  let result = text;
  for (const [i, { head, live }] of (LOOPS[file] ?? []).entries()) {
    const before = result;
    result = result.replace(head, (found) => `${found} label(${[i, live].filter((part) => part !== "").join(", ")});`);
    if (result === before) missing.add(`${file}: ${head}`);
  }
  const kept = KEPT[file];
  const except = FILES[file];
  if (except === undefined) return result;
  return result.replace(
    /^(export )?function (\w+)\((memory(?:, [^)]*)?)\) \{/gm,
    (whole, exported: string | undefined, name: string, parameters: string) => {
      if (except.includes(name)) return whole;
      const args = parameters.replaceAll(/ = [\w.]+/g, "");
      const keeps = [kept, /\bwoken\b/.test(args) ? "...woken" : undefined].filter((part) => part !== undefined);
      const digest = keeps.length === 0 ? "" : `, () => [${keeps.join(", ")}]`;
      return (
        `${exported ?? ""}function ${name}(${parameters}) { return summarize(() => ${name}$(${args})${digest}); }\n` +
        `function ${name}$(${parameters}) {`
      );
    },
  );
}
