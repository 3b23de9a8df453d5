/**
 * The domain of processes: everything in heddle/multiprocessing that is shared lives in its memory. It is made when the
 * first such object is, and inherited by every child.
 *
 * ```
 *   root process      memory made, its descriptor and place left where all its threads find them
 *     └─ child        memory inherited as a descriptor, and mapped
 *          └─ thread  sees it in the same place, and has a record of its own in it
 * ```
 * @module
 */

import { load, store } from "#atomics";
import { host } from "#host";
import { DOMAIN } from "../core/address.ts";
import { Domain, threads } from "../core/domain.ts";
import type { SharedObject } from "../core/handles.ts";
import { PROGRAM } from "../core/layout.ts";
import { setOtherDomain, useOtherDomain } from "../core/packer.ts";
import { platform } from "../core/platform.ts";
import { lockGuard, unlockGuard } from "../core/raw/guard.ts";
import { enroll, enrollFirst, leave, lookAround, LOOK_EVERY } from "./memory/presence.ts";
import { removeOrphans } from "./memory/claims.ts";
import { ProcessMemory } from "./memory/process-memory.ts";
import { ProcessParker } from "./parker.ts";

let domain: Domain | undefined;
/** What is to be told of the domain once it exists. */
const waiting: ((domain: Domain) => void)[] = [];
setOtherDomain(processes);

/** Memory that a parent has left for this process, as a descriptor. */
export function inherit(descriptor: number): void {
  store(threads.memory.words, PROGRAM.processMemory, descriptor + 1);
}

/** By which a child has the memory: see {@link inherit}. */
export function memoryDescriptor(): number {
  processes();
  return load(threads.memory.words, PROGRAM.processMemory) - 1;
}

/** Made when it is first asked for. Errors: `RuntimeError` where processes cannot share memory. */
export function processes(): Domain {
  return (domain ??= make());
}

function make(): Domain {
  const memory = attachOrCreate();
  const parker = new ProcessParker(memory);
  const made = new Domain(memory, parker, "process");
  domain = made;
  useOtherDomain(made);
  for (const tell of waiting) tell(made);
  const { poll, slice } = platform;
  platform.poll = () => {
    poll();
    lookAround(memory);
  };
  // Nobody wakes a thread whose waker was killed.
  platform.slice = () => Math.min(slice() ?? LOOK_EVERY, LOOK_EVERY);
  host.onExit(() => leave(memory));
  return made;
}

function attachOrCreate(): ProcessMemory {
  const { memory: own } = threads;
  // One thread at a time: two must not make two.
  lockGuard(own, PROGRAM.processGuard);
  try {
    const descriptor = load(own.words, PROGRAM.processMemory) - 1;
    if (descriptor < 0) {
      const memory = ProcessMemory.create();
      enrollFirst(memory);
      removeOrphans();
      inherit(memory.descriptor);
      keepBase(memory.base);
      return memory;
    }
    const memory = new ProcessMemory(descriptor, knownBase());
    keepBase(memory.base);
    enroll(memory);
    return memory;
  } finally {
    unlockGuard(own, PROGRAM.processGuard);
  }
}

function knownBase(): number {
  const { words } = threads.memory;
  return (load(words, PROGRAM.processBase) >>> 0) + 2 ** 32 * load(words, PROGRAM.processBase + 1);
}

function keepBase(base: number): void {
  const { words } = threads.memory;
  store(words, PROGRAM.processBase, base | 0);
  store(words, PROGRAM.processBase + 1, Math.floor(base / 2 ** 32));
}

/** Calls `fn` with the domain as soon as it exists. */
export function onDomain(fn: (domain: Domain) => void): void {
  waiting.push(fn);
  if (domain !== undefined) fn(domain);
}

/** Is that the memory of this program's threads, or of its processes? */
export function isSharedMemory(buffer: object): boolean {
  return buffer instanceof SharedArrayBuffer || domain?.memory.isOwn(buffer) === true;
}

/** Puts a class of shared objects into the domain of processes. */
export function ofProcesses(prototype: SharedObject): void {
  Object.defineProperty(prototype, DOMAIN, { get: processes });
}

/** As {@link ofProcesses}. `make` makes a handle, or a new object. */
export function inProcesses(prototype: SharedObject, tag: number, make: () => object): void {
  ofProcesses(prototype);
  onDomain(({ handles }) => handles.register(tag, make));
}
