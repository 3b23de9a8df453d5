/** Collects garbage on demand, and looks at how much of the program's memory is in use. @module */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { load } from "#atomics";
import { PROGRAM } from "../../src/core/layout.ts";
import { memory } from "../../src/core/program.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Collects until the condition holds: finalizers run some turns of the loop after what they watch was collected. */
export async function collectUntil(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
    if (condition()) return;
  }
  throw new Error(`never collected: ${what}`);
}

/** Collects a few times: enough for what nobody refers to. */
export async function collectTurns(turns = 5): Promise<void> {
  for (let i = 0; i < turns; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Pages in use by blocks larger than half a page. */
export function largePages(): number {
  return load(memory.words, PROGRAM.largePages);
}

/** Pages the memory has grown to. */
export function pages(): number {
  return load(memory.words, PROGRAM.pages);
}
