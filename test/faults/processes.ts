/** Processes that are killed at random, and what is left of them when their program has ended: nothing. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../multiprocessing/programs/kills.js", import.meta.url));
/** Kills of one program: each has a memory, and processes, of its own. */
const AT_ONCE = 50;

/** What a program's children inherit tells whose they are. */
function processesWith(mark: string): string[] {
  return fs.readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && fs.readFileSync(`/proc/${pid}/environ`, "latin1").includes(mark);
    } catch {
      // It has just ended, or is somebody else's.
      return false;
    }
  });
}

/** Nine of ten share a queue and a lock, the tenth is of a pool. Returns how many items came through. */
export function killProcesses(kills: number, seed: number = Date.now() % 1e6): number {
  let items = 0;
  for (let killed = 0; killed < kills; killed += AT_ONCE) {
    const now = Math.min(AT_ONCE, kills - killed);
    const ofPool = Math.floor(now / 10);
    const mark = randomUUID();
    // Sockets are made there.
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "kills-"));
    const args = [...process.execArgv, program, String(now - ofPool), String(ofPool), String(seed + killed)];
    const env = { ...process.env, HEDDLE_KILLS: mark, TMPDIR: folder };
    const ended = spawnSync(process.execPath, args, { encoding: "utf8", env });
    const what = `seed ${seed + killed}: ${ended.stderr}`;
    assert.deepEqual([ended.status, ended.signal], [0, null], what);
    assert.deepEqual(processesWith(mark), [], `${what}orphans`);
    assert.deepEqual(fs.readdirSync(folder), [], `${what}sockets`);
    const segments = fs.readdirSync("/dev/shm");
    assert.deepEqual(
      segments.filter((name) => name.includes(mark) || name.split("-")[2] === String(ended.pid)),
      [],
      `${what}segments`,
    );
    fs.rmdirSync(folder);
    items += Number(ended.stdout.trim());
  }
  return items;
}
