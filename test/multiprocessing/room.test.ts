/** No room for what processes share: an error at the call, nothing half made, and everything goes on. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
// Programs get the same modules as this file.
import "../../src/multiprocessing/domain.ts";

const program = fileURLToPath(new URL("./programs/room.js", import.meta.url));
const conditions = process.execArgv.filter((flag) => flag.startsWith("--cond"));

const STEPS = ["bytes: full", "number: full", "text: full", "map: full", "array: too large", "objects: full"];

/** A namespace of mounts of one's own, with a small /dev/shm. */
const NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"] as const;
const MOUNT = 'mount -t tmpfs -o size=2m tmpfs "$0" && mount -t tmpfs -o size=1m tmpfs /dev/shm';

function run(command: string, args: readonly string[]): void {
  const { stdout, stderr, status, signal } = spawnSync(command, args, { encoding: "utf8", timeout: 120_000 });
  assert.equal(stderr, "");
  const segments = args.includes("small") ? ["segments: no room"] : [];
  assert.deepEqual(stdout.trim().split("\n"), [...segments, ...STEPS]);
  assert.deepEqual([status, signal], [0, null]);
}

function folder(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), "heddle-room-"));
}

function mayMount(): boolean {
  const at = folder();
  const [command, ...args] = [...NAMESPACE, MOUNT, at];
  const { status } = spawnSync(command, args);
  fs.rmdirSync(at);
  return status === 0;
}

test(
  "no room on the machine",
  { skip: mayMount() ? false : "this machine lets nobody mount a small file system" },
  () => {
    const at = folder();
    const [command, ...args] = [...NAMESPACE, `${MOUNT} && exec "$@"`, at];
    run(command, [...args, process.execPath, ...conditions, program, "small", at]);
    fs.rmdirSync(at);
  },
);

test("the program has had all that it may have", () => {
  run(process.execPath, [...conditions, program, "limit"]);
});
