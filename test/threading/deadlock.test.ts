import assert from "node:assert/strict";
import { spawn as startProcess } from "node:child_process";
import { once } from "node:events";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isMain } from "heddle";
import { DeadlockError, OwnerDiedError, ThreadDiedError } from "heddle/errors";
import { Queue } from "heddle/queue";
import { Barrier, Event, Lock, RLock, RWLock, spawn, Thread } from "heddle/threading";
import { Kit } from "../conformance/kit.ts";
import { threads } from "../conformance/thread-backend.ts";
import { outputOf } from "./child.ts";

type Outcome = { readonly got: true } | { readonly code: string; readonly message: string; readonly stack: string };

function failed(error: unknown): Outcome {
  if (!(error instanceof DeadlockError || error instanceof OwnerDiedError)) throw error;
  return { code: error.code, message: error.message, stack: error.stack ?? "" };
}

/** Takes one lock, and when everybody has theirs, another. */
function cross(first: RLock, second: RLock, all: Barrier): Outcome {
  first.acquireSync();
  try {
    all.waitSync();
    second.acquireSync(); // here it waits
    second.release();
    return { got: true };
  } catch (error) {
    return failed(error);
  } finally {
    first.release();
  }
}

/** As {@link cross}, with a lock that was taken twice before, in another place. */
function crossAgain(first: RLock, second: RLock, all: Barrier): Outcome {
  for (let i = 0; i < 2; i++) {
    first.acquireSync(); // in that one
    first.release();
  }
  return cross(first, second, all);
}

async function crossAsync(first: RLock, second: RLock, all: Barrier): Promise<Outcome> {
  await first.acquire();
  try {
    await all.wait();
    await second.acquire();
    second.release();
    return { got: true };
  } catch (error) {
    return failed(error);
  } finally {
    first.release();
  }
}

function crossWriting(first: RWLock, second: RWLock, all: Barrier): Outcome {
  first.write.acquireSync();
  try {
    all.waitSync();
    second.write.acquireSync();
    second.write.release();
    return { got: true };
  } catch (error) {
    return failed(error);
  } finally {
    first.write.release();
  }
}

/** Joins the thread that comes out of the queue. */
function joins(others: Queue<Thread>): Outcome {
  try {
    others.getSync().joinSync();
    return { got: true };
  } catch (error) {
    return failed(error);
  }
}

async function joinsAsync(others: Queue<Thread>): Promise<Outcome> {
  try {
    await (await others.get()).join();
    return { got: true };
  } catch (error) {
    return failed(error);
  }
}

/** Exactly one of the waits threw, and its message is returned. */
function theOne(outcomes: readonly Outcome[]): Outcome & { message: string; stack: string } {
  const errors = outcomes.filter((outcome) => "code" in outcome);
  assert.equal(errors.length, 1, JSON.stringify(outcomes, undefined, 1));
  assert.equal(errors[0]!.code, "ERR_HEDDLE_DEADLOCK");
  return errors[0]!;
}

/** In rings of 2 and 3: each has the lock that the one before it wants. */
async function ring<L>(
  n: number,
  make: () => L,
  body: (first: L, second: L, all: Barrier) => unknown,
): Promise<Outcome[]> {
  const locks = Array.from({ length: n }, make);
  const all = new Barrier(n);
  const members = locks.map((lock, i) =>
    new Thread({ target: body, args: [lock, locks[(i + 1) % n]!, all], name: `member ${i}` }).start(),
  );
  return (await Promise.all(members.map((member) => member.join()))) as Outcome[];
}

function threadsIn(message: string): string[] {
  return message
    .split("\n")
    .filter((line) => /^ {2}\S/.test(line))
    .map((line) => line.trim())
    .sort();
}

if (isMain(import.meta)) {
  const kit = new Kit(threads);
  after(() => kit.close());

  for (const n of [2, 3]) {
    test(`${n} threads with crossed RLocks: one of them gets a DeadlockError that tells everything`, async () => {
      const { message, stack } = theOne(await ring(n, () => new RLock(), cross));
      assert.deepEqual(
        threadsIn(message),
        Array.from({ length: n }, (_, i) => `member ${i}`),
      );
      assert.match(message, new RegExp(`^${n} threads wait for each other`));
      for (let i = 0; i < n; i++) {
        assert.match(message, new RegExp(`waits for RLock \\d, held by member ${i}\n`));
        assert.match(message, new RegExp(`holds RLock ${i + 1}, taken at cross .*deadlock\\.test\\.[jt]s:\\d+:\\d+`));
      }
      // Where each of them waits, in the program's own files.
      const places = message.match(/in lock\.acquireSync\n +at cross .*deadlock\.test\.[jt]s:\d+:\d+/g);
      assert.equal(places?.length, n, message);
      assert.match(stack, /at cross /);
    });
  }

  test("event loops that wait for nothing but each other's RLocks", async () => {
    const { message, stack } = theOne(await ring(2, () => new RLock(), crossAsync));
    assert.match(message, /in await lock\.acquire/);
    assert.match(stack, /DeadlockError/);
  });

  test("RWLocks held for writing", async () => {
    const { message } = theOne(await ring(2, () => new RWLock(), crossWriting));
    assert.match(message, /holds RWLock 1/);
  });

  for (const [how, first, second] of [
    ["both blocking", joins, joins],
    ["both on their event loops", joinsAsync, joinsAsync],
    ["one blocking, one not", joins, joinsAsync],
  ] as const) {
    test(`threads that join each other, ${how}`, async () => {
      const [toFirst, toSecond] = [new Queue<Thread>(), new Queue<Thread>()];
      const [one, two] = [spawn(first, toFirst), spawn(second, toSecond)];
      toFirst.putSync(two as Thread);
      toSecond.putSync(one as Thread);
      const { message } = theOne((await Promise.all([one.join(), two.join()])) as Outcome[]);
      assert.match(message, /waits for the end of /);
      assert.match(message, /at joins(Async)? .*deadlock\.test\.[jt]s:\d+:\d+/);
    });
  }

  test("three threads that join in a ring", async () => {
    const queues = [new Queue<Thread>(), new Queue<Thread>(), new Queue<Thread>()];
    const ring = queues.map((queue, i) => spawn(i === 1 ? joinsAsync : joins, queue));
    queues.forEach((queue, i) => queue.putSync(ring[(i + 1) % 3] as Thread));
    const { message } = theOne((await Promise.all(ring.map((thread) => thread.join()))) as Outcome[]);
    assert.equal(threadsIn(message).length, 3);
  });

  test("a join of a thread that wants the joiner's RLock", async () => {
    const [lock, others, begun] = [new RLock(), new Queue<Thread>(), new Event()];
    const joiner = spawn(
      (lock: RLock, others: Queue<Thread>, begun: Event): Outcome => {
        lock.acquireSync();
        begun.set();
        const outcome = joins(others);
        lock.release();
        return outcome;
      },
      lock,
      others,
      begun,
    );
    const locker = spawn(
      (lock: RLock, begun: Event): Outcome => {
        begun.waitSync();
        try {
          lock.acquireSync();
          lock.release();
          return { got: true };
        } catch (error) {
          return failed(error);
        }
      },
      lock,
      begun,
    );
    others.putSync(locker as Thread);
    const { message } = theOne(await Promise.all([joiner.join(), locker.join()]));
    assert.match(message, /holds RLock 1, taken at .*deadlock\.test\.[jt]s:\d+/);
    assert.match(message, /waits for the end of /);
  });

  test("those who wait for a deadlocked thread, without being part of it, wait on", async () => {
    const [lock, other, all, out] = [new RLock(), new RLock(), new Barrier(2), new Queue<Thread>()];
    const outside = spawn(joins, out);
    const members = [spawn(cross, lock, other, all), spawn(cross, other, lock, all)];
    out.putSync(members[0] as Thread);
    theOne(await Promise.all(members.map((member) => member.join())));
    assert.deepEqual(await outside.join(), { got: true });
  });

  test("no deadlock: a wait with a timeout ends by itself, however long it takes", async () => {
    const [lock, other, all] = [new RLock(), new RLock(), new Barrier(2)];
    const patient = spawn(cross, lock, other, all);
    const limited = spawn(
      (lock: RLock, other: RLock, all: Barrier) => {
        lock.acquireSync();
        all.waitSync();
        const got = other.acquireSync({ timeout: 3_000 });
        lock.release();
        return got === undefined;
      },
      other,
      lock,
      all,
    );
    assert.equal(await limited.join(), true);
    assert.deepEqual(await patient.join(), { got: true });
  });

  test("no deadlock: an event loop that has something else to do may still go on", async () => {
    const [toBusy, toIdle] = [new Queue<Thread>(), new Queue<Thread>()];
    const busy = spawn(async (others: Queue<Thread>) => {
      // Not awaited, so it does not keep this thread from its end.
      (await others.get()).join().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      return "done";
    }, toBusy);
    const waiting = spawn(joinsAsync, toIdle);
    toBusy.putSync(waiting as Thread);
    toIdle.putSync(busy as Thread);
    assert.equal(await busy.join(), "done");
    assert.deepEqual(await waiting.join(), { got: true });
  });

  test("no deadlock: long waits in a chain that somebody at work will end", async () => {
    const [lock, other, go] = [new RLock(), new RLock(), new Event()];
    const letGo = await kit.hold(lock);
    const chain = spawn(
      (lock: RLock, other: RLock, go: Event) => {
        other.acquireSync();
        go.set();
        lock.acquireSync();
        lock.release();
        other.release();
      },
      lock,
      other,
      go,
    );
    await go.wait();
    const end = spawn(
      (other: RLock, chain: Thread) => {
        other.acquireSync();
        other.release();
        chain.joinSync();
      },
      other,
      chain as Thread,
    );
    await kit.waiting(lock, 1);
    await kit.waiting(other, 1);
    // More than two looks of each.
    await pause(2_500);
    await letGo();
    await Promise.all([chain.join(), end.join()]);
  });

  test("no deadlock under contention, with ordered locks and with timeouts in any order", async () => {
    const locks = [new RLock(), new RLock(), new RLock()];
    const work = (a: RLock, b: RLock, timeout: number | undefined, seconds: number): number => {
      const until = performance.now() + seconds * 1000;
      let rounds = 0;
      while (performance.now() < until) {
        a.acquireSync();
        // Without a timeout, the locks come in one order for all.
        const got = timeout === undefined ? b.acquireSync() : b.acquireSync({ timeout });
        if (got !== undefined) {
          rounds++;
          b.release();
        }
        a.release();
      }
      return rounds;
    };
    const [a, b, c] = locks as [RLock, RLock, RLock];
    const workers = [
      spawn(work, a, b, undefined, 4),
      spawn(work, b, c, undefined, 4),
      spawn(work, a, c, undefined, 4),
      spawn(work, c, a, 2, 4),
    ];
    for (const worker of workers) assert.ok((await worker.join()) >= 0);
  });

  test("threads killed around the moment of the look: every other wait ends, one way or another", async () => {
    const rounds = Array.from({ length: 5 }, async (_, i) => {
      const [lock, other, all] = [new RLock(), new RLock(), new Barrier(2)];
      const survivor = spawn(cross, lock, other, all);
      const victim = spawn(cross, other, lock, all);
      const end = victim.join().catch((error: unknown) => error);
      await Promise.race([kit.waiting(lock, 1), end]);
      await pause(850 + 100 * i);
      await victim.terminate();
      const outcome = (await survivor.join()) as Outcome;
      const code = "code" in outcome ? outcome.code : "acquired";
      assert.match(code, /^(ERR_HEDDLE_OWNER_DIED|ERR_HEDDLE_DEADLOCK|acquired)$/);
      const ended = await end;
      if (ended instanceof Error) assert.ok(ended instanceof ThreadDiedError, String(ended));
    });
    await Promise.all(rounds);
  });

  test("crossed Locks: one warning, the wait goes on until another thread releases one", async () => {
    const program = fileURLToPath(new URL("./programs/deadlocks.js", import.meta.url));
    const child = startProcess(process.execPath, [program, "locks"], {
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      if (stderr.includes("same order everywhere") && !child.stdin.writableEnded) child.stdin.end("go\n");
    });
    const [code] = (await once(child, "close")) as [number];
    assert.equal(code, 0, stderr);
    assert.equal(stderr.match(/warning/g)?.length, 1, stderr);
    assert.match(stderr, /2 threads wait for each other/);
    assert.equal(
      stderr.match(/holds Lock \d, taken at cross .*\n +waits for Lock \d, held by Thread-\d \(cross\)/g)?.length,
      2,
      stderr,
    );
    // Whoever finds its own lock taken away releases one that nobody holds.
    assert.match(stdout, /acquired|nobody holds it/);
  });

  test("the main thread awaits a thread that joins the main thread", async () => {
    const { stdout } = await outputOf("deadlocks", ["main"], { stdout: /2 threads wait for each other/ });
    assert.match(stdout, /MainThread/);
  });

  test("no deadlock: a main thread that listens for messages", async () => {
    const program = fileURLToPath(new URL("./programs/deadlocks.js", import.meta.url));
    const child = startProcess(process.execPath, [program, "served"], {
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
    let stdout = "";
    child.stdout!.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    const closed = once(child, "close");
    // More than two looks.
    await pause(3_500);
    child.send("from the parent");
    const [code] = (await closed) as [number];
    assert.deepEqual([code, stdout], [0, "first: from the parent\n"]);
  });

  test("of a lock that is taken often, the message may tell an earlier place, and says so", async () => {
    const [a, b, all] = [new RLock(), new RLock(), new Barrier(2)];
    const threads = [spawn(crossAgain, a, b, all), spawn(crossAgain, b, a, all)];
    const ends = await Promise.all(threads.map((thread) => thread.join()));
    const { message } = ends.find((end) => "message" in end) as { message: string };
    assert.equal(message.match(/holds RLock \d, taken before at crossAgain /g)?.length, 2, message);
    assert.match(message, /run with HEDDLE_TRACE_LOCKS=1/);
  });

  test("the main thread blocks in a join, and its thread for the main thread's RLock", async () => {
    const { stdout } = await outputOf("deadlocks", ["blocked"], { stdout: /2 threads wait for each other/ });
    assert.match(stdout, /holds RLock 1, taken at (Object\.)?blocked .*deadlocks\.[jt]s:\d+:\d+/);
    assert.doesNotMatch(stdout, /HEDDLE_TRACE_LOCKS/);
    process.env["HEDDLE_TRACE_LOCKS"] = "1";
    try {
      const traced = await outputOf("deadlocks", ["blocked"], { stdout: /2 threads wait for each other/ });
      assert.match(traced.stdout, /holds RLock 1, taken at (Object\.)?blocked .*deadlocks\.[jt]s:\d+:\d+/);
    } finally {
      delete process.env["HEDDLE_TRACE_LOCKS"];
    }
  });

  test("a Lock whose timeout passes is not warned of", async () => {
    const lock = new Lock();
    lock.acquireSync();
    assert.equal(await lock.acquire({ timeout: 1_600 }), undefined);
    lock.release();
  });
}
