/**
 * Who must remove what has a name outside of the program: segments of shared memory, and sockets. Everything such is
 * claimed beforehand, by an empty file whose name says all; at its end the program removes what it has claimed. One that
 * is killed cannot: the next program that shares memory does it instead.
 *
 * ```
 *   /dev/shm/heddle-‹pid namespace›-‹root's pid›-‹root's start›-‹inode›-‹name of a segment›
 * ```
 * The inode tells whether the name still stands for what was claimed.
 *
 * @module
 */

import { isMainThread } from "node:worker_threads";
import { load } from "#atomics";
import { host } from "#host";
import { PROGRAM } from "../../core/layout.ts";
import type { Memory } from "../../core/memory.ts";
import { memory as own } from "../../core/program.ts";
import { startOf } from "./presence.ts";

const { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, unlinkSync } =
  process.getBuiltinModule("node:fs");

/** Where segments have their names. */
export const SEGMENTS = "/dev/shm";

const CLAIM = /^heddle-(\d+)-(\d+)-(\d+)-(\d+)-(.+)$/;
/** The longest name of a segment: a claim's must not exceed 255 bytes. */
export const LONGEST_NAME = 190;

interface Claim {
  readonly file: string;
  readonly namespace: string;
  readonly pid: number;
  readonly since: number;
  readonly inode: number;
  readonly name: string;
}

let namespace: string | undefined;

/** Process numbers mean something only in one of these; containers may share /dev/shm and not this. */
function ownNamespace(): string {
  return (namespace ??= readlinkSync("/proc/self/ns/pid").replace(/\D/g, ""));
}

/** Claims what will have that name, for the program that the memory is of. */
export function claim(memory: Memory, inode: number, name: string): void {
  const [pid, since] = [load(memory.words, PROGRAM.rootPid), load(memory.words, PROGRAM.rootSince)];
  const file = `${SEGMENTS}/heddle-${ownNamespace()}-${pid}-${since}-${inode}-${name}`;
  closeSync(openSync(file, constants.O_CREAT | constants.O_WRONLY | constants.O_NOFOLLOW, 0o600));
}

/** What was claimed exists no more, or is nobody's to remove. */
export function disclaim(inode: number, name: string): void {
  for (const each of claims()) if (each.inode === inode && each.name === name) remove(each.file);
}

function claims(): Claim[] {
  let files: string[];
  try {
    files = readdirSync(SEGMENTS);
  } catch {
    return [];
  }
  return files.flatMap((file) => {
    const match = CLAIM.exec(file);
    if (match === null) return [];
    const [, namespace, pid, since, inode, name] = match as unknown as string[];
    return [{ file, namespace: namespace!, pid: Number(pid), since: Number(since), inode: Number(inode), name: name! }];
  });
}

/** Removes what programs have left behind that are gone. */
export function removeOrphans(): void {
  removeWhere(({ pid, since }) => startOf(pid, pid) !== since);
}

function removeWhere(condition: (claim: Claim) => boolean): void {
  const user = process.getuid?.();
  for (const each of claims()) {
    // Somebody else's claim may be made up.
    if (each.namespace !== ownNamespace() || lookAt(each.file)?.uid !== user || !condition(each)) continue;
    if (lookAt(each.name)?.ino === each.inode) remove(each.name);
    remove(each.file);
  }
}

function lookAt(file: string): { readonly ino: number; readonly uid: number } | undefined {
  return lstatSync(`${SEGMENTS}/${file}`, { throwIfNoEntry: false });
}

function remove(file: string): void {
  try {
    unlinkSync(`${SEGMENTS}/${file}`);
  } catch {
    // Another program has just done so.
  }
}

// The root process ends the program, whatever thread of it had made the memory.
if (isMainThread) {
  host.onExit(() => {
    if (load(own.words, PROGRAM.processMemory) === 0) return;
    const since = startOf(process.pid, process.pid);
    removeWhere((each) => each.pid === process.pid && each.since === since);
  });
}
