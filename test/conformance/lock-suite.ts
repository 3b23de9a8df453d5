/** Conformance of Lock: LOCK-1 … LOCK-11. @module */

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { OwnerDiedError, RuntimeError, ValueError } from "heddle/errors";
import { type Backend, type Form, forms, Kit, settled, timed, watch } from "./kit.ts";

export interface LockLike {
  acquire(options?: object): Promise<unknown>;
  acquireSync(options?: object): unknown;
  tryAcquire(): unknown;
  release(): void;
  readonly locked: boolean;
  [Symbol.dispose](): void;
}

export interface LockKind {
  make(): LockLike;
}

/** In a critical section: `words` = inside, entered, overlaps. */
function enter(words: Int32Array): void {
  if (Atomics.add(words, 0, 1) !== 0) Atomics.add(words, 2, 1);
  words[1] = words[1]! + 1;
  Atomics.sub(words, 0, 1);
}

export function enterSync(lock: LockLike, words: Int32Array, rounds: number): void {
  for (let i = 0; i < rounds; i++) {
    lock.acquireSync();
    enter(words);
    lock.release();
  }
}

export async function enterAsync(lock: LockLike, words: Int32Array, rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    await lock.acquire();
    enter(words);
    lock.release();
  }
}

/** Goes through the lock as the `i`th waiter of the form. */
export function pass(kit: Kit, form: Form, i: number, lock: LockLike, words: Int32Array, rounds = 1): Promise<void> {
  if (!form.ownThread(i)) return enterAsync(lock, words, rounds);
  return kit.run(i % 3 === 2 ? enterAsync : enterSync, lock, words, rounds);
}

/** What Lock and RLock have in common. `suits`: the forms in which waiters are strangers to each other. */
export function commonLockTests(kit: Kit, kind: LockKind, id: string, suits: (form: Form) => boolean): void {
  for (const form of forms.filter(suits)) {
    test(`${id}-4 five waiters, ${form.name}: one release lets all through, each once`, async () => {
      const [lock, words] = [kind.make(), kit.backend.words(3)];
      lock.acquireSync();
      const passing = [0, 1, 2, 3, 4].map((i) => watch(pass(kit, form, i, lock, words)));
      await kit.waiting(lock, 5);
      assert.equal(settled(passing), 0);
      lock.release();
      await Promise.all(passing.map(({ promise }) => promise));
      assert.deepEqual([...words], [0, 5, 0]);
      assert.equal(lock.locked, false);
    });

    test(`${id}-5 a timeout on a held lock, ${form.name}: undefined, not early, and the lock stays usable`, async () => {
      const lock = kind.make();
      lock.acquireSync();
      const { took, value } = await timed(() => form.wait(kit, 0, lock, "acquire", { timeout: 30 }));
      assert.equal(value, undefined);
      assert.ok(took >= 30, `after ${took} ms`);
      assert.equal(lock.locked, true);
      lock.release();
      assert.equal(lock.locked, false);
      assert.equal(lock.tryAcquire(), lock);
      assert.equal(kit.backend.waiting(lock), 0);
    });

    test(`${id}-11 mutual exclusion, ${form.name}: 4 × 250 increments`, async () => {
      const [lock, words] = [kind.make(), kit.backend.words(3)];
      await Promise.all([0, 1, 2, 3].map((i) => pass(kit, form, i, lock, words, 250)));
      assert.deepEqual([...words], [0, 1000, 0]);
    });
  }

  test(`${id}-2 tryAcquire on a held lock gives undefined at once, in another thread`, async () => {
    const lock = kind.make();
    lock.acquireSync();
    assert.equal(await kit.run((lock: LockLike) => lock.tryAcquire() === undefined, lock), true);
    assert.equal(await kit.run((lock: LockLike) => lock.acquireSync({ timeout: 0 }) === undefined, lock), true);
    assert.equal(
      await kit.run(async (lock: LockLike) => (await lock.acquire({ timeout: 0 })) === undefined, lock),
      true,
    );
  });

  test(`${id}-6 acquire with a long timeout on a free lock returns at once, with the lock itself`, async () => {
    const lock = kind.make();
    assert.equal(lock.acquireSync({ timeout: 5000 }), lock);
    lock.release();
    assert.equal(await lock.acquire({ timeout: 2 ** 40 }), lock);
    lock.release();
    assert.equal(await lock.acquire({ timeout: Infinity }), lock);
    lock.release();
    assert.equal(await kit.run((lock: LockLike) => lock.acquireSync({ timeout: 5000 }), lock), lock);
  });

  test(`${id}-7 heddle: a negative timeout or NaN is a ValueError, another type a TypeError; nothing is acquired`, async () => {
    const lock = kind.make();
    for (const timeout of [-1, -100, NaN]) {
      assert.throws(() => lock.acquireSync({ timeout }), ValueError);
      await assert.rejects(lock.acquire({ timeout }), ValueError);
    }
    for (const timeout of [null, "5", {}]) {
      assert.throws(() => lock.acquireSync({ timeout }), TypeError);
      await assert.rejects(lock.acquire({ timeout }), TypeError);
    }
    assert.throws(() => lock.acquireSync(5 as never), TypeError);
    assert.throws(() => lock.acquireSync({ signal: {} }), TypeError);
    assert.equal(lock.locked, false);
    lock.acquireSync();
    assert.throws(() => lock.acquireSync({ timeout: -1 }), ValueError);
    await assert.rejects(lock.acquire({ timeout: -1 }), ValueError);
    lock.release();
  });

  test(`${id}-8 heddle: no options, none inside them and an endless timeout all mean no limit`, async () => {
    const lock = kind.make();
    for (const options of [undefined, {}, { timeout: undefined }, { timeout: Infinity }]) {
      assert.equal(lock.acquireSync(options), lock);
      lock.release();
      assert.equal(await lock.acquire(options), lock);
      lock.release();
    }
    assert.equal(lock.locked, false);
  });

  test(`${id}-9 an error inside a using block leaves the lock free`, async () => {
    const lock = kind.make();
    assert.throws(() => {
      using _ = lock.acquireSync() as Disposable;
      assert.equal(lock.locked, true);
      throw new RangeError("inside");
    }, RangeError);
    assert.equal(lock.locked, false);
    await assert.rejects(async () => {
      using _ = (await lock.acquire()) as Disposable;
      await Promise.reject(new RangeError("inside"));
    }, RangeError);
    assert.equal(lock.locked, false);
  });

  test(`${id} a signal ends an acquire with its reason, leaving nothing behind`, async () => {
    const [lock, words] = [kind.make(), kit.backend.words(3)];
    const release = await kit.hold(lock);
    const reason = new Error("enough");
    const aborter = new AbortController();
    const waiting = watch(lock.acquire({ signal: aborter.signal }));
    const passing = pass(kit, forms[0]!, 0, lock, words);
    await kit.waiting(lock, 2);
    aborter.abort(reason);
    await assert.rejects(waiting.promise, reason);
    await kit.waiting(lock, 1);
    assert.throws(() => lock.acquireSync({ signal: aborter.signal }), reason);
    await assert.rejects(lock.acquire({ signal: aborter.signal }), reason);
    await release();
    await passing;
    assert.deepEqual([...words], [0, 1, 0]);
  });

  test(`${id} an owner that dies marks the lock: all waiters and comers get OwnerDiedError, until recover()`, async () => {
    const lock = kind.make();
    const owner = kit.backend.spawn(async (lock: LockLike) => {
      lock.acquireSync();
      await new Promise(() => setInterval(() => undefined, 1000));
    }, lock);
    await kit.until(
      () => lock.locked,
      () => "the thread never acquired",
    );
    const waiting = [watch(lock.acquire()), watch(kit.run((lock: LockLike) => lock.acquireSync(), lock))];
    await kit.waiting(lock, 2);
    await owner.terminate();
    for (const { promise } of waiting) await assert.rejects(promise, OwnerDiedError);
    assert.throws(() => lock.acquireSync(), OwnerDiedError);
    assert.throws(() => lock.tryAcquire(), OwnerDiedError);
    await assert.rejects(lock.acquire({ timeout: 5 }), OwnerDiedError);
    await assert.rejects(
      kit.run((lock: LockLike) => lock.acquireSync(), lock),
      OwnerDiedError,
    );
    const recoverable = lock as LockLike & { recover(): unknown };
    assert.equal(recoverable.recover(), lock);
    assert.equal(lock.locked, true);
    assert.throws(() => recoverable.recover(), RuntimeError);
    lock.release();
    assert.equal(await kit.run((lock: LockLike) => lock.acquireSync() === lock && lock.release(), lock), undefined);
  });
}

export function lockSuite(backend: Backend, kind: LockKind): void {
  describe(`Lock over ${backend.name}`, () => {
    const kit = new Kit(backend);
    after(() => kit.close());

    test("LOCK-1 release of an unlocked lock is a RuntimeError", async () => {
      const lock = kind.make();
      assert.throws(() => lock.release(), RuntimeError);
      await assert.rejects(
        kit.run((lock: LockLike) => lock.release(), lock),
        RuntimeError,
      );
      lock.acquireSync();
      lock.release();
      assert.throws(() => lock.release(), RuntimeError);
    });

    test("LOCK-2 tryAcquire on a held lock gives undefined at once, in the same thread", async () => {
      const lock = kind.make();
      assert.equal(lock.tryAcquire(), lock);
      assert.equal(lock.tryAcquire(), undefined);
      assert.equal(lock.acquireSync({ timeout: 0 }), undefined);
      assert.equal(await lock.acquire({ timeout: 0 }), undefined);
    });

    test("LOCK-3 a thread other than the acquirer may release", async () => {
      const lock = kind.make();
      lock.acquireSync();
      await kit.run((lock: LockLike) => lock.release(), lock);
      assert.equal(lock.locked, false);
      await kit.run((lock: LockLike) => void lock.acquireSync(), lock);
      lock.release();
      assert.equal(lock.locked, false);
    });

    for (const form of forms) {
      test(`LOCK-10 acquiring again waits until another releases, ${form.name}`, async () => {
        const lock = kind.make();
        const again = watch(form.wait(kit, 0, lock, "acquire").then(() => form.wait(kit, 0, lock, "acquire")));
        await kit.waiting(lock, 1);
        assert.equal(again.state, "pending");
        lock.release();
        assert.equal(await again.promise, lock);
        assert.equal(lock.locked, true);
        lock.release();
      });
    }

    test("LOCK event-loop waiters are served in the order of their calls", async () => {
      const lock = kind.make();
      lock.acquireSync();
      const order: number[] = [];
      const waiters = [0, 1, 2, 3, 4].map((i) => lock.acquire().then(() => (order.push(i), lock.release())));
      await kit.waiting(lock, 5);
      lock.release();
      await Promise.all(waiters);
      assert.deepEqual(order, [0, 1, 2, 3, 4]);
    });

    commonLockTests(kit, kind, "LOCK", () => true);
  });
}
