/** Says what everything waits for, when nothing goes on any more. */

import { load } from "#atomics";
import { ADDRESS } from "../../src/core/handles.ts";
import {
  BARRIER,
  CONDITION,
  EVENT,
  LIST,
  LOCK,
  QUEUE,
  RECORD,
  RWLOCK,
  SEMAPHORE,
  SLOT,
  TAG,
} from "../../src/core/layout.ts";
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

/** What each type consists of, and which of its words are wait lists. */
const TYPES: readonly (readonly [tags: readonly number[], words: Record<string, number>, lists: readonly string[]])[] =
  [
    [[TAG.lock, TAG.rlock], LOCK, ["list"]],
    [[TAG.semaphore, TAG.boundedSemaphore], SEMAPHORE, ["list"]],
    [[TAG.condition], CONDITION, ["list"]],
    [[TAG.event], EVENT, ["list"]],
    [[TAG.barrier], BARRIER, ["list"]],
    [[TAG.rwlock], RWLOCK, ["list"]],
    [[TAG.queue, TAG.lifoQueue, TAG.simpleQueue, TAG.priorityQueue], QUEUE, ["getters", "putters", "joiners"]],
  ];

function describe(name: string, at: number): string[] {
  const type = TYPES.find(([tags]) => tags.includes(load(memory.words, memory.reach(at))));
  if (type === undefined) return [];
  const [tags, fields, lists] = type;
  const lines = [`${name} ${words(at, fields)}`];
  for (const list of lists) lines.push(`  ${list} ${chain(at + fields[list]!)}`);
  if (tags.includes(TAG.condition)) lines.push(...describe(`  its lock`, load(memory.words, at + CONDITION.lock)));
  return lines;
}

/** The words of shared objects and of all threads' waits. */
export function dump(objects: Record<string, Shared>): string {
  const lines = Object.entries(objects).flatMap(([name, object]) => describe(name, object[ADDRESS]));
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
