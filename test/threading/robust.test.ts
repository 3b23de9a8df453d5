import assert from "node:assert/strict";
import { after, test } from "node:test";
import { isMain } from "heddle";
import { BrokenBarrierError, OwnerDiedError, ThreadDiedError } from "heddle/errors";
import { Barrier, Condition, Event, Lock, RLock, Semaphore, spawn } from "heddle/threading";
import { Kit, settled, watch } from "../conformance/kit.ts";
import { threads } from "../conformance/thread-backend.ts";

type AnyLock = Lock | RLock;

/** How an owner goes: each is an abnormal death. */
const deaths: Record<string, (lock: AnyLock, held: Event, die: Event) => unknown> = {
  throws: (lock, held, die) => {
    lock.acquireSync();
    held.set();
    die.waitSync();
    throw new RangeError("while holding");
  },
  rejects: async (lock, held, die) => {
    await lock.acquire();
    held.set();
    await die.wait();
    await Promise.reject(new RangeError("while holding"));
  },
  exits: (lock, held, die) => {
    lock.acquireSync();
    held.set();
    die.waitSync();
    process.exit(1);
  },
  "is terminated while it blocks": (lock, held) => {
    lock.acquireSync();
    held.set();
    new Lock().acquireSync().acquireSync();
  },
  "is terminated in a loop": (lock, held) => {
    lock.acquireSync();
    held.set();
    for (;;);
  },
};

if (isMain(import.meta)) {
  const kit = new Kit(threads);
  after(() => kit.close());

  for (const make of [() => new Lock(), () => new RLock()]) {
    for (const [how, body] of Object.entries(deaths)) {
      test(`a holder of a ${make().constructor.name} that ${how}: blocked and async waiters get OwnerDiedError`, async () => {
        const [lock, held, die] = [make(), new Event(), new Event()];
        const owner = spawn(body, lock, held, die);
        const ended = owner.join().then(String, (error: Error) => error.name);
        await held.wait();
        const waiters = [
          watch<unknown>(lock.acquire()),
          watch<unknown>(lock.acquire({ timeout: 3_600_000 })),
          watch(kit.run((lock: AnyLock) => lock.acquireSync(), lock)),
          watch(kit.run((lock: AnyLock) => lock.acquireSync({ timeout: 3_600_000 }), lock)),
          watch(kit.run(async (lock: AnyLock) => await lock.acquire(), lock)),
        ];
        await kit.waiting(lock, 5);
        assert.equal(settled(waiters), 0);
        if (how.includes("terminated")) await owner.terminate();
        else die.set();
        for (const { promise } of waiters) await assert.rejects(promise, OwnerDiedError);
        assert.equal(kit.backend.waiting(lock), 0);
        assert.throws(() => lock.tryAcquire(), OwnerDiedError);
        assert.match(await ended, /RangeError|ThreadDiedError|CancelledError/);
        // Recovered in another thread: from then on a lock like any other.
        await kit.run((lock: AnyLock) => {
          lock.recover();
          lock.release();
        }, lock);
        assert.equal(lock.locked, false);
        assert.equal(await kit.run((lock: AnyLock) => lock.acquireSync() === lock && lock.release(), lock), undefined);
        assert.equal(lock.tryAcquire(), lock);
      });
    }
  }

  test("a thread that releases before it fails marks nothing, nor one that returns while holding", async () => {
    const lock = new Lock();
    const failing = spawn((lock: Lock) => {
      lock.acquireSync();
      lock.release();
      throw new RangeError("after release");
    }, lock);
    await assert.rejects(failing.join(), RangeError);
    assert.equal(lock.tryAcquire(), lock);
    lock.release();
    await spawn((lock: Lock) => void lock.acquireSync(), lock).join();
    assert.equal(lock.locked, true);
    lock.release();
    assert.equal(lock.tryAcquire(), lock);
  });

  test("waiters of a held lock that are terminated leave the list: the others get the lock, in turn", async () => {
    for (let round = 0; round < 5; round++) {
      const lock = new Lock();
      lock.acquireSync();
      const block = (lock: Lock): void => void lock.acquireSync();
      const pend = async (lock: Lock): Promise<void> => void (await lock.acquire());
      const victims = [spawn(block, lock), spawn(pend, lock)];
      await kit.waiting(lock, 2);
      const others = [0, 1].map((i) =>
        watch(
          kit.run(
            async (lock: Lock, i: number) => {
              if (i === 0) lock.acquireSync();
              else await lock.acquire();
              lock.release();
            },
            lock,
            i,
          ),
        ),
      );
      await kit.waiting(lock, 4);
      // The wake-up may be on its way to one that dies just then.
      const killed = victims.map((victim) => victim.terminate());
      lock.release();
      await Promise.all(killed);
      const results = await Promise.allSettled(others.map(({ promise }) => promise));
      const poisoned = results.some(({ status }) => status === "rejected");
      // Killed with the lock just handed to it, a victim counts as its holder.
      if (poisoned) lock.recover().release();
      assert.equal(lock.tryAcquire(), lock);
    }
  });

  test("permits on their way to a thread that is terminated come back", async () => {
    for (let round = 0; round < 5; round++) {
      const semaphore = new Semaphore(0);
      const victim = spawn((semaphore: Semaphore) => {
        semaphore.acquireSync();
        for (;;);
      }, semaphore);
      await kit.waiting(semaphore, 1);
      const other = watch(kit.run((semaphore: Semaphore) => void semaphore.acquireSync(), semaphore));
      await kit.waiting(semaphore, 2);
      const killed = victim.terminate();
      semaphore.release(2);
      await killed;
      await other.promise;
      assert.ok(semaphore.value <= 1);
      assert.equal(kit.backend.waiting(semaphore), 0);
    }
  });

  test("a sleeper of a condition that is terminated swallows no notify", async () => {
    const condition = new Condition(new Lock());
    const sleep = (condition: Condition): boolean => {
      condition.acquireSync();
      const notified = condition.waitSync();
      condition.release();
      return notified;
    };
    const victim = spawn(sleep, condition);
    await kit.waiting(condition, 1);
    const other = watch(kit.run(sleep, condition));
    await kit.waiting(condition, 2);
    await victim.terminate();
    await kit.waiting(condition, 1);
    await condition.acquire();
    condition.notify();
    condition.release();
    assert.equal(await other.promise, true);
  });

  test("a thread that dies in a barrier's action breaks the barrier", async () => {
    const inAction = new Event();
    const barrier = new Barrier(3, {
      action: () => {
        inAction.set();
        for (;;);
      },
    });
    const waiters = [watch(barrier.wait()), watch(kit.run((barrier: Barrier) => barrier.waitSync(), barrier))];
    await kit.waiting(barrier, 2);
    const last = spawn((barrier: Barrier) => barrier.waitSync(), barrier);
    await inAction.wait();
    await last.terminate();
    await assert.rejects(last.join(), ThreadDiedError);
    for (const { promise } of waiters) await assert.rejects(promise, BrokenBarrierError);
    assert.equal(barrier.broken, true);
    barrier.reset();
    assert.equal(barrier.broken, false);
  });

  test("an owner that dies while main blocks in acquireSync", () => {
    const [lock, held] = [new Lock(), new Event()];
    const owner = spawn(deaths["is terminated in a loop"]!, lock, held, new Event());
    held.waitSync();
    void owner.terminate();
    assert.throws(() => lock.acquireSync(), OwnerDiedError);
    lock.recover().release();
    assert.throws(() => owner.joinSync(), ThreadDiedError);
  });
}
