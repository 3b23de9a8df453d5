/** Conformance of Condition: COND-1 … COND-13. @module */

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { RuntimeError, ValueError } from "heddle/errors";
import { type Backend, type Form, forms, Kit, settled, timed, type Watched, watch } from "./kit.ts";
import type { LockLike } from "./lock-suite.ts";

export interface ConditionLike extends LockLike {
  wait(options?: object): Promise<boolean>;
  waitSync(options?: object): boolean;
  waitFor<T>(predicate: () => T, options?: object): Promise<T>;
  waitForSync<T>(predicate: () => T, options?: object): T;
  notify(n?: number): void;
  notifyAll(): void;
}

export interface ConditionKind {
  make(lock?: LockLike): ConditionLike;
  lock(): LockLike;
  rlock(): LockLike;
}

/** What one sleeper does: acquires, waits, notes that it holds the lock, releases. */
function sleepSync(condition: ConditionLike, options: object | undefined): [notified: boolean, held: boolean] {
  condition.acquireSync();
  const notified = condition.waitSync(options);
  const held = condition.locked;
  condition.release();
  return [notified, held];
}

async function sleepAsync(condition: ConditionLike, options: object | undefined): Promise<[boolean, boolean]> {
  await condition.acquire();
  const notified = await condition.wait(options);
  const held = condition.locked;
  condition.release();
  return [notified, held];
}

export function conditionSuite(backend: Backend, kind: ConditionKind): void {
  describe(`Condition over ${backend.name}`, () => {
    const kit = new Kit(backend);
    after(() => kit.close());

    const sleep = (
      form: Form,
      i: number,
      condition: ConditionLike,
      options?: object,
    ): Watched<[notified: boolean, held: boolean]> =>
      watch(
        form.ownThread(i)
          ? kit.run(i % 3 === 2 ? sleepAsync : sleepSync, condition, options)
          : sleepAsync(condition, options),
      );

    const locked = async (condition: ConditionLike, body: () => void): Promise<void> => {
      await condition.acquire();
      try {
        body();
      } finally {
        condition.release();
      }
    };

    /** Coroutines of one thread are one owner to an RLock: they sleep under a Lock. */
    const makeFor = (form: Form): ConditionLike => kind.make(form.name === "blocked threads" ? undefined : kind.lock());

    test("COND-1 wait, notify and notifyAll without the lock are RuntimeErrors", async () => {
      for (const condition of [kind.make(), kind.make(kind.lock()), kind.make(kind.rlock())]) {
        assert.throws(() => condition.waitSync(), RuntimeError);
        await assert.rejects(condition.wait(), RuntimeError);
        assert.throws(() => condition.notify(), RuntimeError);
        assert.throws(() => condition.notifyAll(), RuntimeError);
        const elsewhere = (condition: ConditionLike): void => condition.notify();
        condition.acquireSync();
        await assert.rejects(kit.run(elsewhere, condition), RuntimeError, "heddle: held by another thread");
        condition.notify(0);
        condition.release();
      }
    });

    test("COND bad arguments: a lock that is none, a broken number to notify, a negative timeout", async () => {
      assert.throws(() => kind.make({} as never), TypeError);
      const condition = kind.make();
      condition.acquireSync();
      assert.throws(() => condition.notify("1" as never), TypeError);
      assert.throws(() => condition.notify(1.5), ValueError);
      assert.throws(() => condition.notify(NaN), ValueError);
      assert.throws(() => condition.waitSync({ timeout: -1 }), ValueError);
      await assert.rejects(condition.wait({ timeout: -1 }), ValueError);
      await assert.rejects(
        condition.waitFor(() => true, { timeout: NaN }),
        ValueError,
      );
      condition.release();
      assert.equal(condition.locked, false);
    });

    for (const form of forms) {
      test(`COND-2 five sleepers, ${form.name}: notify(3) wakes 3, then the others and the re-waiters, then all`, async () => {
        const condition = makeFor(form);
        const first = [0, 1, 2, 3, 4].map((i) => sleep(form, i, condition));
        await kit.waiting(condition, 5);
        await locked(condition, () => condition.notify(3));
        await kit.until(
          () => settled(first) === 3,
          () => `${settled(first)} of 3 woke`,
        );
        assert.equal(kit.backend.waiting(condition), 2);
        const again = [0, 1, 2].map((i) => sleep(form, i, condition));
        await kit.waiting(condition, 5);
        await locked(condition, () => condition.notify(5));
        for (const { promise } of [...first, ...again]) assert.deepEqual(await promise, [true, true]);
        const last = [0, 1, 2].map((i) => sleep(form, i, condition));
        await kit.waiting(condition, 3);
        await locked(condition, () => condition.notifyAll());
        for (const { promise } of last) assert.deepEqual(await promise, [true, true]);
        assert.equal(condition.locked, false);
      });

      test(`COND-3 two notify() in one section wake two, ${form.name}`, async () => {
        const condition = makeFor(form);
        const sleepers = [0, 1, 2].map((i) => sleep(form, i, condition));
        await kit.waiting(condition, 3);
        await locked(condition, () => {
          condition.notify();
          condition.notify();
        });
        await kit.until(
          () => settled(sleepers) === 2,
          () => `${settled(sleepers)} of 2 woke`,
        );
        assert.equal(kit.backend.waiting(condition), 1);
        await locked(condition, () => condition.notifyAll());
        for (const { promise } of sleepers) assert.deepEqual(await promise, [true, true]);
      });

      test(`COND-4 a notify before the wait is lost, ${form.name}`, async () => {
        const condition = makeFor(form);
        await locked(condition, () => condition.notifyAll());
        const { took, value } = await timed(() => sleep(form, 0, condition, { timeout: 30 }).promise);
        assert.deepEqual(value, [false, true]);
        assert.ok(took >= 30, `after ${took} ms`);
      });

      test(`COND-5 the woken do not go on while the notifier holds the lock, ${form.name}`, async () => {
        const condition = makeFor(form);
        const lockedWaiters = [0, 1].map((i) => sleep(form, i, condition));
        await kit.waiting(condition, 2);
        await condition.acquire();
        condition.notifyAll();
        await kit.until(
          () => kit.backend.waiting(condition) === 0,
          () => "the waits are not over",
        );
        assert.equal(settled(lockedWaiters), 0);
        assert.equal(condition.locked, true);
        condition.release();
        for (const { promise } of lockedWaiters) assert.deepEqual(await promise, [true, true]);
      });

      test(`COND-6 five waits time out at once, ${form.name}: false, not early, the lock held on return`, async () => {
        const condition = makeFor(form);
        const results = await Promise.all(
          [0, 1, 2, 3, 4].map((i) => timed(() => sleep(form, i, condition, { timeout: 30 }).promise)),
        );
        for (const { took, value } of results) {
          assert.deepEqual(value, [false, true]);
          assert.ok(took >= 30, `after ${took} ms`);
        }
        assert.equal(condition.locked, false);
        assert.equal(kit.backend.waiting(condition), 0);
      });

      test(`COND-7 wait with timeout 0 is false at once, ${form.name}`, async () => {
        const condition = makeFor(form);
        assert.deepEqual(await sleep(form, 0, condition, { timeout: 0 }).promise, [false, true]);
      });

      test(`COND-9 a sleeper that timed out does not swallow a notify, ${form.name}`, async () => {
        const condition = makeFor(form);
        const short = sleep(form, 0, condition, { timeout: 20 });
        await kit.until(
          () => kit.backend.waiting(condition) === 1 || short.state !== "pending",
          () => "no sleeper",
        );
        const long = sleep(form, 1, condition);
        await short.promise;
        await kit.waiting(condition, 1);
        await locked(condition, () => condition.notify());
        assert.deepEqual(await long.promise, [true, true]);
      });

      test(`COND-13 notified before the deadline, the lock free after it: true, ${form.name}`, async () => {
        const condition = makeFor(form);
        const timeout = 1000;
        const start = performance.now();
        const sleeper = sleep(form, 0, condition, { timeout });
        await kit.waiting(condition, 1);
        await condition.acquire();
        condition.notify();
        // The deadline is what this waits for; it lies in the past of the release.
        await kit.until(
          () => performance.now() - start > timeout + 20,
          () => "time stands still",
        );
        assert.equal(sleeper.state, "pending");
        condition.release();
        assert.deepEqual(await sleeper.promise, [true, true]);
      });
    }

    test("COND-8 an RLock three deep: wait lets another thread in, then three releases are needed", async () => {
      const body = async (condition: ConditionLike, sync: boolean): Promise<boolean[]> => {
        for (let i = 0; i < 3; i++) condition.acquireSync();
        if (sync) condition.waitSync();
        else await condition.wait();
        const seen: boolean[] = [];
        for (let i = 0; i < 3; i++) {
          seen.push(condition.locked);
          condition.release();
        }
        return [...seen, condition.locked];
      };
      for (const sync of [true, false]) {
        const condition = kind.make(kind.rlock());
        const sleeper = watch(kit.run(body, condition, sync));
        await kit.waiting(condition, 1);
        const got = await kit.run((condition: ConditionLike) => {
          const acquired = condition.tryAcquire() !== undefined;
          if (acquired) condition.notify();
          if (acquired) condition.release();
          return acquired;
        }, condition);
        assert.equal(got, true);
        assert.deepEqual(await sleeper.promise, [true, true, true, false]);
      }
    });

    test("COND-10 waitFor(state === 4): four notifies make it true; after three the timeout gives false, not early", async () => {
      const words = kit.backend.words(1);
      const body = (condition: ConditionLike, words: Int32Array, timeout: number | undefined): [boolean, number] => {
        condition.acquireSync();
        const start = performance.now();
        const result = condition.waitForSync(() => words[0] === 4, { timeout });
        condition.release();
        return [result, performance.now() - start];
      };
      const condition = kind.make();
      const done = watch(kit.run(body, condition, words, undefined));
      for (let i = 0; i < 4; i++) {
        await kit.waiting(condition, 1);
        await locked(condition, () => {
          words[0] = words[0]! + 1;
          condition.notify();
        });
      }
      assert.equal((await done.promise)[0], true);
      words[0] = 0;
      const late = watch(kit.run(body, condition, words, 300));
      for (let i = 0; i < 3; i++) {
        await kit.until(
          () => kit.backend.waiting(condition) === 1 || late.state !== "pending",
          () => "nobody waits",
        );
        await locked(condition, () => {
          words[0] = words[0]! + 1;
          condition.notify();
        });
      }
      const [result, took] = await late.promise;
      assert.equal(result, false);
      assert.ok(took >= 300, `after ${took} ms`);
    });

    test("COND-10 waitFor on an event loop", async () => {
      const condition = kind.make(kind.lock());
      let state = 0;
      const sleeper = watch(
        (async () => {
          using _ = (await condition.acquire()) as Disposable;
          return await condition.waitFor(() => (state === 2 ? { state } : undefined));
        })(),
      );
      for (let i = 0; i < 2; i++) {
        await kit.waiting(condition, 1);
        await locked(condition, () => {
          state++;
          condition.notifyAll();
        });
      }
      assert.deepEqual(await sleeper.promise, { state: 2 });
    });

    test("COND-11 waitFor gives the predicate's value itself, and asks twice when the timeout is 0", async () => {
      const condition = kind.make();
      const list = ["found"];
      condition.acquireSync();
      assert.equal(
        condition.waitForSync(() => list),
        list,
      );
      assert.equal(await condition.waitFor(() => list), list);
      let asked = 0;
      const never = (): string => (asked++, "");
      assert.equal(condition.waitForSync(never, { timeout: 0 }), "");
      assert.equal(asked, 2);
      assert.equal(await condition.waitFor(never, { timeout: 0 }), "");
      assert.equal(asked, 4);
      condition.release();
    });

    test("COND-12 a condition shares its lock: the raw lock is held inside", async () => {
      const lock = kind.lock();
      const [one, other] = [kind.make(lock), kind.make(lock)];
      {
        using _ = one.acquireSync() as Disposable;
        assert.equal(lock.tryAcquire(), undefined);
        assert.equal(other.tryAcquire(), undefined);
        assert.equal(await kit.run((lock: LockLike) => lock.tryAcquire() === undefined, lock), true);
        other.notifyAll();
      }
      assert.equal(lock.locked, false);
    });

    test("COND a signal ends the wait with its reason; the lock is held again, and no notify is lost", async () => {
      const condition = kind.make(kind.lock());
      const aborter = new AbortController();
      const aborted = watch(
        (async () => {
          await condition.acquire();
          try {
            await condition.wait({ signal: aborter.signal });
            return "notified";
          } catch (error) {
            return `${(error as Error).name}, ${condition.locked}`;
          } finally {
            condition.release();
          }
        })(),
      );
      await kit.waiting(condition, 1);
      const other = sleep(forms[0]!, 0, condition);
      await kit.waiting(condition, 2);
      aborter.abort();
      assert.equal(await aborted.promise, "AbortError, true");
      await locked(condition, () => condition.notify());
      assert.deepEqual(await other.promise, [true, true]);
    });

    test("COND notify wakes the oldest first", async () => {
      const condition = kind.make(kind.lock());
      const order: number[] = [];
      const sleepers: Watched<unknown>[] = [];
      for (let i = 0; i < 4; i++) {
        const sleeper = sleep(forms[2]!, i, condition);
        sleepers.push(watch(sleeper.promise.then(() => order.push(i))));
        await kit.waiting(condition, i + 1);
      }
      for (let i = 0; i < 4; i++) {
        await locked(condition, () => condition.notify());
        await sleepers[i]!.promise;
      }
      assert.deepEqual(order, [0, 1, 2, 3]);
    });
  });
}
