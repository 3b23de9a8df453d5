/** A program whose processes are killed at random. argv: how many of those that share queue and lock, and of a pool; a seed. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { isMain } from "heddle";
import { activeChildren, Listener } from "heddle/multiprocessing";
import { killRun, poolKillRun } from "../kills.ts";

/** Also those that have ended, and were not asked for their exit code. */
const children = (): string => fs.readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim();

if (isMain(import.meta)) {
  const [kills, poolKills, seed] = process.argv.slice(2).map(Number) as [number, number, number];
  const items = kills > 0 ? await killRun(kills, seed) : 0;
  if (poolKills > 0) await poolKillRun(poolKills);
  assert.deepEqual(activeChildren(), []);
  while (children() !== "") await new Promise(setImmediate);
  // Removes what those have left who were killed with a socket.
  (await new Listener().listening()).close();
  console.log(items);
}
