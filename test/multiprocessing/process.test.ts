/** Process: PROC-1 … PROC-14, and what heddle adds. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { isMain } from "heddle";
import { NotSendableError, ProcessDiedError, RuntimeError, ValueError } from "heddle/errors";
import {
  activeChildren,
  currentProcess,
  Event,
  Lock,
  parentProcess,
  Process,
  Queue,
  SharedArray,
  uint8,
} from "heddle/multiprocessing";
import { Lock as ThreadLock, spawn, Thread } from "heddle/threading";
import { runProgram } from "../examples/run-example.ts";

const isActive = (child: { pid: number | undefined }): boolean => activeChildren().some(({ pid }) => pid === child.pid);

let global = 1;

class Secretive extends Process {
  #secret = 1;
  override run(): number {
    return this.#secret;
  }
}

export function describeSelf(...args: unknown[]): object {
  const { name, pid, daemon } = currentProcess();
  return { name, pid: pid === process.pid, daemon, args, parent: parentProcess()?.pid, global: ++global };
}

export async function waitFor(event: Event, value: unknown): Promise<unknown> {
  await event.wait();
  return value;
}

function exitWith(code: number): void {
  process.exit(code);
}

function fail(): never {
  throw new RangeError("out of range", { cause: new TypeError("the cause") });
}

function holdAndDie(lock: Lock): void {
  lock.acquireSync();
  process.kill(process.pid, "SIGKILL");
}

function tree(path: number[], visited: Queue<number[]>): void {
  visited.putSync(path);
  if (path.length === 2) return;
  for (const i of [0, 1]) new Process({ target: tree, args: [[...path, i], visited] }).start().joinSync();
}

function startChild(): void {
  new Process({ target: fail }).start();
}

function leaveThread(events: Queue<string>): void {
  new Thread({
    target: async (queue: Queue<string>) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      await queue.put("thread");
    },
    args: [events],
    daemon: false,
  }).start();
  events.putSync("target");
}

export class Doubler extends Process {
  n: number;

  constructor(n: number) {
    super();
    this.n = n;
  }

  override run(): number {
    this.n *= 2;
    return this.n + 1;
  }
}

const signalled = (signal: NodeJS.Signals) => (): void => {
  process.kill(process.pid, signal);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
};

if (isMain(import.meta)) {
  test("PROC-1 the states: not started, running, ended", async () => {
    const event = new Event();
    const child = new Process({ target: waitFor, args: [event, "value"] });
    assert.deepEqual([child.pid, child.exitcode, child.isAlive], [undefined, undefined, false]);
    assert.ok(!isActive(child));
    child.start();
    assert.deepEqual([typeof child.pid, child.exitcode, child.isAlive], ["number", undefined, true]);
    assert.ok(isActive(child));
    assert.equal(await child.join({ timeout: 0 }), undefined);
    event.set();
    assert.equal(await child.join(), "value");
    assert.deepEqual([child.exitcode, child.isAlive], [0, false]);
    assert.ok(!isActive(child));
    assert.equal(child.joinSync(), "value", "joining is repeatable");
  });

  test("PROC-2 name, pid and arguments arrive unchanged; PROC-10 globals are the child's own; PROC-12 the parent", async () => {
    const args = [1, "two", { three: [3n] }, new Map([[4, new Date(5)]])];
    const child = new Process({ target: describeSelf, args, name: "the child" }).start();
    assert.deepEqual(await child.join(), {
      name: "the child",
      pid: true,
      daemon: false,
      args,
      parent: process.pid,
      global: 2,
    });
    assert.equal(global, 1);
    assert.equal(parentProcess(), undefined);
    assert.equal(currentProcess().name, "MainProcess");
  });

  test("PROC-2 names count: Process-N, and of a child's children Process-N:1", async () => {
    const child = new Process({
      target: async () => {
        const own = currentProcess().name;
        const inner = await new Process({ target: describeSelf }).start().join();
        return [own, (inner as { name: string }).name];
      },
    }).start();
    const [own, inner] = await child.join();
    assert.match(own!, /^Process-\d+$/);
    assert.equal(inner, `${own}:1`);
  });

  for (const code of [0, 1, 3, 256, -1]) {
    test(`PROC-3 process.exit(${code}) is exitcode ${code & 255}`, async () => {
      const child = new Process({ target: exitWith, args: [code] }).start();
      const joined = child.join();
      if ((code & 255) === 0) assert.equal(await joined, undefined);
      else
        await assert.rejects(joined, (error) => error instanceof ProcessDiedError && error.exitcode === (code & 255));
      assert.equal(child.exitcode, code & 255);
    });
  }

  test("PROC-3 an error is exitcode 1, told on stderr, and thrown by join with class, cause and both stacks", async () => {
    const child = new Process({ target: fail }).start();
    await assert.rejects(child.join(), (error: Error) => {
      assert.ok(error instanceof RangeError);
      assert.ok(error.cause instanceof TypeError);
      assert.match(error.stack!, /fail[^]*started from[^]*process\.test/);
      return true;
    });
    assert.equal(child.exitcode, 1);
  });

  for (const [signal, number] of [
    ["SIGTERM", 15],
    ["SIGKILL", 9],
    ["SIGABRT", 6],
  ] as const) {
    test(`PROC-3 ${signal} is exitcode -${number}`, async () => {
      const child = new Process({ target: signalled(signal) }).start();
      await assert.rejects(child.join(), ProcessDiedError);
      assert.equal(child.exitcode, -number);
    });
  }

  test("PROC-4 terminate is -15, kill is -9, join is over at once; a blocked parent learns it too", async () => {
    for (const [method, exitcode] of [
      ["terminate", -15],
      ["kill", -9],
    ] as const) {
      const [never, running] = [new Event(), new Event()];
      const child = new Process({
        target: async (up: Event, event: Event) => {
          up.set();
          await event.wait();
        },
        args: [running, never],
      }).start();
      await running.wait();
      assert.equal(child.joinSync({ timeout: 0 }), undefined);
      assert.ok(child.isAlive);
      child[method]();
      assert.throws(() => child.joinSync(), ProcessDiedError);
      assert.equal(child.exitcode, exitcode);
      child[method]();
    }
  });

  test("PROC-5 close: ValueError while it runs, and of everything afterwards", async () => {
    const event = new Event();
    const child = new Process({ target: waitFor, args: [event, 1] }).start();
    assert.throws(() => child.close(), ValueError);
    event.set();
    await child.join();
    child.close();
    child.close();
    assert.throws(() => child.isAlive, ValueError);
    assert.throws(() => child.exitcode, ValueError);
    assert.throws(() => child.terminate(), ValueError);
    await assert.rejects(child.join(), ValueError);
    assert.match(String(child), /closed/);
  });

  test("PROC-6 the sentinel: none before the start, ready at the end", async () => {
    const event = new Event();
    const child = new Process({ target: waitFor, args: [event, 1] });
    assert.throws(() => child.sentinel, ValueError);
    child.start();
    const { sentinel } = child;
    assert.equal(sentinel.ready, false);
    event.set();
    await child.join();
    assert.equal(sentinel.ready, true);
  });

  test("PROC-7 starting twice, joining before the start, joining oneself", async () => {
    const child = new Process({ target: describeSelf });
    await assert.rejects(child.join(), RuntimeError);
    child.start();
    assert.throws(() => child.start(), RuntimeError);
    await child.join();
    assert.throws(() => child.start(), RuntimeError);
    await assert.rejects(currentProcess().join(), /current process/);
  });

  test("PROC-8 a daemon may not have children", async () => {
    const child = new Process({ target: startChild, daemon: true }).start();
    await assert.rejects(child.join(), /daemonic processes are not allowed to have children/);
    assert.throws(() => (child.daemon = false), RuntimeError);
  });

  test("PROC-9 a tree of processes, each joined before the next", async () => {
    const visited = new Queue<number[]>();
    await new Process({ target: tree, args: [[], visited] }).start().join();
    const seen = [];
    while (!visited.empty) seen.push(visited.getNowait());
    assert.deepEqual(seen, [[], [0], [0, 0], [0, 1], [1], [1, 0], [1, 1]]);
  });

  test("PROC-11 heddle: a killed child's lock tells its owner's death, instead of staying locked for ever", async () => {
    const lock = new Lock();
    const child = new Process({ target: holdAndDie, args: [lock] }).start();
    await assert.rejects(child.join(), ProcessDiedError);
    assert.throws(() => lock.acquireSync(), /died/);
    lock.recover().release();
    using _ = await lock.acquire();
  });

  test("PROC-12 a subclass: its fields travel there and back", async () => {
    const child = new Doubler(21).start() as Doubler;
    assert.equal(await child.join(), 43);
    assert.equal(child.n, 42);
  });

  test("PROC-13 children that are not daemons outlive the main module; daemons end with it", async () => {
    const ended = await runProgram(new URL("./programs/outlive.js", import.meta.url));
    assert.equal(ended.stderr, "");
    assert.equal(ended.code, 0);
    assert.deepEqual(ended.lines, ["main is done", "child is done"]);
  });

  test("PROC-13 heddle: daemons and the workers of pools end also with a parent that is killed", async () => {
    // Its output ends with the last process that could still write to it.
    const ended = await runProgram(new URL("./programs/abandon.js", import.meta.url));
    assert.deepEqual([ended.signal, ended.lines, ended.stderr], ["SIGKILL", [], ""]);
  });

  test("PROC-14 a child waits for its threads", async () => {
    const events = new Queue<string>();
    await new Process({ target: leaveThread, args: [events] }).start().join();
    assert.deepEqual([events.getNowait(), events.getNowait()], ["target", "thread"]);
  });

  test("heddle: cancel aborts the child's signal, and ends its waits", async () => {
    const [up, never] = [new Event(), new Event()];
    const child = new Process({
      target: async (ready: Event, event: Event) => {
        ready.set();
        await event.wait();
      },
      args: [up, never],
    }).start();
    await up.wait();
    child.cancel();
    await assert.rejects(child.join(), { name: "CancelledError" });
  });

  test("heddle: a private field of a subclass is refused by name", () => {
    assert.throws(() => new Secretive().start(), { code: "ERR_HEDDLE_NOT_SENDABLE", message: /^this\.#secret: / });
  });

  test("heddle: a process the system refuses is a RuntimeError at the call, and can be tried again", async () => {
    const child = new Process({ target: Math.abs, args: [-3] });
    const { execPath } = process;
    process.execPath = "/nowhere/node";
    try {
      assert.throws(() => child.start(), /RuntimeError: The process could not be started: .* \/nowhere\/node\. Check/);
    } finally {
      process.execPath = execPath;
    }
    assert.deepEqual([child.pid, child.isAlive, isActive(child)], [undefined, false, false]);
    assert.equal(await child.start().join(), 3);
  });

  test("heddle: what is shared by threads cannot be sent, and the error names the twin", () => {
    assert.throws(
      () => new Process({ target: describeSelf, args: [new ThreadLock()] }).start(),
      (error: Error) => error instanceof NotSendableError && /args\[0\].*heddle\/multiprocessing/.test(error.message),
    );
    assert.throws(() => new Queue().putNowait({ port: new MessageChannel().port1 }), NotSendableError);
  });

  test("heddle: what is shared by processes can be sent to threads, and is the same there and in a child", async () => {
    const [queue, bytes] = [new Queue<Queue<number>>(), new SharedArray(uint8, 4)];
    const inner = new Queue<number>();
    await queue.put(inner);
    assert.equal(await queue.get(), inner);
    await spawn(
      async (to: Queue<number>, data: Uint8Array) => {
        data[1] = 7;
        const child = new Process({
          target: (numbers: Queue<number>, view: Uint8Array) => numbers.putSync(view[1]! + 1),
          args: [to, data],
        });
        await child.start().join();
      },
      inner,
      bytes.data as Uint8Array,
    ).join();
    assert.equal(inner.getNowait(), 8);
  });

  test("heddle: a thread that is terminated while it holds a lock of processes: the next to come is told", async () => {
    const [lock, taken] = [new Lock(), new Event()];
    const thread = spawn(
      (held: Lock, up: Event) => {
        held.acquireSync();
        up.set();
        new Event().waitSync();
      },
      lock,
      taken,
    );
    await taken.wait();
    const waiting = new Process({ target: (wanted: Lock) => void wanted.acquireSync(), args: [lock] }).start();
    await thread.terminate();
    await assert.rejects(waiting.join(), { name: "OwnerDiedError" });
    lock.recover().release();
  });

  test("nothing is left behind: no file, no zombie", async () => {
    assert.deepEqual(
      fs.readdirSync("/dev/shm").filter((name) => name.startsWith("heddle-memory")),
      [],
    );
    assert.deepEqual(activeChildren(), []);
    // A join may be over before Node has asked for the exit code; then that event is on its way.
    const children = (): string => fs.readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim();
    while (children() !== "") await new Promise(setImmediate);
  });
}
