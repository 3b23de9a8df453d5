import { test } from "node:test";
import { expect } from "./child.ts";

const ends: Record<string, readonly [name: string, stdout: string | RegExp, stderr?: RegExp, code?: number]> = {
  "a program with idle workers ends by itself, without shutdown": ["idle-workers", "[ 2, 3 ] true\n"],
  "a pool that was never used keeps nothing alive": ["unused", ""],
  "TPE-7 pending tasks are still done when main has ended, and their callbacks called": [
    "pending-task",
    "first\nsecond\ndone <Future state=finished returned string>\n",
  ],
  "a map that nobody looks at is still done, and its timeout does not hold up the end": [
    "pending-map",
    "a\nb\nc\nd\ne\n",
  ],
  "TPE-12 after shutdown without waiting the tasks are still done": ["shutdown-no-wait", "still done\n"],
  "cancelled tasks keep nothing alive": ["cancelled", /^\[ true, true, true \]\n(begun before it was cancelled\n)*$/],
  "a future that nobody settles keeps nothing alive": ["never-settled", "1\n"],
  "timeouts of waits that are over hold nothing up": ["long-timeouts", "3\n"],
  "timers that a task left in its worker do not stop the next, nor the end": [
    "pending-timers-in-a-worker",
    "ticking\nnext\n",
  ],
  "a broken pool keeps nothing alive": ["broken-pool", /^(<Future state=finished raised BrokenThreadPool>,?){3}\n$/],
  "an error that nobody asked for waits in its future": ["unhandled-rejection", ""],
  "an error that was awaited and not caught ends the program": ["awaited-rejection", "", /RangeError: asked for/, 1],
  "an initializer that cannot be sent is refused where the task is submitted, and keeps nothing alive": [
    "unsendable-initializer",
    /^NotSendableError, .*initializer.*\n$/,
  ],
  "an abandoned pool lets its workers go": ["abandoned", "initialized true\n[ 1, 2 ] true\nlet go\n"],
  "FUT-3 FUT-4 FUT-11 callbacks that throw are reported and stop no other": [
    "callbacks",
    "1,3,true 1\n",
    /exception calling callback for <Future[^]*RangeError: FUT-3[^]*RangeError: FUT-4[^]*RangeError: FUT-11/,
  ],
};

for (const [what, [name, stdout, stderr, code]] of Object.entries(ends)) {
  test(what, async () => await expect("ends", [name], { stdout, ...(stderr && { stderr }), ...(code && { code }) }));
}
