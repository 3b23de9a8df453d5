/** MPS-1 … MPS-12: what holds between processes, with the words of Python's cases; the suites go into the details. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isMain } from "heddle";
import { BrokenBarrierError, NotSendableError, OwnerDiedError, RuntimeError } from "heddle/errors";
import {
  Barrier,
  Condition,
  Event,
  int32,
  Lock,
  Process,
  Queue,
  RLock,
  Semaphore,
  Value,
} from "heddle/multiprocessing";
import { Lock as ThreadLock, spawn } from "heddle/threading";
import { waitersOf } from "./waiters.ts";

type LockLike = Lock | RLock | Semaphore;

function take(lock: LockLike, timeout: number): boolean {
  return lock.acquireSync({ timeout }) !== undefined;
}

function release(lock: Lock | RLock): void {
  lock.release();
}

function takeAndDie(lock: Lock): void {
  lock.acquireSync();
  process.kill(process.pid, "SIGKILL");
}

function sleepOn(condition: Condition, woken: Semaphore): void {
  condition.acquireSync();
  condition.waitSync();
  condition.release();
  woken.release();
}

function countUp(condition: Condition, value: Value, times: number): void {
  for (let i = 0; i < times; i++) {
    using _ = condition.acquireSync();
    value.value++;
    condition.notifyAll();
  }
}

function waitFor(event: Event): boolean {
  return event.waitSync();
}

function pass(barrier: Barrier): number {
  return barrier.waitSync();
}

function run<A extends unknown[], R>(target: (...args: A) => R, ...args: A): Promise<Awaited<R>> {
  return new Process({ target, args }).start().join();
}

/** Turns of the event loop, until it is so. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** How long it takes, in ms. */
function timed(fn: () => unknown): number {
  const started = performance.now();
  fn();
  return performance.now() - started;
}

if (isMain(import.meta)) {
  test("MPS-1 a lock that is taken is not given again; releasing a free one is an error", () => {
    const lock = new Lock();
    assert.equal(lock.acquireSync(), lock);
    assert.equal(lock.tryAcquire(), undefined);
    lock.release();
    assert.throws(() => lock.release(), RuntimeError);
  });

  test("MPS-2 a lock taken here and released by a child can be taken again", async () => {
    const lock = new Lock().acquireSync();
    await run(release, lock);
    assert.equal(lock.tryAcquire(), lock);
    lock.release();
  });

  test("MPS-3 an RLock is its owner's alone, as often as it was taken: not a child's, not another thread's", async () => {
    const lock = new RLock();
    for (let i = 0; i < 3; i++) lock.acquireSync();
    await assert.rejects(run(release, lock), RuntimeError);
    assert.equal(await run(take, lock, 50), false);
    assert.equal(await spawn(take, lock, 50).join(), false);
    for (let i = 0; i < 3; i++) lock.release();
    assert.throws(() => lock.release(), RuntimeError);
    assert.equal(await run((other: RLock) => other.acquireSync().release(), lock), undefined);
  });

  test("MPS-4 the value of a semaphore: 2, 1, 0, then up to 4", () => {
    const semaphore = new Semaphore(2);
    const values = [semaphore.value];
    for (let i = 0; i < 2; i++) {
      semaphore.acquireSync();
      values.push(semaphore.value);
    }
    assert.equal(semaphore.tryAcquire(), undefined);
    for (let i = 0; i < 4; i++) {
      semaphore.release();
      values.push(semaphore.value);
    }
    assert.deepEqual(values, [2, 1, 0, 1, 2, 3, 4]);
  });

  test("MPS-5 two permits, three children: exactly one gets none", async () => {
    const semaphore = new Semaphore(2);
    const got = await Promise.all(Array.from({ length: 3 }, () => run(take, semaphore, 200)));
    assert.deepEqual(
      got.toSorted((a, b) => Number(a) - Number(b)),
      [false, true, true],
    );
    assert.equal(semaphore.value, 0);
  });

  test("MPS-6 a try is over at once, a timeout not before its time", async () => {
    const lock = new Lock().acquireSync();
    assert.equal(lock.tryAcquire(), undefined);
    assert.equal(lock.acquireSync({ timeout: 0 }), undefined);
    assert.ok(timed(() => assert.equal(lock.acquireSync({ timeout: 100 }), undefined)) >= 100);
    const started = performance.now();
    assert.equal(await lock.acquire({ timeout: 100 }), undefined);
    assert.ok(performance.now() - started >= 100);
  });

  test("MPS-7 notify(2) wakes two of four children, notifyAll the rest; not without the lock", async () => {
    const [condition, woken] = [new Condition(), new Semaphore(0)];
    const children = Array.from({ length: 4 }, () => run(sleepOn, condition, woken));
    await until(() => waitersOf(condition) === 4);
    {
      using _ = condition.acquireSync();
      condition.notify(2);
    }
    await woken.acquire();
    await woken.acquire();
    assert.equal(waitersOf(condition), 2);
    assert.equal(woken.value, 0);
    {
      using _ = condition.acquireSync();
      condition.notifyAll();
    }
    await Promise.all(children);
    assert.equal(woken.value, 2);
    assert.throws(() => condition.notify(), RuntimeError);
    assert.throws(() => condition.waitSync({ timeout: 0 }), RuntimeError);
    using _ = condition.acquireSync();
    assert.equal(condition.waitSync({ timeout: 50 }), false);
  });

  test("MPS-8 waitFor: a number that a child counts up to 4, and one that it does not", async () => {
    const [condition, value] = [new Condition(), new Value(int32, 0)];
    const child = run(countUp, condition, value, 4);
    {
      using _ = await condition.acquire();
      assert.equal(await condition.waitFor(() => value.value === 4), true);
      assert.equal(await condition.waitFor(() => value.value === 5, { timeout: 50 }), false);
    }
    await child;
  });

  test("MPS-9 an event: all who wait for it are told, also when it is cleared at once", async () => {
    const event = new Event();
    const children = Array.from({ length: 3 }, () => run(waitFor, event));
    await until(() => waitersOf(event) === 3);
    event.set();
    event.clear();
    assert.deepEqual(await Promise.all(children), [true, true, true]);
  });

  test("MPS-10 a barrier of three processes gives each a number; abort breaks it, reset mends it", async () => {
    const barrier = new Barrier(3);
    const meet = (): Promise<number>[] => [barrier.wait(), run(pass, barrier), run(pass, barrier)];
    assert.deepEqual(
      (await Promise.all(meet())).toSorted((a, b) => a - b),
      [0, 1, 2],
    );
    const waiting = run(pass, barrier);
    await until(() => barrier.nWaiting === 1);
    barrier.abort();
    await assert.rejects(waiting, BrokenBarrierError);
    await assert.rejects(barrier.wait(), BrokenBarrierError);
    barrier.reset();
    assert.deepEqual(
      (await Promise.all(meet())).toSorted((a, b) => a - b),
      [0, 1, 2],
    );
  });

  test("MPS-11 a lock whose owner was killed tells so, instead of staying locked for ever", async () => {
    const lock = new Lock();
    await run(takeAndDie, lock).catch(() => undefined);
    assert.equal(await lock.acquire().catch((error: unknown) => error instanceof OwnerDiedError), true);
    await assert.rejects(run(take, lock, 50), OwnerDiedError);
    lock.recover().release();
    assert.equal(await run(take, lock, 50), true);
  });

  test("MPS-12 a lock may be sent whenever one likes; one of threads may not", async () => {
    const [queue, lock] = [new Queue<Lock>(), new Lock()];
    const child = new Process({
      target: (from: Queue<Lock>) => from.getSync().release(),
      args: [queue],
    }).start();
    lock.acquireSync();
    queue.putNowait(lock);
    await child.join();
    assert.equal(lock.locked, false);
    assert.throws(
      () => queue.putNowait(new ThreadLock() as never),
      (error: Error) => error instanceof NotSendableError && /heddle\/multiprocessing/.test(error.message),
    );
    assert.ok(queue.empty);
  });
}
