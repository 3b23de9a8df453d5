/** Conformance of Semaphore and BoundedSemaphore: SEM-1 … SEM-13. @module */

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { ValueError } from "heddle/errors";
import { type Backend, forms, Kit, settled, timed, watch } from "./kit.ts";

export interface SemaphoreLike {
  toString(): string;
  acquire(options?: object): Promise<unknown>;
  acquireSync(options?: object): unknown;
  tryAcquire(): unknown;
  release(n?: number): void;
  readonly value: number;
  [Symbol.dispose](): void;
}

export interface SemaphoreKind {
  make(value?: number): SemaphoreLike;
  makeBounded(value?: number): SemaphoreLike;
}

/** In the region: `words` = inside, most at once, passes. */
function region(words: Int32Array): void {
  const inside = Atomics.add(words, 0, 1) + 1;
  for (let most = Atomics.load(words, 1); inside > most; most = Atomics.load(words, 1)) {
    Atomics.compareExchange(words, 1, most, inside);
  }
  Atomics.add(words, 2, 1);
  Atomics.sub(words, 0, 1);
}

function crowdSync(semaphore: SemaphoreLike, words: Int32Array): void {
  for (let i = 0; i < 200; i++) {
    semaphore.acquireSync();
    region(words);
    semaphore.release();
  }
}

async function crowd(semaphore: SemaphoreLike, words: Int32Array): Promise<void> {
  for (let i = 0; i < 200; i++) {
    await semaphore.acquire();
    region(words);
    semaphore.release();
  }
}

export function semaphoreSuite(backend: Backend, kind: SemaphoreKind): void {
  describe(`Semaphore over ${backend.name}`, () => {
    const kit = new Kit(backend);
    after(() => kit.close());
    const both = [
      { name: "Semaphore", make: kind.make },
      { name: "BoundedSemaphore", make: kind.makeBounded },
    ];

    for (const { name, make } of both) {
      test(`SEM-1 ${name}: the default value is 1, a negative or broken one a ValueError, another type a TypeError`, () => {
        const semaphore = make();
        assert.equal(semaphore.tryAcquire(), semaphore);
        assert.equal(semaphore.tryAcquire(), undefined);
        for (const value of [-1, 1.5, NaN]) assert.throws(() => make(value), ValueError);
        assert.throws(() => make("3" as never), TypeError);
      });

      test(`SEM-2 ${name}(2): true, true, false; a release makes it true again`, async () => {
        const semaphore = make(2);
        const tries = [0, 1, 2].map(() => semaphore.tryAcquire() === semaphore);
        assert.deepEqual(tries, [true, true, false]);
        assert.equal(await kit.run((s: SemaphoreLike) => s.tryAcquire() === undefined, semaphore), true);
        semaphore.release();
        assert.equal(semaphore.value, 1);
        assert.equal(await kit.run((s: SemaphoreLike) => s.tryAcquire() === s, semaphore), true);
        assert.equal(semaphore.value, 0);
      });

      test(`SEM-3 ${name}, heddle: bad timeouts are errors also when a permit is free`, async () => {
        const semaphore = make(1);
        for (const timeout of [-1, NaN]) {
          assert.throws(() => semaphore.acquireSync({ timeout }), ValueError);
          await assert.rejects(semaphore.acquire({ timeout }), ValueError);
        }
        assert.throws(() => semaphore.acquireSync(7 as never), TypeError);
        assert.equal(semaphore.value, 1);
      });

      test(`SEM-7 ${name}: release(0), of a broken number or of another type is an error`, () => {
        const semaphore = make(1);
        for (const n of [0, -1, 0.5, NaN]) assert.throws(() => semaphore.release(n), ValueError);
        assert.throws(() => semaphore.release("1" as never), TypeError);
        assert.equal(semaphore.value, 1);
      });

      test(`SEM-13 ${name}: using and an error restore the value`, async () => {
        const semaphore = make(2);
        assert.throws(() => {
          using _ = semaphore.acquireSync() as Disposable;
          assert.equal(semaphore.value, 1);
          throw new RangeError("inside");
        }, RangeError);
        await assert.rejects(async () => {
          using _ = (await semaphore.acquire()) as Disposable;
          await Promise.reject(new RangeError("inside"));
        }, RangeError);
        assert.equal(semaphore.value, 2);
      });

      for (const form of forms) {
        test(`SEM-4 ${name}: a timeout on an empty one, ${form.name}: undefined, not early`, async () => {
          const semaphore = make(0);
          const { took, value } = await timed(() => form.wait(kit, 0, semaphore, "acquire", { timeout: 30 }));
          assert.equal(value, undefined);
          assert.ok(took >= 30, `after ${took} ms`);
          assert.equal(semaphore.value, 0);
          assert.equal(kit.backend.waiting(semaphore), 0);
        });
      }

      test(`SEM ${name}: a signal takes no permit with it`, async () => {
        const semaphore = make(1);
        semaphore.acquireSync();
        const aborter = new AbortController();
        const given = watch(semaphore.acquire({ signal: aborter.signal }));
        const next = watch(kit.run((s: SemaphoreLike) => s.acquireSync(), semaphore));
        await kit.waiting(semaphore, 2);
        aborter.abort();
        await assert.rejects(given.promise, { name: "AbortError" });
        semaphore.release();
        assert.equal(await next.promise, semaphore);
        assert.equal(semaphore.value, 0);
      });
    }

    for (const form of forms) {
      test(`SEM-5 ten waiters acquire twice, ${form.name}: as many go on as permits are released`, async () => {
        const semaphore = kind.make(7);
        semaphore.acquireSync();
        const passes: ReturnType<typeof watch>[] = [];
        const once = (i: number): ReturnType<typeof watch> => {
          const pass = watch(form.wait(kit, i, semaphore, "acquire"));
          passes.push(pass);
          return pass;
        };
        for (let i = 0; i < 10; i++) void once(i).promise.then(() => void once(i));
        // 6 free permits, then 7, 6 and the last: the first 6 ask for their second.
        let granted = 6;
        for (const n of [0, 7, 6]) {
          if (n > 0) semaphore.release(n);
          granted += n;
          await kit.until(
            () => settled(passes) === granted && kit.backend.waiting(semaphore) === passes.length - granted,
            () => `${settled(passes)} of ${granted} granted, ${kit.backend.waiting(semaphore)} wait`,
          );
          assert.equal(semaphore.value, 0);
        }
        semaphore.release();
        await kit.until(
          () => settled(passes) === 20,
          () => `${settled(passes)} of 20 granted`,
        );
        assert.equal(passes.length, 20);
        assert.equal(semaphore.tryAcquire(), undefined);
      });

      test(`SEM-6 release(n) wakes exactly n, ${form.name}`, async () => {
        const semaphore = kind.make(0);
        const waits = [0, 1, 2, 3, 4].map((i) => watch(form.wait(kit, i, semaphore, "acquire")));
        await kit.waiting(semaphore, 5);
        semaphore.release(3);
        await kit.until(
          () => settled(waits) === 3,
          () => `${settled(waits)} of 3 granted`,
        );
        assert.equal(kit.backend.waiting(semaphore), 2);
        semaphore.release(2);
        for (const { promise } of waits) assert.equal(await promise, semaphore);
        assert.equal(semaphore.value, 0);
      });

      test(`SEM-11 never more than 3 inside Semaphore(3), ${form.name}`, async () => {
        const [semaphore, words] = [kind.makeBounded(3), kit.backend.words(3)];
        await Promise.all(
          [0, 1, 2, 3, 4].map((i) =>
            form.ownThread(i) ? kit.run(i === 2 ? crowd : crowdSync, semaphore, words) : crowd(semaphore, words),
          ),
        );
        assert.ok(words[1]! <= 3, `${words[1]} at once`);
        assert.equal(words[2], 1000);
        assert.equal(semaphore.value, 3);
      });
    }

    test("SEM heddle: first come, first served; a permit in flight is nobody else's", async () => {
      const semaphore = kind.make(0);
      const order: number[] = [];
      const waits = [0, 1, 2].map((i) => semaphore.acquire().then(() => order.push(i)));
      await kit.waiting(semaphore, 3);
      semaphore.release();
      assert.equal(semaphore.tryAcquire(), undefined);
      semaphore.release(2);
      await Promise.all(waits);
      assert.deepEqual(order, [0, 1, 2]);
    });

    test("SEM-8 release beyond the initial value raises the value", () => {
      const semaphore = kind.make(3);
      semaphore.release();
      assert.equal(semaphore.value, 4);
      assert.match(String(semaphore), /value=4/);
    });

    test("SEM-9 BoundedSemaphore: a release too many is a ValueError and releases nothing", async () => {
      const semaphore = kind.makeBounded(2);
      assert.throws(() => semaphore.release(), ValueError);
      assert.equal(semaphore.value, 2);
      semaphore.acquireSync();
      assert.throws(() => semaphore.release(2), ValueError);
      assert.equal(semaphore.value, 1);
      assert.match(String(semaphore), /value=1\/2/);
      await kit.run((s: SemaphoreLike) => s.release(), semaphore);
      await assert.rejects(
        kit.run((s: SemaphoreLike) => s.release(), semaphore),
        ValueError,
      );
      assert.equal(semaphore.value, 2);
    });

    test("SEM-10 BoundedSemaphore(0).release() is a ValueError", () => {
      assert.throws(() => kind.makeBounded(0).release(), ValueError);
    });

    test("SEM-12 five threads, four permits, one taken, two tries each: 3 got one, 7 did not", async () => {
      const semaphore = kind.make(4);
      semaphore.acquireSync();
      const tries = await Promise.all(
        [0, 1, 2, 3, 4].map(() =>
          kit.run((s: SemaphoreLike) => [s.tryAcquire() === s, s.tryAcquire() === s], semaphore),
        ),
      );
      assert.equal(tries.flat().filter(Boolean).length, 3);
      assert.equal(tries.flat().length, 10);
    });
  });
}
