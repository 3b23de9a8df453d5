/** Says what everything waits for, when nothing goes on any more. */

import { load } from "#atomics";
import { ADDRESS } from "../../src/core/handles.ts";
import { LIST, LOCK, QUEUE, RECORD, SEMAPHORE, SLOT, TAG } from "../../src/core/layout.ts";
import { memory } from "../../src/core/program.ts";
import { liveRecords } from "../../src/core/thread-table.ts";

const STILL = 20_000;

function words(base: number, fields: Record<string, number>): string {
  memory.reach(base + 32);
  return Object.entries(fields)
    .map(([name, offset]) => `${name}=${load(memory.words, base + offset)}`)
    .join(" ");
}

function chain(list: number): string {
  const slots: string[] = [];
  for (let slot = load(memory.words, list + LIST.head); slot !== 0 && slots.length < 20;) {
    memory.reach(slot + SLOT.payload);
    slots.push(`${slot}(${words(slot, SLOT)})`);
    slot = load(memory.words, slot + SLOT.next);
  }
  return `guard=${load(memory.words, list + LIST.guard)} [${slots.join(", ")}]`;
}

interface Shared {
  readonly [ADDRESS]: number;
}

/** The words of shared objects and of all threads' waits. */
export function dump(objects: Record<string, Shared>): string {
  const lines: string[] = [];
  for (const [name, object] of Object.entries(objects)) {
    const at = object[ADDRESS];
    const tag = load(memory.words, at);
    if (tag === TAG.lock) lines.push(`${name} ${words(at, LOCK)} list ${chain(at + LOCK.list)}`);
    else if (tag === TAG.semaphore) lines.push(`${name} ${words(at, SEMAPHORE)} list ${chain(at + SEMAPHORE.list)}`);
    else if (tag === TAG.queue) {
      lines.push(`${name} ${words(at, QUEUE)}`);
      for (const list of ["getters", "putters", "joiners"] as const) lines.push(`  ${list} ${chain(at + QUEUE[list])}`);
    }
  }
  for (const record of liveRecords(memory)) {
    lines.push(`thread ${words(record, RECORD)}`);
    for (
      let slot = load(memory.words, record + RECORD.slots);
      slot !== 0;
      slot = load(memory.words, slot + SLOT.chain)
    ) {
      memory.reach(slot + SLOT.payload);
      lines.push(`  slot ${slot} ${words(slot, SLOT)}`);
    }
  }
  return lines.join("\n");
}

/** Ends the process with the words of `objects` when `progress` has said the same for too long. Returns what stops it. */
export function watch(objects: Record<string, Shared>, progress: () => unknown): () => void {
  let before = "";
  let since = performance.now();
  const timer = setInterval(() => {
    const now = String(progress());
    if (now !== before) {
      before = now;
      since = performance.now();
    } else if (performance.now() - since > STILL) {
      console.error(`nothing goes on any more (${now})\n${dump(objects)}`);
      process.exit(70);
    }
  }, 500);
  return () => clearInterval(timer);
}
