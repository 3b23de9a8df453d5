/** Named segments: what is left of them when programs end, bad segments, and Python's. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { FileNotFoundError, OSError, ValueError } from "heddle/errors";
import { ShareableList, SharedMemory } from "heddle/multiprocessing";
import { startOf } from "../../src/multiprocessing/memory/presence.ts";
import { native } from "../../src/multiprocessing/memory/native.ts";

const program = fileURLToPath(new URL("./programs/segments.js", import.meta.url));
const conditions = process.execArgv.filter((flag) => flag.startsWith("--cond"));

/** Everything here has names of its own: other tests, and other programs, use /dev/shm at the same time. */
const prefix = `heddle_test_${process.pid}_`;
let names = 0;
const newName = (): string => `${prefix}${names++}`;
const pathOf = (name: string): string => `/dev/shm/${name}`;

after(() => {
  const left = fs.readdirSync("/dev/shm").filter((file) => file.includes(prefix));
  for (const file of left) fs.rmSync(pathOf(file), { recursive: true });
  assert.deepEqual(left, []);
});

function run(...args: string[]): { name: string; status: number | null; signal: string | null } {
  const { stdout, status, signal } = spawnSync(process.execPath, [...conditions, program, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return { name: stdout.trim(), status, signal };
}

/** The segment and its claim. */
function tracesOf(name: string): string[] {
  return fs.readdirSync("/dev/shm").filter((file) => file === name || file.endsWith(`-${name}`));
}

test("a program that ends leaves nothing, however it ends by itself", () => {
  for (const [how, status] of [
    ["return", 0],
    ["throw", 1],
    ["child", 0],
  ] as const) {
    const ended = run(how);
    assert.equal(ended.status, status, how);
    assert.match(ended.name, /^psm_/);
    assert.deepEqual(tracesOf(ended.name), [], how);
  }
});

test("what a killed program leaves is removed by the next one", () => {
  const { name, signal } = run("killed", newName());
  assert.equal(signal, "SIGKILL");
  assert.equal(tracesOf(name).length, 2);
  // It can still be used until then.
  assert.equal(run("return").status, 0);
  assert.deepEqual(tracesOf(name), []);
});

test("what has taken the name of a killed program's segment stays", () => {
  const { name } = run("killed", newName());
  fs.unlinkSync(pathOf(name));
  const other = new SharedMemory({ name, create: true, size: 10 });
  assert.equal(run("return").status, 0);
  assert.equal(tracesOf(name).length, 2, "the new one and its claim, but not the old one's");
  using same = new SharedMemory({ name });
  assert.equal(same.size, 10);
  other.close();
  other.unlink();
  assert.deepEqual(tracesOf(name), []);
});

test("a running program's segment is nobody else's to remove", () => {
  const mine = new SharedMemory({ name: newName(), create: true, size: 10 });
  assert.equal(run("return").status, 0);
  assert.equal(tracesOf(mine.name).length, 2);
  mine.close();
  mine.unlink();
});

test("a segment that is not tracked outlives its program", () => {
  const { name, status } = run("untracked", newName());
  assert.equal(status, 0);
  assert.deepEqual(tracesOf(name), [name]);
  const shm = new SharedMemory({ name });
  assert.equal(shm.buf[0], 42);
  shm.close();
  shm.unlink();
});

test("segments are nobody else's to read", () => {
  using shm = new SharedMemory({ name: newName(), create: true, size: 10 });
  assert.equal(fs.statSync(pathOf(shm.name)).mode & 0o777, 0o600);
  shm.unlink();
});

test("no room: a clear error, and nothing is left", () => {
  const { blocks, bsize } = fs.statfsSync("/dev/shm");
  const name = newName();
  assert.throws(
    () => new SharedMemory({ name, create: true, size: blocks * bsize + 4096 }),
    (error: Error) =>
      (error instanceof OSError && /ENOSPC|no room/i.test(error.message)) || error instanceof ValueError,
  );
  assert.deepEqual(tracesOf(name), []);
  // Also where one view could not show so much.
  const file = newName();
  const descriptor = fs.openSync(pathOf(file), "w+");
  try {
    assert.throws(() => native().reserve(descriptor, 0, blocks * bsize + 4096), { name: "OSError", message: /ENOSPC/ });
  } finally {
    fs.closeSync(descriptor);
    fs.unlinkSync(pathOf(file));
  }
});

test("what is there under the name, but is no segment", () => {
  const name = newName();
  fs.mkdirSync(pathOf(name));
  assert.throws(() => new SharedMemory({ name }), OSError);
  assert.throws(() => new SharedMemory({ name, create: true, size: 1 }), { name: "FileExistsError" });
  fs.rmdirSync(pathOf(name));

  spawnSync("mkfifo", [pathOf(name)]);
  assert.throws(() => new SharedMemory({ name }), { name: "OSError", message: /something else/ });
  fs.unlinkSync(pathOf(name));

  fs.symlinkSync("/etc/hostname", pathOf(name));
  assert.throws(() => new SharedMemory({ name }), OSError);
  fs.unlinkSync(pathOf(name));

  fs.writeFileSync(pathOf(name), "");
  assert.throws(() => new SharedMemory({ name }), ValueError);
  fs.unlinkSync(pathOf(name));
  assert.throws(() => new SharedMemory({ name }), FileNotFoundError);
});

test("a foreign segment with holes gets its memory before it is touched", () => {
  const name = newName();
  fs.writeFileSync(pathOf(name), "x");
  fs.truncateSync(pathOf(name), 100_000);
  using shm = new SharedMemory({ name });
  assert.equal(shm.buf[0], 120);
  assert.equal(shm.buf[99_999], 0);
  assert.ok(fs.statSync(pathOf(name)).blocks * 512 >= 100_000);
  shm.unlink();
});

test("a ShareableList in memory that holds none, or a damaged one", () => {
  const name = newName();
  using shm = new SharedMemory({ name, create: true, size: 256 });
  // All zero is a list of nothing; whatever else is refused, and never read beyond the end.
  for (const [at, value] of [
    [0, 1],
    [0, -1],
    [0, 2 ** 40],
    [8, 8],
  ] as const) {
    shm.buf.fill(0);
    new DataView(shm.buf.buffer).setBigInt64(at, BigInt(value), true);
    assert.throws(() => new ShareableList({ name }), ValueError, `${value} at ${at}`);
  }
  const list = new ShareableList(["text", 1], { name: newName() });
  const whole = list.shm.buf.slice();
  let refused = 0;
  for (let i = 0; i < whole.length; i++) {
    for (const bit of [1, 0x80]) {
      shm.buf.fill(0);
      shm.buf.set(whole);
      shm.buf[i]! ^= bit;
      try {
        const damaged = new ShareableList({ name });
        for (const item of damaged)
          assert.ok(["string", "number", "bigint", "boolean", "object"].includes(typeof item));
        damaged.shm.close();
      } catch (error) {
        assert.ok(error instanceof ValueError, String(error));
        refused++;
      }
    }
  }
  assert.ok(refused > 20, `${refused} were found out`);
  list.shm.close();
  list.shm.unlink();
  shm.unlink();
});

test("the format of a ShareableList is Python's", () => {
  const list = new ShareableList(["howdy", 7, 1.5, true, null], { name: newName() });
  // Made by Python 3.11: shared_memory.ShareableList(["howdy", 7, 1.5, True, None]).shm.buf
  const expected = Buffer.from(
    "0500000000000000" +
      "000000000000000008000000000000001000000000000000180000000000000020000000000000002800000000000000" +
      "686f776479000000" +
      "0700000000000000" +
      "000000000000f83f" +
      "0000000000000001" +
      "0000000000000000" +
      "3873000000000000" +
      "7100000000000000" +
      "6400000000000000" +
      "787878787878783f" +
      "7878787878783f78" +
      "0100000003",
    "hex",
  );
  assert.equal(Buffer.from(list.shm.buf).toString("hex"), expected.toString("hex"));
  list.shm.close();
  list.shm.unlink();
});

const python = spawnSync("python3", ["-c", "from multiprocessing import shared_memory"]).status === 0;

test("Python reads and writes the same lists", { skip: python ? false : "there is no Python here" }, () => {
  const list = new ShareableList(["howdy", 7, 1.5, true, null, new Uint8Array([1, 2])], { name: newName() });
  const script = `
import sys
from multiprocessing import shared_memory, resource_tracker
sl = shared_memory.ShareableList(name=sys.argv[1])
resource_tracker.unregister(sl.shm._name, "shared_memory")
print(list(sl))
sl[0] = "hi"; sl[1] = -2; sl[2] = None; sl[3] = 2.5; sl[4] = False; sl[5] = b"\\x05"
sl.shm.close()
`;
  const { stdout, stderr } = spawnSync("python3", ["-c", script, list.shm.name], { encoding: "utf8" });
  assert.equal(stdout.trim(), "['howdy', 7, 1.5, True, None, b'\\x01\\x02']", stderr);
  assert.deepEqual([...list], ["hi", -2, null, 2.5, false, new Uint8Array([5])]);
  list.shm.close();
  list.shm.unlink();
});

test("processes are told apart by when they began", () => {
  const now = startOf(process.pid, process.pid);
  assert.ok(now !== undefined && now > 0);
  assert.equal(startOf(2 ** 22 + 1, 2 ** 22 + 1), undefined);
});
