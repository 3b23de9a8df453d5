/**
 * How programs end. `ends NAME`: each case prints what it must print, and must end by itself.
 *
 * @module
 */

import { isMain } from "heddle";
import { Queue } from "heddle/queue";
import {
  activeCount,
  currentThread,
  enumerate,
  Event,
  Lock,
  mainThread,
  setExcepthook,
  spawn,
  Thread,
} from "heddle/threading";

function slow(name: string, ready: Event): void {
  ready.set();
  new Event().waitSync({ timeout: 100 });
  console.log(`end of ${name}`);
}

function startsAnother(started: Event): void {
  mainThread().joinSync();
  new Thread({ target: slow, args: ["the late thread", started] }).start();
}

function forever(ready: Event): void {
  ready.set();
  try {
    new Lock().acquireSync().acquireSync();
  } finally {
    console.log("never printed");
  }
}

function afterMain(): string {
  mainThread().joinSync();
  console.log(`end of thread, main alive: ${mainThread().isAlive}`);
  return "joined main";
}

/** Prints many lines, each with its number, and waits for nobody. */
function chatter(name: string, lines: number): void {
  for (let i = 0; i < lines; i++) console.log(`${name} ${i} ${"x".repeat(i % 100)}`);
}

function chatterThenHang(name: string, lines: number, done: Event): void {
  chatter(name, lines);
  console.error(`${name} on stderr`);
  done.set();
  for (;;);
}

function grandchild(depth: number): number {
  return depth === 0 ? activeCount() : new Thread({ target: grandchild, args: [depth - 1] }).start().joinSync();
}

function parentEndsFirst(): string {
  new Thread({ name: "orphan", target: slow, args: ["the child", new Event()] }).start();
  return "parent's result";
}

function parentOf(ready: Event): void {
  new Thread({ name: "child", target: forever, args: [ready] }).start();
  new Lock().acquireSync().acquireSync();
}

const cases: Record<string, () => unknown> = {
  /** THR-11: the process waits for threads that are not daemons. */
  async nondaemon() {
    const ready = new Event();
    new Thread({ target: slow, args: ["thread", ready] }).start();
    await ready.wait();
    console.log("end of main");
  },
  /** THR-11: also for one that was started meanwhile. */
  late() {
    new Thread({ target: startsAnother, args: [new Event()] }).start();
    console.log("end of main");
  },
  /** THR-12: not for daemons, whose finally blocks do not run. */
  async daemon() {
    const ready = new Event();
    new Thread({ target: forever, args: [ready], daemon: true }).start();
    await ready.wait();
    console.log("end of main");
  },
  /** THR-12: a daemon that was never joined and whose main is over before it begins. */
  "daemon-early"() {
    new Thread({ target: forever, args: [new Event()], daemon: true }).start();
    console.log("end of main");
  },
  /** THR-14: joining the main thread ends when its program has. */
  joinmain() {
    new Thread({ target: afterMain }).start();
    console.log("end of main");
  },
  /** A pending async wait keeps the process alive. */
  async pending() {
    const event = new Event();
    setTimeout(() => undefined, 1).unref();
    const waited = event.wait({ timeout: 150 });
    console.log(`waited: ${await waited}`);
  },
  /** Nothing else does: primitives, ended threads, an excepthook, an idle daemon. */
  async idle() {
    const [queue, lock] = [new Queue<number>(), new Lock()];
    queue.putNowait(1);
    lock.acquireSync();
    setExcepthook(() => undefined);
    await spawn(() => 1).join();
    const ready = new Event();
    new Thread({ target: (queue: Queue<number>) => queue.joinSync(), args: [queue], daemon: true }).start();
    ready.set();
    console.log("end of main");
  },
  exit() {
    new Thread({ target: forever, args: [new Event()] }).start();
    console.log("exiting");
    process.exit(5);
  },
  async "exit-running"() {
    const ready = new Event();
    new Thread({ target: forever, args: [ready] }).start();
    await ready.wait();
    console.log("exiting");
    process.exitCode = 6;
    process.exit();
  },
  async "uncaught-in-main"() {
    const ready = new Event();
    new Thread({ target: forever, args: [ready], daemon: true }).start();
    await ready.wait();
    throw new RangeError("main fails");
  },
  /** Lines of a thread come at once and in order, though main blocks. */
  "output-blocked"() {
    new Thread({ target: chatter, args: ["a", 3000] }).start().joinSync();
    console.log("end of main");
  },
  /** Nothing that was written is lost when the thread is terminated right after. */
  async "output-terminated"() {
    const done = new Event();
    const thread = new Thread({ target: chatterThenHang, args: ["a", 2000, done] }).start();
    done.waitSync();
    await thread.terminate();
  },
  /** Nor when the process exits. */
  "output-exit"() {
    const done = new Event();
    new Thread({ target: chatterThenHang, args: ["a", 2000, done] }).start();
    done.waitSync();
    process.exit(0);
  },
  async "output-many"() {
    const threads = ["a", "b", "c", "d"].map((name) => new Thread({ target: chatter, args: [name, 500] }).start());
    for (const thread of threads) await thread.join();
  },
  /** MOD-2: process.exit in a thread ends that thread, silently. */
  async "exit-in-thread"() {
    const thread = new Thread({ target: () => process.exit(7) }).start();
    while (thread.isAlive) await new Event().wait({ timeout: 1 });
    console.log("main goes on");
  },
  /** MOD-3: a hook that throws is reported, once. */
  "hook-throws"() {
    setExcepthook(() => {
      throw new TypeError("the hook fails");
    });
    new Thread({ name: "failing", target: () => Promise.reject(new RangeError("the thread fails")) }).start();
  },
  /** MOD-8: the default hook is back. */
  "hook-restored"() {
    setExcepthook(() => console.log("never called"));
    setExcepthook();
    new Thread({ name: "failing", target: () => Promise.reject(new RangeError("the thread fails")) }).start();
  },
  nested() {
    console.log(`threads at the bottom: ${grandchild(3)}`);
  },
  async "parent-ends-first"() {
    const parent = new Thread({ target: parentEndsFirst }).start();
    console.log(await parent.join());
  },
  /** The child goes with its parent, and whoever joins it is told. */
  async "parent-terminated"() {
    const ready = new Event();
    const parent = new Thread({ name: "parent", target: parentOf, args: [ready] }).start();
    await ready.wait();
    const child = enumerate().find(({ name }) => name === "child")!;
    const joined = child.join().catch((error: Error) => `${error.name}: ${error.message}`);
    await parent.terminate();
    console.log(await joined);
    console.log(activeCount(), currentThread() === mainThread());
  },
  async "parent-terminated-blocked"() {
    const ready = new Event();
    const parent = new Thread({ name: "parent", target: parentOf, args: [ready] }).start();
    ready.waitSync();
    const child = enumerate().find(({ name }) => name === "child")!;
    void parent.terminate();
    try {
      child.joinSync();
    } catch (error) {
      console.log(`${(error as Error).name}: ${(error as Error).message}`);
    }
  },
};

if (isMain(import.meta)) await cases[process.argv[2]!]!();
