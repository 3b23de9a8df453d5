/**
 * A program whose processes run out of shared memory. argv: `small`, and a folder on a small file system: there is no
 * room there. `limit`: there is room, but the program has had all that it may have.
 */
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { load, store } from "#atomics";
import { isMain } from "heddle";
import { Event, Lock, Process, Queue, SharedArray, SharedMap, SharedMemory, uint8 } from "heddle/multiprocessing";
import { alloc } from "../../../src/core/heap.ts";
import { MAX_PAGES, PAGE_WORDS, PROGRAM } from "../../../src/core/layout.ts";
import { inherit, processes } from "../../../src/multiprocessing/domain.ts";
import { enrollFirst } from "../../../src/multiprocessing/memory/presence.ts";
import { ProcessMemory } from "../../../src/multiprocessing/memory/process-memory.ts";

type Item = number | string | Uint8Array;

/** Numbers lie in the queue itself, which grows; others in blocks of their own, small or of whole pages. */
const KINDS: Readonly<Record<string, (i: number) => Item>> = {
  bytes: (i) => new Uint8Array(100_000).fill(i),
  number: (i) => i,
  text: (i) => `${i}`.padEnd(1000),
};

/** Does it until there is no room. How often that went well, and the error. */
function untilFull(step: (i: number) => void): { times: number; error: Error } {
  for (let times = 0; ; times++) {
    try {
      step(times);
    } catch (error) {
      return { times, error: error as Error };
    }
  }
}

function takeAndRefill(queue: Queue<Item>, isFull: Event, items: number, kind: string): [times: number, error: string] {
  isFull.waitSync();
  for (let i = 0; i < items || !queue.empty; i++) assert.deepEqual(queue.getNowait(), KINDS[kind]!(i));
  const { times, error } = untilFull((i) => queue.putNowait(KINDS[kind]!(i)));
  return [times, String(error)];
}

async function fillQueues(expected: RegExp): Promise<void> {
  for (const [kind, make] of Object.entries(KINDS)) {
    const [queue, isFull] = [new Queue<Item>(), new Event()];
    const child = new Process({ target: takeAndRefill, args: [queue, isFull, 1, kind], daemon: true }).start();
    const { times, error } = untilFull((i) => queue.putNowait(make(i)));
    assert.match(String(error), expected, kind);
    // The put that failed has left nothing, and what was put before is there: for another process, which meets the same.
    assert.ok(times > 3 && queue.qsize === times, `${kind}: ${queue.qsize} of ${times}`);
    isFull.set();
    const [again, told] = await child.join();
    assert.match(told, expected, kind);
    assert.equal(queue.qsize, again);
    for (let i = 0; i < again; i++) assert.deepEqual(queue.getNowait(), make(i));
    queue.putNowait(make(7));
    assert.deepEqual(queue.getNowait(), make(7));
    console.log(`${kind}: full`);
  }
}

function fillMap(expected: RegExp): void {
  const map = new SharedMap<number, string>();
  const value = (i: number): string => `${i}`.padEnd(5000);
  const { times, error } = untilFull((i) => map.set(i, value(i)));
  assert.match(String(error), expected);
  assert.equal(map.size, times);
  for (let i = 0; i < times; i++) assert.equal(map.get(i), value(i));
  map.clear();
  for (let i = 0; i < times; i++) map.set(i, value(i));
  assert.equal(map.size, times);
  map.clear();
  console.log("map: full");
}

/** Objects until there is room for none: then there is none for that of a segment either, which is not made. */
function fillWithObjects(expected: RegExp): void {
  const [locks, segments]: [Lock[], SharedMemory[]] = [[], []];
  const names = (): string[] => fs.readdirSync("/dev/shm").filter((name) => name.includes("room"));
  assert.match(String(untilFull(() => locks.push(new Lock())).error), expected);
  for (const lock of locks) lock.acquireSync().release();
  const { times, error } = untilFull((i) => {
    segments.push(new SharedMemory({ name: `room-${process.pid}-${i}`, create: true, size: 4096 }));
  });
  assert.match(String(error), expected);
  // Each has its claim beside it.
  assert.equal(names().length, 2 * times);
  for (const segment of segments) {
    segment.close();
    segment.unlink();
  }
  assert.deepEqual(names(), []);
  console.log("objects: full");
}

function tooLarge(expected: RegExp): void {
  assert.throws(() => new SharedArray(uint8, 100 * 2 ** 20), expected);
  using lock = new Lock().acquireSync();
  assert.ok(lock.locked);
  console.log("array: too large");
}

/** /dev/shm is small, too. */
function segments(): void {
  const names = (): string[] => fs.readdirSync("/dev/shm").toSorted();
  const before = names();
  assert.throws(() => new SharedMemory({ create: true, size: 4 * 2 ** 20 }), /OSError: .*ENOSPC.*free memory/);
  assert.deepEqual(names(), before);
  // A foreign file with holes: reading where there is no room for it would kill the program.
  fs.writeFileSync("/dev/shm/foreign", "");
  fs.truncateSync("/dev/shm/foreign", 4 * 2 ** 20);
  assert.throws(() => new SharedMemory({ name: "foreign" }), /OSError: .*ENOSPC/);
  fs.unlinkSync("/dev/shm/foreign");
  const shm = new SharedMemory({ create: true, size: 2 ** 19 });
  shm.buf.fill(1);
  shm.close();
  shm.unlink();
  assert.deepEqual(names(), before);
  console.log("segments: no room");
}

if (isMain(import.meta)) {
  const [how, folder] = process.argv.slice(2);
  if (how === "small") {
    const file = fs.openSync(path.join(folder!, "memory"), "w+");
    enrollFirst(ProcessMemory.create(file));
    inherit(file);
  } else {
    const { memory } = processes();
    const used = load(memory.words, PROGRAM.pages);
    // So much is taken that little is left; none of it is written, and so costs nothing.
    store(memory.words, PROGRAM.pages, MAX_PAGES);
    alloc(memory, (MAX_PAGES - used - 40) * PAGE_WORDS);
  }
  const expected = how === "small" ? /OSError: .*ENOSPC.*free memory/ : /RuntimeError: .*is full \(4096 MiB\)/;
  if (how === "small") segments();
  await fillQueues(expected);
  fillMap(expected);
  tooLarge(expected);
  fillWithObjects(expected);
}
