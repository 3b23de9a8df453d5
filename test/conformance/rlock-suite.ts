/** Conformance of RLock: RLOCK-1 … RLOCK-8. @module */

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { RuntimeError } from "heddle/errors";
import { type Backend, type Form, Kit, watch } from "./kit.ts";
import { commonLockTests, type LockKind, type LockLike } from "./lock-suite.ts";

/** Coroutines outside of tasks count as their thread, so waiters of one loop would all be the owner. */
const strangers = (form: Form): boolean => form.name === "blocked threads";

export function rlockSuite(backend: Backend, kind: LockKind): void {
  describe(`RLock over ${backend.name}`, () => {
    const kit = new Kit(backend);
    after(() => kit.close());

    test("RLOCK-1 three acquires need three releases, the fourth is a RuntimeError", async () => {
      const body = async (lock: LockLike): Promise<boolean[]> => {
        lock.acquireSync();
        await lock.acquire();
        lock.tryAcquire();
        const seen: boolean[] = [];
        for (let i = 0; i < 3; i++) {
          seen.push(lock.locked);
          lock.release();
        }
        return [...seen, lock.locked];
      };
      const lock = kind.make();
      assert.deepEqual(await body(lock), [true, true, true, false]);
      assert.throws(() => lock.release(), RuntimeError);
      assert.deepEqual(await kit.run(body, lock), [true, true, true, false]);
      await assert.rejects(
        kit.run((lock: LockLike) => lock.release(), lock),
        RuntimeError,
      );
    });

    test("RLOCK-2 release by another thread is a RuntimeError while the owner holds it", async () => {
      const lock = kind.make();
      lock.acquireSync();
      await assert.rejects(
        kit.run((lock: LockLike) => lock.release(), lock),
        RuntimeError,
      );
      assert.equal(lock.locked, true);
      lock.release();
    });

    test("RLOCK-3 another thread's tryAcquire fails until the count is 0, also after a partial release", async () => {
      const lock = kind.make();
      const others = (): Promise<boolean> =>
        kit.run((lock: LockLike) => {
          const got = lock.tryAcquire() !== undefined;
          if (got) lock.release();
          return got;
        }, lock);
      lock.acquireSync();
      lock.acquireSync();
      assert.equal(await others(), false);
      lock.release();
      assert.equal(await others(), false);
      lock.release();
      assert.equal(await others(), true);
    });

    test("RLOCK-4 release of a fresh lock is a RuntimeError", () => {
      assert.throws(() => kind.make().release(), RuntimeError);
    });

    test("RLOCK-5 nested using blocks; an error unwinds one level each", () => {
      const lock = kind.make();
      assert.throws(() => {
        using _outer = lock.acquireSync() as Disposable;
        assert.throws(() => {
          using _inner = lock.acquireSync() as Disposable;
          throw new RangeError("inner");
        }, RangeError);
        assert.equal(lock.locked, true);
        throw new TypeError("outer");
      }, TypeError);
      assert.equal(lock.locked, false);
    });

    for (const method of ["acquireSync", "acquire"] as const) {
      test(`RLOCK-6 a waiter (${method}) gets it only after the last release`, async () => {
        const lock = kind.make();
        lock.acquireSync();
        lock.acquireSync();
        const waiter = watch(
          kit.run(
            async (lock: LockLike, method: "acquire" | "acquireSync") => {
              await lock[method]();
              lock.release();
            },
            lock,
            method,
          ),
        );
        await kit.waiting(lock, 1);
        lock.release();
        assert.equal(kit.backend.waiting(lock), 1);
        assert.equal(waiter.state, "pending");
        lock.release();
        await waiter.promise;
      });
    }

    test("RLOCK-7 the owner's acquire with a timeout returns at once", async () => {
      const lock = kind.make();
      lock.acquireSync();
      assert.equal(lock.acquireSync({ timeout: 0 }), lock);
      assert.equal(await lock.acquire({ timeout: 5000 }), lock);
      for (let i = 0; i < 3; i++) lock.release();
      assert.equal(lock.locked, false);
    });

    // RLOCK-8: timeouts and bad arguments as for Lock.
    commonLockTests(kit, kind, "RLOCK", strangers);
  });
}
