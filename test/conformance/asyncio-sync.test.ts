/**
 * Python's cases for the synchronisers and queues of asyncio (python-semantics 5.1 and 5.2), by number: heddle's own, used
 * by tasks of one event loop.
 *
 * @module
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  asCompleted,
  CancelledError,
  createTask,
  currentTask,
  gather,
  sleep,
  type Task,
  TimeoutError,
  wait,
  waitFor,
} from "heddle/asyncio";
import { Empty, Full, LifoQueue, PriorityQueue, Queue, ShutDown } from "heddle/queue";
import {
  Barrier,
  BoundedSemaphore,
  BrokenBarrierError,
  Condition,
  Event,
  Lock,
  RLock,
  RuntimeError,
  RWLock,
  Semaphore,
  ValueError,
} from "heddle/threading";
import { LONG, rejects, turn } from "../asyncio/turns.ts";

/** Tasks that each wait as told, and leave their number when they got through. */
function queueUp(n: number, wait: (i: number) => Promise<unknown>): { tasks: Task<void>[]; order: number[] } {
  const order: number[] = [];
  const tasks = Array.from({ length: n }, (_, i) =>
    createTask(async () => {
      await wait(i);
      order.push(i);
    }),
  );
  return { tasks, order };
}

async function outcomes(tasks: readonly Task<unknown>[]): Promise<string[]> {
  await gather(tasks, { returnExceptions: true });
  return tasks.map((task) => (task.cancelled ? "cancelled" : "done"));
}

test("ALOCK-1 releasing a lock that nobody holds", () => {
  assert.throws(() => new Lock().release(), RuntimeError);
});

test("ALOCK-2 the second of four is cancelled: the others in order", async () => {
  const lock = await new Lock().acquire();
  const { tasks, order } = queueUp(4, async () => {
    using _ = await lock.acquire();
    await sleep(1);
  });
  await turn();
  tasks[1]!.cancel();
  lock.release();
  assert.deepEqual(await outcomes(tasks), ["done", "cancelled", "done", "done"]);
  assert.deepEqual([order, lock.locked], [[0, 2, 3], false]);
});

test("ALOCK-3 who releases and acquires at once goes behind who waits", async () => {
  const lock = await new Lock().acquire();
  const order: string[] = [];
  const waiting = createTask(async () => {
    using _ = await lock.acquire();
    order.push("waiter");
  });
  await turn();
  lock.release();
  await lock.acquire();
  order.push("releaser");
  lock.release();
  await waiting;
  assert.deepEqual(order, ["waiter", "releaser"]);
});

test("ALOCK-4 a cancel and a release in one turn: exactly one of the others gets it", async () => {
  const lock = await new Lock().acquire();
  let inside = 0;
  const { tasks, order } = queueUp(3, async () => {
    using _ = await lock.acquire();
    assert.equal(++inside, 1);
    await sleep(1);
    inside--;
  });
  await turn();
  tasks[0]!.cancel();
  lock.release();
  assert.deepEqual(await outcomes(tasks), ["cancelled", "done", "done"]);
  assert.deepEqual(order, [1, 2]);
});

test("ALOCK-5 one that is cancelled after it was woken passes it on", async () => {
  const lock = await new Lock().acquire();
  const { tasks } = queueUp(2, async () => {
    using _ = await lock.acquire();
    await sleep(1);
  });
  await turn();
  lock.release();
  tasks[0]!.cancel();
  assert.deepEqual(await outcomes(tasks), ["cancelled", "done"]);
  assert.equal(lock.locked, false);
});

test("ALOCK-6 acquiring a Lock twice in one task waits for ever; an RLock belongs to the task", async () => {
  const lock = new Lock();
  await rejects(
    createTask(async () => {
      using _ = await lock.acquire();
      await waitFor(() => lock.acquire(), 10);
    }),
    TimeoutError,
  );
  const rlock = new RLock();
  const owner = createTask(async () => {
    using _ = await rlock.acquire();
    using _again = await rlock.acquire();
    await sleep(1);
    const other = createTask(() => [rlock.tryAcquire() === undefined, tryRelease(rlock)]);
    assert.deepEqual(await other, [true, "RuntimeError"]);
  });
  await turn();
  assert.equal(rlock.tryAcquire(), undefined);
  await owner;
  assert.equal(rlock.locked, false);
});

function tryRelease(lock: RLock): string {
  try {
    lock.release();
    return "released";
  } catch (error) {
    return (error as Error).name;
  }
}

test("ACOND-1 wait and notify without the lock", async () => {
  const condition = new Condition();
  await rejects(condition.wait(), RuntimeError);
  assert.throws(() => condition.notify(), RuntimeError);
});

test("ACOND-2 notify(2) of five wakes the two oldest", async () => {
  const condition = new Condition(new Lock());
  const { tasks, order } = queueUp(5, async () => {
    using _ = await condition.acquire();
    await condition.wait();
  });
  await turn();
  {
    using _ = await condition.acquire();
    condition.notify(2);
  }
  await gather(tasks.slice(0, 2));
  assert.deepEqual(order, [0, 1]);
  {
    using _ = await condition.acquire();
    condition.notifyAll();
  }
  await gather(tasks);
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
});

test("ACOND-3 one that is cancelled has the lock when it hears of it", async () => {
  for (const condition of [new Condition(new Lock()), new Condition()]) {
    const task = createTask(async () => {
      await condition.acquire();
      try {
        await condition.wait();
      } catch (error) {
        assert.ok(error instanceof CancelledError && condition.locked);
        condition.release();
        throw error;
      }
    });
    await turn();
    const held = createTask(async () => {
      using _ = await condition.acquire();
      task.cancel();
      await sleep(1);
    });
    await rejects(task, CancelledError);
    await held;
    assert.deepEqual([task.cancelled, condition.locked], [true, false]);
  }
});

test("ACOND-4 cancelled after the notification: the lock is as it should be", async () => {
  const condition = new Condition(new Lock());
  const { tasks } = queueUp(2, async () => {
    using _ = await condition.acquire();
    await condition.wait();
    await sleep(0);
  });
  await turn();
  {
    using _ = await condition.acquire();
    condition.notifyAll();
    tasks[0]!.cancel();
  }
  assert.deepEqual(await outcomes(tasks), ["cancelled", "done"]);
  assert.equal(condition.locked, false);
});

test("ACOND-5 waitFor goes on until the predicate holds", async () => {
  const condition = new Condition();
  let n = 0;
  const task = createTask(async () => {
    using _ = await condition.acquire();
    return await condition.waitFor(() => (n >= 3 ? `at ${n}` : undefined));
  });
  while (!task.done) {
    await turn();
    using _ = await condition.acquire();
    n++;
    condition.notify();
  }
  assert.match((await task)!, /^at \d+$/);
});

test("ASEM-1 ASEM-2 in order, and again in order", async () => {
  const semaphore = new Semaphore(1);
  const order: string[] = [];
  await gather(
    ["c1", "c2", "c3"].map((name) => async () => {
      for (let i = 0; i < 2; i++) {
        await semaphore.acquire();
        order.push(name);
        await sleep(1);
        semaphore.release();
      }
    }),
  );
  assert.deepEqual(order, ["c1", "c2", "c3", "c1", "c2", "c3"]);
});

test("ASEM-3 the first two are cancelled: one release lets the third in", async () => {
  const semaphore = new Semaphore(0);
  const { tasks, order } = queueUp(3, () => semaphore.acquire());
  await turn();
  tasks[0]!.cancel();
  tasks[1]!.cancel();
  semaphore.release();
  assert.deepEqual(await outcomes(tasks), ["cancelled", "cancelled", "done"]);
  assert.deepEqual([order, semaphore.value], [[2], 0]);
});

test("ASEM-5 ASEM-6 too many releases, and fewer permits than none", () => {
  assert.throws(() => new BoundedSemaphore(1).release(), ValueError);
  assert.throws(() => new Semaphore(-1), ValueError);
});

test("AEVT-1 AEVT-4 AEVT-5 AEVT-6 set and clear at once wakes all who wait; later ones wait again", async () => {
  const event = new Event();
  const first = queueUp(2, async () => assert.equal(await event.wait(), true));
  await turn();
  event.set();
  event.set();
  assert.equal(event.isSet, true);
  event.clear();
  event.clear();
  assert.equal(event.isSet, false);
  await gather(first.tasks);
  const later = createTask(() => event.wait());
  await turn();
  assert.equal(later.done, false);
  event.set();
  assert.equal(await later, true);
  assert.equal(await event.wait(), true);
});

test("AEVT-3 one that is cancelled does not disturb the others", async () => {
  const event = new Event();
  const { tasks } = queueUp(3, () => event.wait());
  await turn();
  tasks[1]!.cancel();
  await turn();
  event.set();
  assert.deepEqual(await outcomes(tasks), ["done", "cancelled", "done"]);
});

test("ABAR-1 ABAR-5 two tasks meet; a barrier of none is refused", async () => {
  const barrier = new Barrier(2);
  const places = await gather(
    () => barrier.wait(),
    () => barrier.wait(),
  );
  assert.deepEqual(places.toSorted(), [0, 1]);
  assert.throws(() => new Barrier(0), ValueError);
});

test("ABAR-2 ABAR-3 abort and reset", async () => {
  const barrier = new Barrier(2);
  const aborted = createTask(() => barrier.wait());
  await turn();
  barrier.abort();
  await rejects(aborted, BrokenBarrierError);
  await rejects(barrier.wait(), BrokenBarrierError);
  barrier.reset();
  const reset = createTask(() => barrier.wait());
  await turn();
  barrier.reset();
  await rejects(reset, BrokenBarrierError);
  assert.equal(barrier.broken, false);
});

test("ABAR-4 one that is cancelled leaves the barrier usable", async () => {
  const barrier = new Barrier(2);
  const task = createTask(() => barrier.wait());
  await turn();
  assert.equal(barrier.nWaiting, 1);
  task.cancel();
  await rejects(task, CancelledError);
  assert.deepEqual([barrier.nWaiting, barrier.broken], [0, false]);
  await gather(
    () => barrier.wait(),
    () => barrier.wait(),
  );
});

test("AQ-1 AQ-8 without waiting; and a queue without a limit is never full", () => {
  const queue = new Queue<number>(1);
  assert.throws(() => queue.getNowait(), Empty);
  queue.putNowait(1);
  assert.throws(() => queue.putNowait(2), Full);
  for (const size of [0, -1]) {
    const unbounded = new Queue<number>(size);
    unbounded.putNowait(1);
    assert.equal(unbounded.full, false);
  }
});

test("AQ-2 AQ-3 a get that waits goes on; one that is cancelled then does not lose its item", async () => {
  const queue = new Queue<number>();
  const tasks = [1, 2].map(() => createTask(() => queue.get()));
  await turn();
  queue.putNowait(1);
  tasks[0]!.cancel();
  queue.putNowait(2);
  // The item was its own by then.
  assert.deepEqual(await gather(tasks), [1, 2]);
  assert.equal(queue.qsize, 0);
});

test("AQ-3 cancelled before the put: the item is for the next", async () => {
  const queue = new Queue<number>();
  const cancelled = createTask(() => queue.get());
  await turn();
  cancelled.cancel();
  queue.putNowait(1);
  await rejects(cancelled, CancelledError);
  assert.equal(queue.qsize, 1);
  assert.equal(await queue.get(), 1);
});

test("AQ-4 puts that wait go on in order", async () => {
  const queue = new Queue<number>(1);
  queue.putNowait(-1);
  const { tasks, order } = queueUp(3, (i) => queue.put(i));
  await turn();
  const items = [];
  for (let i = 0; i < 4; i++) items.push(await queue.get());
  await gather(tasks);
  assert.deepEqual(
    [items, order],
    [
      [-1, 0, 1, 2],
      [0, 1, 2],
    ],
  );
});

test("AQ-5 join ends when all is done; one report too many", async () => {
  const queue = new Queue<number>();
  queue.putNowait(1);
  const joining = createTask(() => queue.join());
  await turn();
  assert.equal(joining.done, false);
  await queue.get();
  queue.taskDone();
  await joining;
  assert.throws(() => queue.taskDone(), ValueError);
});

test("AQ-6 shutting down", async () => {
  const queue = new Queue<number>(1);
  queue.putNowait(1);
  const put = createTask(() => queue.put(2));
  await turn();
  queue.shutdown();
  await rejects(put, ShutDown);
  assert.equal(await queue.get(), 1);
  await rejects(queue.get(), ShutDown);
  assert.throws(() => queue.getNowait(), ShutDown);
  const other = new Queue<number>();
  const get = createTask(() => other.get());
  await turn();
  other.shutdown({ immediate: true });
  await rejects(get, ShutDown);
  assert.equal(other.qsize, 0);
});

test("AQ-7 the order of LifoQueue and PriorityQueue", async () => {
  const [lifo, priority] = [new LifoQueue<number>(), new PriorityQueue<number>()];
  for (const n of [2, 3, 1]) {
    lifo.putNowait(n);
    priority.putNowait(n);
  }
  assert.deepEqual([await lifo.get(), await lifo.get(), await lifo.get()], [1, 3, 2]);
  assert.deepEqual([await priority.get(), await priority.get(), await priority.get()], [1, 2, 3]);
});

test("every wait ends when its task is cancelled, also one that begins afterwards", async () => {
  const lock = await new Lock().acquire();
  const rlock = new RLock();
  await rlock.acquire();
  const rwlock = new RWLock();
  await rwlock.write.acquire();
  const full = new Queue<number>(1);
  full.putNowait(1);
  const condition = new Condition();
  const never = createTask(() => sleep(LONG));
  const waits: Record<string, () => PromiseLike<unknown>> = {
    sleep: () => sleep(LONG),
    "lock.acquire": () => lock.acquire(),
    "lock.acquire with a timeout": () => lock.acquire({ timeout: LONG }),
    "rlock.acquire": () => rlock.acquire(),
    "rwlock.read.acquire": () => rwlock.read.acquire(),
    "semaphore.acquire": () => new Semaphore(0).acquire(),
    "event.wait": () => new Event().wait(),
    "barrier.wait": () => new Barrier(2).wait(),
    "condition.wait": async () => {
      using _ = await condition.acquire();
      await condition.wait();
    },
    "queue.get": () => new Queue().get(),
    "queue.put": () => full.put(2),
    "queue.join": () => full.join(),
    "future.result": () => never.result(),
    wait: () => wait([never]),
    "asCompleted().next": () => asCompleted([never]).next(),
    gather: () => gather([new Promise(() => undefined)]),
    waitFor: () => waitFor(new Promise(() => undefined)),
  };
  for (const [name, wait] of Object.entries(waits)) {
    const pending = createTask(async () => void (await wait()));
    await turn();
    assert.equal(pending.done, false, name);
    pending.cancel();
    await rejects(pending, CancelledError);
    const later = createTask(async () => {
      currentTask()!.cancel("before");
      await wait();
    });
    await rejects(later, (error: Error) => error instanceof CancelledError && error.message === "before");
  }
  assert.equal(never.done, false);
  never.cancel();
  lock.release();
  assert.deepEqual([lock.locked, condition.locked, full.qsize], [false, false, 1]);
});

test("a blocking wait in a task that was cancelled ends too", async () => {
  const lock = await new Lock().acquire();
  const task = createTask(() => {
    currentTask()!.cancel();
    lock.acquireSync();
  });
  await rejects(task, CancelledError);
  lock.release();
});
