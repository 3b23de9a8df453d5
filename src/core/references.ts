/**
 * Counting references to shared objects, and freeing what nobody refers to any more. Any thread may be the one that
 * frees an object of any type, so this knows all types, by their layout alone.
 *
 * A message in shared memory is one block:
 * ```
 *   bytes │ attachments │ encoded bytes …
 * ```
 * and holds one reference to each shared object it carries; the encoded bytes list them.
 *
 * @module
 */

import { add, exchange, load, store } from "#atomics";
import { free } from "./heap.ts";
import {
  ARRAY,
  BARRIER,
  BOX,
  CONDITION,
  CONNECTION,
  OBJECT,
  PASSPORT,
  PRIORITY,
  PROCESS,
  QUEUE,
  SEGMENT,
  SHAREABLE_LIST,
  START_MESSAGES,
  STRUCT,
  STRUCT_LAYOUT,
  TAG,
  THREAD,
  THREAD_MESSAGES,
  VALUE,
} from "./layout.ts";
import type { Memory } from "./memory.ts";
import { disposeMap } from "./raw/map.ts";
import { discardItems, settleQueue, shutDown } from "./raw/queue.ts";
import { disposeRw } from "./raw/rwlock.ts";
import { addressesIn } from "./wire/codec.ts";

export const MESSAGE = { bytes: 0, attachments: 1, first: 2 } as const;

/**
 * In a message between threads, addresses from here on are of objects in the memory that processes share, if the program
 * uses that: whoever made its domain says here how they are dealt with.
 */
export const FOREIGN: number = 2 ** 30;
export const foreign: { memory: (() => Memory) | undefined } = { memory: undefined };

/** Told when a message with attachments is discarded. The host sets it. */
export const attachments: { drop(id: number): void } = { drop: () => undefined };

export function retain(memory: Memory, address: number): void {
  if (address >= FOREIGN) {
    if (foreign.memory !== undefined) retain(foreign.memory(), address - FOREIGN);
    return;
  }
  memory.reach(address);
  add(memory.words, address + OBJECT.references, 1);
}

export function release(memory: Memory, address: number): void {
  if (address >= FOREIGN) {
    if (foreign.memory !== undefined) release(foreign.memory(), address - FOREIGN);
    return;
  }
  memory.reach(address);
  if (add(memory.words, address + OBJECT.references, -1) !== 1) return;
  dispose(memory, address);
  store(memory.words, address + OBJECT.tag, 0);
  free(memory, address);
}

/** Frees a message that nobody will read, with the references it holds. */
export function discardMessage(memory: Memory, message: number): void {
  memory.reach(message);
  const size = memory.words[message + MESSAGE.bytes]! >>> 0;
  const start = (message + MESSAGE.first) * 4;
  memory.reach((start + size) >>> 2);
  for (const address of addressesIn(memory.bytes.subarray(start, start + size))) release(memory, address);
  const id = memory.words[message + MESSAGE.attachments]!;
  if (id !== 0) attachments.drop(id);
  free(memory, message);
}

/**
 * Frees what a thread or process was to start with, as far as it has not taken it: it is gone, or was never started. What
 * its arguments refer to must not wait until its object is collected, least of all the end of a pipe.
 */
export function discardStart(memory: Memory, object: number): void {
  for (const word of START_MESSAGES) {
    const message = exchange(memory.words, object + word, 0);
    if (message !== 0) discardMessage(memory, message);
  }
}

function dispose(memory: Memory, address: number): void {
  switch (load(memory.words, address + OBJECT.tag)) {
    case TAG.condition:
      release(memory, load(memory.words, address + CONDITION.lock));
      break;
    case TAG.barrier:
      discardWord(memory, address + BARRIER.action);
      break;
    case TAG.queue:
    case TAG.lifoQueue:
    case TAG.simpleQueue:
    case TAG.channel:
      discardItems(memory, address, (message) => discardMessage(memory, message));
      free(memory, load(memory.words, address + QUEUE.ring));
      break;
    case TAG.priorityQueue:
      discardItems(memory, address, (message) => discardMessage(memory, message));
      discardWord(memory, address + PRIORITY.function);
      if (load(memory.words, address + PRIORITY.turn) !== 0)
        release(memory, load(memory.words, address + PRIORITY.turn));
      break;
    case TAG.ring:
      free(memory, load(memory.words, address + QUEUE.ring));
      break;
    case TAG.priorityRing:
      // Its items are an executor's; only what is around them is the ring's own.
      discardItems(memory, address, () => undefined);
      break;
    case TAG.connection:
      hangUp(memory, load(memory.words, address + CONNECTION.writes), false);
      hangUp(memory, load(memory.words, address + CONNECTION.reads), true);
      break;
    case TAG.sharedMemory:
      discardWord(memory, address + SEGMENT.name);
      break;
    case TAG.shareableList:
      releaseWord(memory, address + SHAREABLE_LIST.segment);
      break;
    case TAG.rwlock:
      disposeRw(memory, address);
      break;
    case TAG.thread:
      for (const word of THREAD_MESSAGES) discardWord(memory, address + word);
      if (load(memory.words, address + THREAD.timer) !== 0) release(memory, load(memory.words, address + THREAD.timer));
      break;
    case TAG.process:
      for (const word of THREAD_MESSAGES) discardWord(memory, address + word);
      releaseWord(memory, address + PROCESS.parent);
      break;
    case TAG.value:
      releaseWord(memory, address + VALUE.lock);
      break;
    case TAG.array:
      releaseWord(memory, address + ARRAY.lock);
      break;
    case TAG.struct:
      for (let i = load(memory.words, address + STRUCT.nested) - 1; i >= 0; i--) {
        releaseWord(memory, address + STRUCT.first + i);
      }
      releaseWord(memory, address + STRUCT.layout);
      break;
    case TAG.structLayout:
      discardWord(memory, address + STRUCT_LAYOUT.fields);
      break;
    case TAG.map:
      disposeMap(memory, address, (nested) => release(memory, nested));
      break;
    case TAG.box:
      discardWord(memory, address + BOX.message);
      break;
    case TAG.passport:
      discardWord(memory, address + PASSPORT.message);
      break;
    default:
  }
}

/**
 * An end of a pipe is gone: the other one gets what is left and then the end of the file, and cannot send any more.
 * `unread`: nobody will receive what is in the channel.
 */
function hangUp(memory: Memory, channel: number, unread: boolean): void {
  if (channel === 0) return;
  memory.reach(channel);
  shutDown(memory, channel, unread, (message) => discardMessage(memory, message));
  // Those who watch it.
  settleQueue(memory, channel);
  release(memory, channel);
}

/** Gives back the reference to an object that a word may hold. */
function releaseWord(memory: Memory, word: number): void {
  const address = load(memory.words, word);
  if (address !== 0) release(memory, address);
}

/** Message of the function that a shared object calls in the threads that use it, or 0. */
export function functionOf(memory: Memory, address: number): number {
  memory.reach(address);
  switch (load(memory.words, address + OBJECT.tag)) {
    case TAG.barrier:
      return load(memory.words, address + BARRIER.action);
    case TAG.priorityQueue:
      return load(memory.words, address + PRIORITY.function);
    case TAG.passport:
      return load(memory.words, address + PASSPORT.message);
    default:
      return 0;
  }
}

function discardWord(memory: Memory, word: number): void {
  const message = load(memory.words, word);
  if (message !== 0) discardMessage(memory, message);
}
