/**
 * The program this thread belongs to: its memory, and this thread's way of waiting. The main thread makes the memory;
 * every other thread is told of it by the thread that started it.
 *
 * @module
 */

import { canBlock } from "#atomics";
import { bootOfThisThread } from "#boot";
import { RuntimeError } from "../errors.ts";
import { ThreadMemory } from "./memory.ts";
import { Parker } from "./parker.ts";
import { adoptMainThread, adoptThread } from "./thread-table.ts";

export interface Program {
  readonly memory: ThreadMemory;
  readonly parker: Parker;
  readonly isMain: boolean;
}

const KEY: unique symbol = Symbol.for("heddle.program") as never;

function create(): Program {
  const boot = bootOfThisThread();
  const memory = boot === undefined ? ThreadMemory.create(canBlock()) : new ThreadMemory(boot.buffer, canBlock());
  if (boot === undefined) adoptMainThread(memory);
  else if (!adoptThread(memory, boot.tid, boot.osThread)) {
    throw new RuntimeError("The thread was terminated before it began.");
  }
  return { memory, parker: new Parker(memory), isMain: boot === undefined };
}

// Two copies of the package in one thread (a bundle beside node_modules) share one program: a thread has one record.
const found = globalThis as { [KEY]?: Program };
export const program: Program = (found[KEY] ??= create());
export const memory: ThreadMemory = program.memory;
export const parker: Parker = program.parker;
