/** The backend of processes. @module */

import { Process, Queue, SharedArray } from "heddle/multiprocessing";
import { int32 } from "heddle/shared";
import type { Backend, Running } from "./kit.ts";
import { waitersOf } from "./waiters.ts";

export const processes: Backend = {
  name: "processes",
  spawn<A extends unknown[], R>(fn: (...args: A) => R | Promise<R>, ...args: A): Running<R> {
    const child = new Process({ target: fn, args }).start();
    return {
      get isAlive() {
        return child.isAlive;
      },
      join: () => child.join(),
      async terminate() {
        child.kill();
        await child.join().catch(() => undefined);
      },
    };
  },
  mailbox: <T>() => new Queue<T>(),
  waiting: waitersOf,
  words: (length) => new SharedArray(int32, length).data as Int32Array,
};
