/** In threads, evaluating this module takes until somebody opens the gate: two files in the folder HEDDLE_GATE. */
import fs from "node:fs";
import { isMainThread } from "node:worker_threads";

/** Blocks until the file is there. */
export function waitFor(name: string): void {
  const turn = new Int32Array(new SharedArrayBuffer(4));
  while (!fs.existsSync(`${process.env["HEDDLE_GATE"]}/${name}`)) Atomics.wait(turn, 0, 0, 5);
}

export function say(name: string): void {
  fs.writeFileSync(`${process.env["HEDDLE_GATE"]}/${name}`, "");
}

if (!isMainThread) {
  say("reached");
  waitFor("open");
}
