/** Threads that end leave nothing mapped. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { isMain } from "heddle";
import { Lock, SharedMemory } from "heddle/multiprocessing";
import { spawn } from "heddle/threading";
import { DOMAIN } from "../../src/core/handles.ts";
import type { ProcessMemory } from "../../src/multiprocessing/memory/process-memory.ts";

export function use(lock: Lock): void {
  using _ = lock.acquireSync();
}

export function fill(memory: SharedMemory): void {
  memory.buf.fill(7);
}

/** Mappings of this process that show the file. */
function mapped(inode: number): number {
  return fs
    .readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .filter((line) => Number(line.split(/\s+/)[4]) === inode).length;
}

/** A thread is gone somewhat later than it is joined. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

if (isMain(import.meta)) {
  test("the memory that processes share is mapped once, whatever threads come and go", async () => {
    const lock = new Lock();
    const { ino } = fs.fstatSync((lock[DOMAIN].memory as ProcessMemory).descriptor);
    for (let i = 0; i < 3; i++) {
      await spawn(use, lock).join();
      // One of the thread's own would still be there.
      assert.equal(mapped(ino), 1);
    }
  });

  test("a segment that a thread has not closed goes with the thread", async () => {
    const memory = new SharedMemory({ create: true, size: 4096 });
    const { ino } = fs.statSync(`/dev/shm/${memory.name}`);
    await spawn(fill, memory).join();
    assert.equal(memory.buf[4095], 7);
    await until(() => mapped(ino) === 1);
    memory.close();
    memory.unlink();
    assert.equal(mapped(ino), 0);
  });
}
