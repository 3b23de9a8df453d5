/** The backend of worker threads. @module */

import { Queue } from "heddle/queue";
import { spawn } from "heddle/threading";
import type { Backend } from "./kit.ts";
import { waitersOf } from "./waiters.ts";

export { waitersOf };

export const threads: Backend = {
  name: "threads",
  spawn,
  mailbox: <T>() => new Queue<T>(),
  waiting: waitersOf,
  words: (length) => new Int32Array(new SharedArrayBuffer(4 * length)),
};
