/** The memory that processes share, with the raw algorithms on it, between real processes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { load, store } from "#atomics";
import { alloc, allocZeroed } from "../../src/core/heap.ts";
import { GRANT, LOCK_WORDS, MAGIC, OBJECT, PAGE_WORDS, PROGRAM, TAG, VERSION } from "../../src/core/layout.ts";
import { Parker } from "../../src/core/parker.ts";
import { platform } from "../../src/core/platform.ts";
import { unlock } from "../../src/core/raw/lock.ts";
import { enrollFirst, lookAround, LOOK_EVERY } from "../../src/multiprocessing/memory/presence.ts";
import { ProcessMemory } from "../../src/multiprocessing/memory/process-memory.ts";
import { LOCK_WAIT } from "../../src/threading/lock.ts";

const program = fileURLToPath(new URL("./programs/raw.js", import.meta.url));

async function run(memory: ProcessMemory, ...args: (string | number)[]): Promise<number | string> {
  const child = spawn(
    process.execPath,
    [...process.execArgv.filter((a) => a.startsWith("--cond")), program, ...args.map(String)],
    {
      stdio: ["ignore", "inherit", "inherit", memory.descriptor],
    },
  );
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  return code ?? signal!;
}

function make(): { memory: ProcessMemory; parker: Parker; lock: number; counter: number } {
  const memory = ProcessMemory.create();
  enrollFirst(memory);
  platform.poll = () => lookAround(memory);
  platform.slice = () => LOOK_EVERY;
  const lock = allocZeroed(memory, LOCK_WORDS);
  store(memory.words, lock + OBJECT.references, 1);
  store(memory.words, lock + OBJECT.tag, TAG.lock);
  return { memory, parker: new Parker(memory), lock, counter: allocZeroed(memory, 4) };
}

test("two processes count under a lock, blocking", async () => {
  const { memory, lock, counter } = make();
  const codes = await Promise.all([run(memory, "count", lock, counter), run(memory, "count", lock, counter)]);
  assert.deepEqual(codes, [0, 0]);
  assert.equal(load(memory.words, counter), 40_000);
});

test("an event loop and a blocked process share a lock", async () => {
  const { memory, parker, lock, counter } = make();
  const others = Promise.all([run(memory, "await", lock, counter), run(memory, "count", lock, counter)]);
  for (let i = 0; i < 200; i++) {
    await parker.wait(LOCK_WAIT, lock, undefined, Infinity);
    store(memory.words, counter, load(memory.words, counter) + 1);
    unlock(memory, lock);
  }
  assert.deepEqual(await others, [0, 0]);
  assert.equal(load(memory.words, counter), 20_400);
});

test("the lock of a process that is killed is found ownerless, also by who waits for it already", async () => {
  const { memory, parker, lock, counter } = make();
  await parker.wait(LOCK_WAIT, lock, undefined, Infinity);
  const killed = run(memory, "hold", lock, counter);
  unlock(memory, lock);
  assert.equal(await killed, "SIGKILL");
  assert.equal(load(memory.words, counter), 1);
  assert.equal(parker.waitSync(LOCK_WAIT, lock, Infinity), GRANT.ownerDied);
});

test("no file is left, nor was there one with a name", () => {
  assert.deepEqual(
    fs.readdirSync("/dev/shm").filter((name) => name.includes(`-${process.pid}-`)),
    [],
  );
});

test("a descriptor of something else is refused, saying why", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "heddle-memory-"));
  const file = path.join(folder, "file");
  const open = (bytes: number, words: readonly number[] = []): number => {
    fs.writeFileSync(file, new Uint8Array(Int32Array.from(words).buffer));
    fs.truncateSync(file, bytes);
    return fs.openSync(file, "r+");
  };
  try {
    assert.throws(() => new ProcessMemory(open(4096)), /not the memory of a heddle program: it has 4096 bytes/);
    assert.throws(() => new ProcessMemory(open(2 ** 32)), /its first word is another/);
    assert.throws(() => new ProcessMemory(open(2 ** 32, [MAGIC, VERSION + 1])), /it is of version/);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test("an address outside of the memory is an error, not the end of the process", () => {
  const { memory } = make();
  const pages = load(memory.words, PROGRAM.pages);
  assert.throws(() => memory.reach(pages * PAGE_WORDS + 1), /damaged/);
  assert.throws(() => memory.reach(-1), /damaged/);
  memory.grow(pages + 1);
  assert.equal(memory.reach(pages * PAGE_WORDS + 1), pages * PAGE_WORDS + 1);
  assert.equal(memory.words[pages * PAGE_WORDS], 0);
});

test("the allocator grows it by what was reserved for it, and no further", () => {
  const { memory } = make();
  const before = load(memory.words, PROGRAM.pages);
  alloc(memory, before * PAGE_WORDS);
  const pages = load(memory.words, PROGRAM.pages);
  assert.ok(pages > before && pages < 4 * before, `from ${before} pages to ${pages}`);
  assert.throws(() => memory.reach(pages * PAGE_WORDS + 1), /damaged/);
});

test("a block at the end of it can be used to its last word", () => {
  const { memory } = make();
  const free = load(memory.words, PROGRAM.pages) - load(memory.words, PROGRAM.pageHint);
  const block = alloc(memory, free * PAGE_WORDS);
  const end = load(memory.words, PROGRAM.pages) * PAGE_WORDS;
  assert.equal(block + free * PAGE_WORDS, end);
  assert.equal(memory.reach(end), end);
  assert.equal(load(memory.words, end - 1), 0);
});
