/** A task that fails and is collected: it is told of while the program goes on. */

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createTask, sleep } from "heddle/asyncio";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

(() => void createTask(() => Promise.reject(new RangeError("nobody asked")), { name: "forgotten" }))();
for (let i = 0; i < 20; i++) {
  await sleep(1);
  gc();
}
console.log("still running");
