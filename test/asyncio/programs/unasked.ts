/** Tasks that fail: one that nobody asks, one that somebody does, one that is cancelled. */

import { createTask, sleep } from "heddle/asyncio";

createTask(() => Promise.reject(new RangeError("nobody asked")), { name: "forgotten" });
const asked = createTask(() => Promise.reject(new RangeError("asked")));
await asked.catch(() => undefined);
createTask(() => sleep(600_000)).cancel();
await sleep(1);
console.log("end");
