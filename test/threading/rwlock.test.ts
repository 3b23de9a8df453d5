/** RWLock: sharing, exclusion, order, cancellation, deaths. @module */

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { isMain } from "heddle";
import { OwnerDiedError, RuntimeError, ValueError } from "heddle/errors";
import { RWLock, spawn } from "heddle/threading";
import { type Form, forms, Kit, settled, timed, watch } from "../conformance/kit.ts";
import { threads } from "../conformance/thread-backend.ts";

type Way = "read" | "write";

/** Acquires in another thread, or on this loop, as the form says, and notes the order of those who got it. */
function passSync(lock: RWLock, way: Way, words: Int32Array, mark: number): void {
  lock[way].acquireSync();
  words[Atomics.add(words, 0, 1) + 1] = mark;
  lock[way].release();
}

async function passAsync(lock: RWLock, way: Way, words: Int32Array, mark: number): Promise<void> {
  await lock[way].acquire();
  words[Atomics.add(words, 0, 1) + 1] = mark;
  lock[way].release();
}

/** Goes through the lock as the `i`th of the form. */
function pass(kit: Kit, form: Form, i: number, lock: RWLock, way: Way, words: Int32Array, mark: number): Promise<void> {
  if (!form.ownThread(i)) return passAsync(lock, way, words, mark);
  return kit.run(i % 3 === 2 ? passAsync : passSync, lock, way, words, mark);
}

/** Two plain words that only writers change, and always both: a reader must never see them differ. */
function mixed(lock: RWLock, words: Int32Array, rounds: number, seed: number): number {
  let differences = 0;
  for (let i = 0; i < rounds; i++) {
    if ((i + seed) % 4 === 0) {
      using _ = lock.write.acquireSync();
      words[0] = words[0]! + 1;
      words[1] = words[1]! + 1;
    } else {
      using _ = lock.read.acquireSync();
      if (words[0] !== words[1]) differences++;
    }
  }
  return differences;
}

async function mixedAsync(lock: RWLock, words: Int32Array, rounds: number, seed: number): Promise<number> {
  let differences = 0;
  for (let i = 0; i < rounds; i++) {
    if ((i + seed) % 4 === 0) {
      using _ = await lock.write.acquire();
      words[0] = words[0]! + 1;
      words[1] = words[1]! + 1;
    } else {
      using _ = await lock.read.acquire();
      if (words[0] !== words[1]) differences++;
    }
  }
  return differences;
}

/** Takes the lock and never lets go. */
async function keep(lock: RWLock, way: Way): Promise<void> {
  lock[way].acquireSync();
  await new Promise(() => setInterval(() => undefined, 1000));
}

function waitForEver(lock: RWLock, way: Way): void {
  lock[way].acquireSync();
  lock[way].release();
}

/** Reads and writes until it is killed; tells of each round. */
function roam(lock: RWLock, words: Int32Array): void {
  for (let i = 0; ; i++) {
    lock.read.acquireSync();
    lock.read.release();
    try {
      lock.write.acquireSync();
    } catch (error) {
      if (!(error instanceof OwnerDiedError)) throw error;
      continue;
    }
    lock.write.release();
    Atomics.add(words, 0, 1);
  }
}

function suite(): void {
  describe("RWLock", () => {
    const kit = new Kit(threads);
    after(() => kit.close());

    test("readers share it, a writer has it alone, in this thread and in others", async () => {
      const lock = new RWLock();
      assert.equal(lock.read.tryAcquire(), lock.read);
      assert.equal(await kit.run((lock: RWLock) => lock.read.tryAcquire() === lock.read, lock), true);
      assert.equal(String(lock), "<RWLock readers=2>");
      assert.equal(lock.write.tryAcquire(), undefined);
      assert.equal(await kit.run((lock: RWLock) => lock.write.acquireSync({ timeout: 0 }), lock), undefined);
      assert.deepEqual([lock.read.locked, lock.write.locked], [true, false]);
      lock.read.release();
      await kit.run((lock: RWLock) => lock.read.release(), lock);
      assert.equal(String(lock), "<RWLock unlocked>");
      assert.equal(await lock.write.acquire(), lock.write);
      assert.deepEqual([lock.read.locked, lock.write.locked], [false, true]);
      assert.equal(lock.read.tryAcquire(), undefined);
      assert.equal(lock.write.tryAcquire(), undefined);
      assert.equal(await kit.run(async (lock: RWLock) => await lock.read.acquire({ timeout: 0 }), lock), undefined);
      lock.write.release();
      assert.equal(String(lock), "<RWLock unlocked>");
    });

    test("who does not hold it cannot release it", async () => {
      const lock = new RWLock();
      for (const way of ["read", "write"] as const) {
        assert.throws(() => lock[way].release(), RuntimeError);
        lock[way].acquireSync();
        await assert.rejects(
          kit.run((lock: RWLock, way: Way) => lock[way].release(), lock, way),
          RuntimeError,
        );
        const other = way === "read" ? "write" : "read";
        assert.throws(() => lock[other].release(), RuntimeError);
        lock[way].release();
        assert.throws(() => lock[way].release(), RuntimeError);
      }
    });

    test("using releases it, also on an error; both sides stay where they are, the lock travels", async () => {
      const lock = new RWLock();
      assert.throws(() => {
        using _ = lock.write.acquireSync();
        throw new RangeError("inside");
      }, RangeError);
      {
        using _ = lock.read.acquireSync();
        assert.equal(lock.read.locked, true);
      }
      assert.equal(String(lock), "<RWLock unlocked>");
      const refused = { code: "ERR_HEDDLE_NOT_SENDABLE", message: /send the RWLock/ };
      for (const side of [lock.read, lock.write])
        assert.throws(() => spawn((side: unknown) => side === side, side), refused);
    });

    test("bad options acquire nothing", async () => {
      const lock = new RWLock();
      for (const side of [lock.read, lock.write]) {
        assert.throws(() => side.acquireSync({ timeout: -1 }), ValueError);
        await assert.rejects(side.acquire({ timeout: NaN }), ValueError);
        assert.throws(() => side.acquireSync(5 as never), TypeError);
        assert.equal(side.locked, false);
      }
    });

    for (const form of forms) {
      test(`first come, first served, ${form.name}: a writer is not overtaken by later readers`, async () => {
        const [lock, words] = [new RWLock(), kit.backend.words(8)];
        lock.read.acquireSync();
        const passing = [];
        for (const [i, way] of (["write", "read", "read", "write", "read"] as const).entries()) {
          passing.push(watch(pass(kit, form, i, lock, way, words, i + 1)));
          await kit.waiting(lock, i + 1);
        }
        assert.equal(lock.read.tryAcquire(), undefined, "a reader overtook the writer");
        assert.equal(settled(passing), 0);
        lock.read.release();
        await Promise.all(passing.map(({ promise }) => promise));
        const [n, first, ...rest] = [...words.subarray(0, 6)];
        assert.deepEqual([n, first], [5, 1]);
        assert.deepEqual(
          rest.slice(0, 2).toSorted((a, b) => a - b),
          [2, 3],
        );
        assert.deepEqual(rest.slice(2), [4, 5]);
        assert.equal(String(lock), "<RWLock unlocked>");
        assert.equal(kit.backend.waiting(lock), 0);
      });

      test(`a writer that gives up lets the readers behind it go, ${form.name}`, async () => {
        const [lock, words] = [new RWLock(), kit.backend.words(4)];
        lock.read.acquireSync();
        const aborter = new AbortController();
        const aborted = watch(lock.write.acquire({ signal: aborter.signal }));
        await kit.waiting(lock, 1);
        const timing = timed(() =>
          form.ownThread(0)
            ? kit.run((lock: RWLock) => lock.write.acquireSync({ timeout: 300 }), lock)
            : lock.write.acquire({ timeout: 300 }),
        );
        await kit.waiting(lock, 2);
        const reading = watch(pass(kit, form, 0, lock, "read", words, 1));
        await kit.waiting(lock, 3);
        const { took, value } = await timing;
        assert.equal(value, undefined);
        assert.ok(took >= 300, `after ${took} ms`);
        assert.equal(reading.state, "pending");
        aborter.abort(new RangeError("enough"));
        await assert.rejects(aborted.promise, RangeError);
        await reading.promise;
        assert.equal(words[0], 1);
        assert.equal(lock.write.tryAcquire(), undefined);
        lock.read.release();
      });
    }

    test("4 × 400 sections of readers and writers, threads and loops: no reader sees half a change", async () => {
      const [lock, words] = [new RWLock(), kit.backend.words(2)];
      const differences = await Promise.all([
        kit.run(mixed, lock, words, 400, 0),
        kit.run(mixed, lock, words, 400, 1),
        kit.run(mixedAsync, lock, words, 400, 2),
        mixedAsync(lock, words, 400, 3),
      ]);
      assert.deepEqual(differences, [0, 0, 0, 0]);
      assert.deepEqual([...words], [400, 400]);
      assert.equal(String(lock), "<RWLock unlocked>");
    });

    test("more reading threads than the first table of readers holds", async () => {
      const lock = new RWLock();
      const [taken, letGo] = [kit.backend.words(1), kit.backend.words(1)];
      const hold = (lock: RWLock, taken: Int32Array, letGo: Int32Array): void => {
        lock.read.acquireSync();
        Atomics.add(taken, 0, 1);
        Atomics.wait(letGo, 0, 0);
        lock.read.release();
      };
      const holders = Array.from({ length: 9 }, () => kit.run(hold, lock, taken, letGo));
      await kit.until(
        () => Atomics.load(taken, 0) === 9,
        () => `${taken[0]} readers`,
      );
      assert.equal(String(lock), "<RWLock readers=9>");
      const writing = watch(lock.write.acquire());
      await kit.waiting(lock, 1);
      Atomics.store(letGo, 0, 1);
      Atomics.notify(letGo, 0);
      await Promise.all(holders);
      await writing.promise;
      lock.write.release();
    });

    test("a reader that dies gives its share back, before and after others wait for it", async () => {
      const lock = new RWLock();
      for (const waitFirst of [true, false]) {
        const reader = spawn(keep, lock, "read");
        await kit.until(
          () => lock.read.locked,
          () => "the thread never acquired",
        );
        const writers = waitFirst ? [watch(lock.write.acquire().then((side) => side.release()))] : [];
        await kit.waiting(lock, writers.length);
        await reader.terminate();
        await Promise.all(writers.map(({ promise }) => promise));
        assert.equal(lock.write.acquireSync(), lock.write);
        lock.write.release();
      }
    });

    test("a writer that dies marks it: all waiters and comers get OwnerDiedError, until recover()", async () => {
      const lock = new RWLock();
      const writer = spawn(keep, lock, "write");
      await kit.until(
        () => lock.write.locked,
        () => "the thread never acquired",
      );
      const waiting = [
        watch(lock.read.acquire()),
        watch(lock.write.acquire()),
        watch(kit.run((lock: RWLock) => lock.read.acquireSync() && undefined, lock)),
        watch(kit.run((lock: RWLock) => lock.write.acquireSync() && undefined, lock)),
      ];
      await kit.waiting(lock, 4);
      await writer.terminate();
      for (const { promise } of waiting) await assert.rejects(promise, OwnerDiedError);
      for (const side of [lock.read, lock.write]) {
        assert.throws(() => side.acquireSync(), OwnerDiedError);
        assert.throws(() => side.tryAcquire(), OwnerDiedError);
        await assert.rejects(side.acquire({ timeout: 5 }), OwnerDiedError);
      }
      assert.equal(lock.write.recover(), lock.write);
      assert.equal(lock.write.locked, true);
      assert.throws(() => lock.recover(), RuntimeError);
      lock.write.release();
      assert.equal(lock.read.acquireSync(), lock.read);
      lock.read.release();
      assert.throws(() => lock.recover(), RuntimeError);
    });

    test("a writer that dies while it waits lets the readers behind it go", async () => {
      const [lock, words] = [new RWLock(), kit.backend.words(4)];
      lock.read.acquireSync();
      const writer = spawn(waitForEver, lock, "write");
      await kit.waiting(lock, 1);
      const readers = [watch(kit.run(passSync, lock, "read", words, 1)), watch(passAsync(lock, "read", words, 2))];
      await kit.waiting(lock, 3);
      await writer.terminate();
      await Promise.all(readers.map(({ promise }) => promise));
      lock.read.release();
      assert.equal(lock.write.tryAcquire(), lock.write);
      lock.write.release();
    });

    test("16 threads killed wherever they are: the lock is always usable afterwards", async () => {
      const [lock, words] = [new RWLock(), kit.backend.words(1)];
      for (let round = 0; round < 8; round++) {
        const before = Atomics.load(words, 0);
        const pair = [spawn(roam, lock, words), spawn(roam, lock, words)];
        await kit.until(
          () => Atomics.load(words, 0) > before + 10 * (round + 1),
          () => `stuck at ${words[0]}`,
        );
        await Promise.all(pair.map((thread) => thread.terminate()));
        for (const thread of pair) await assert.rejects(thread.join());
        try {
          assert.ok(await lock.write.acquire({ timeout: 10_000 }), "nobody is left, but the lock is taken");
        } catch (error) {
          if (!(error instanceof OwnerDiedError)) throw error;
          lock.recover();
        }
        lock.write.release();
        assert.equal(lock.read.tryAcquire(), lock.read);
        lock.read.release();
        assert.equal(String(lock), "<RWLock unlocked>");
      }
    });
  });
}

if (isMain(import.meta)) suite();
