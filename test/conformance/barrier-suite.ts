/** Conformance of Barrier: BAR-1 … BAR-12. @module */

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { BrokenBarrierError, RuntimeError, ValueError } from "heddle/errors";
import { type Backend, forms, Kit, settled, timed, type Watched, watch } from "./kit.ts";

export interface BarrierLike {
  toString(): string;
  wait(options?: object): Promise<number>;
  waitSync(options?: object): number;
  reset(): void;
  abort(): void;
  readonly parties: number;
  readonly nWaiting: number;
  readonly broken: boolean;
}

export interface BarrierKind {
  make(parties: number, options?: { action?: () => void; timeout?: number }): BarrierLike;
}

function rounds(barrier: BarrierLike, words: Int32Array, n: number, me: number, parties: number): string | undefined {
  for (let round = 1; round <= n; round++) {
    Atomics.store(words, me, round);
    barrier.waitSync();
    // Everybody has begun this round; nobody has begun the one after the next wait.
    for (let i = 0; i < parties; i++) {
      const at = Atomics.load(words, i);
      if (at < round || at > round + 1) return `${me} in round ${round} sees ${i} in ${at}`;
    }
  }
  return undefined;
}

async function roundsAsync(
  barrier: BarrierLike,
  words: Int32Array,
  n: number,
  me: number,
  parties: number,
): Promise<string | undefined> {
  for (let round = 1; round <= n; round++) {
    Atomics.store(words, me, round);
    await barrier.wait();
    for (let i = 0; i < parties; i++) {
      const at = Atomics.load(words, i);
      if (at < round || at > round + 1) return `${me} in round ${round} sees ${i} in ${at}`;
    }
  }
  return undefined;
}

export function barrierSuite(backend: Backend, kind: BarrierKind): void {
  describe(`Barrier over ${backend.name}`, () => {
    const kit = new Kit(backend);
    after(() => kit.close());

    async function allBroken(waits: readonly Watched<unknown>[]): Promise<void> {
      for (const { promise } of waits) await assert.rejects(promise, BrokenBarrierError);
    }

    for (const form of forms) {
      const arrive = (barrier: BarrierLike, n: number, options?: object): Watched<number>[] =>
        Array.from({ length: n }, (_, i) => watch<number>(form.wait(kit, i, barrier, "wait", options)));

      test(`BAR-1 lock-step over 10 rounds, ${form.name}`, async () => {
        const [barrier, words] = [kind.make(5), kit.backend.words(5)];
        const results = await Promise.all(
          [0, 1, 2, 3, 4].map((me) =>
            form.ownThread(me)
              ? kit.run(me === 2 ? roundsAsync : rounds, barrier, words, 10, me, 5)
              : roundsAsync(barrier, words, 10, me, 5),
          ),
        );
        assert.deepEqual(
          results.filter((result) => result !== undefined),
          [],
        );
        assert.equal(barrier.nWaiting, 0);
      });

      test(`BAR-2 one round gives 0 … n-1, the last to arrive n-1, ${form.name}`, async () => {
        const barrier = kind.make(4);
        const waits = arrive(barrier, 3);
        await kit.waiting(barrier, 3);
        assert.equal(await barrier.wait(), 3);
        const places = await Promise.all(waits.map(({ promise }) => promise));
        assert.deepEqual(
          places.toSorted((a, b) => a - b),
          [0, 1, 2],
        );
      });

      test(`BAR-5 abort() while n-1 wait, ${form.name}: all are told, and so are later callers`, async () => {
        const barrier = kind.make(4);
        const waits = arrive(barrier, 3);
        await kit.waiting(barrier, 3);
        assert.equal(settled(waits), 0);
        barrier.abort();
        await allBroken(waits);
        assert.equal(barrier.broken, true);
        assert.throws(() => barrier.waitSync(), BrokenBarrierError);
        await assert.rejects(barrier.wait(), BrokenBarrierError);
        barrier.abort();
        assert.ok(new BrokenBarrierError("x") instanceof RuntimeError);
      });

      test(`BAR-6 reset() while n-1 wait, ${form.name}: they are told; the next full round succeeds`, async () => {
        const barrier = kind.make(4);
        const waits = arrive(barrier, 3);
        await kit.waiting(barrier, 3);
        barrier.reset();
        await allBroken(waits);
        assert.equal(barrier.broken, false);
        const next = arrive(barrier, 4);
        const places = await Promise.all(next.map(({ promise }) => promise));
        assert.deepEqual(
          places.toSorted((a, b) => a - b),
          [0, 1, 2, 3],
        );
      });

      test(`BAR-7 abort, then reset: usable again for all, ${form.name}`, async () => {
        const barrier = kind.make(3);
        const waits = arrive(barrier, 2);
        await kit.waiting(barrier, 2);
        barrier.abort();
        await allBroken(waits);
        barrier.reset();
        assert.equal(barrier.broken, false);
        const places = await Promise.all(arrive(barrier, 3).map(({ promise }) => promise));
        assert.deepEqual(
          places.toSorted((a, b) => a - b),
          [0, 1, 2],
        );
      });

      test(`BAR-8 the first timeout breaks it for all who wait, ${form.name}`, async () => {
        const barrier = kind.make(4);
        const patient = arrive(barrier, 2, { timeout: 60_000 });
        await kit.waiting(barrier, 2);
        const { took } = await timed(() =>
          assert.rejects(form.wait(kit, 0, barrier, "wait", { timeout: 30 }), BrokenBarrierError),
        );
        assert.ok(took >= 30, `after ${took} ms`);
        await allBroken(patient);
        assert.equal(barrier.broken, true);
      });

      test(`BAR-9 the default timeout applies, ${form.name}; a wait's own goes before it`, async () => {
        const barrier = kind.make(2, { timeout: 30 });
        const { took } = await timed(() => assert.rejects(form.wait(kit, 0, barrier, "wait"), BrokenBarrierError));
        assert.ok(took >= 30, `after ${took} ms`);
        barrier.reset();
        const own = await timed(() =>
          assert.rejects(form.wait(kit, 0, barrier, "wait", { timeout: 60 }), BrokenBarrierError),
        );
        assert.ok(own.took >= 60, `after ${own.took} ms`);
      });

      test(`BAR-11 nWaiting counts up to n-1, then 0, ${form.name}`, async () => {
        const barrier = kind.make(4);
        assert.equal(barrier.parties, 4);
        assert.equal(barrier.nWaiting, 0);
        const waits: Watched<number>[] = [];
        for (let i = 0; i < 3; i++) {
          waits.push(watch<number>(form.wait(kit, i, barrier, "wait")));
          await kit.until(
            () => barrier.nWaiting === i + 1,
            () => `${barrier.nWaiting} of ${i + 1} wait`,
          );
        }
        assert.match(String(barrier), /waiters=3\/4/);
        await barrier.wait();
        assert.equal(barrier.nWaiting, 0);
        await Promise.all(waits.map(({ promise }) => promise));
        barrier.abort();
        assert.match(String(barrier), /broken/);
      });

      test(`BAR-12 a wait with timeout 0 that is not the last breaks it, ${form.name}`, async () => {
        const barrier = kind.make(2);
        await assert.rejects(form.wait(kit, 0, barrier, "wait", { timeout: 0 }), BrokenBarrierError);
        assert.equal(barrier.broken, true);
      });

      test(`BAR-3 the action runs once a round, before any wait returns, ${form.name}`, async () => {
        const words = kit.backend.words(1);
        const barrier = kind.make(3, { action: () => void Atomics.add(words, 0, 1) });
        for (let round = 1; round <= 5; round++) {
          const seen: number[] = [];
          const waits = [0, 1].map((i) =>
            form.wait(kit, i, barrier, "wait").then(() => seen.push(Atomics.load(words, 0))),
          );
          await kit.waiting(barrier, 2);
          assert.equal(Atomics.load(words, 0), round - 1);
          await barrier.wait();
          seen.push(Atomics.load(words, 0));
          await Promise.all(waits);
          assert.deepEqual(seen, [round, round, round]);
        }
      });

      test(`BAR-4 an action that throws, ${form.name}: its caller gets the error, the others BrokenBarrierError`, async () => {
        const barrier = kind.make(3, {
          action: () => {
            throw new RangeError("from the action");
          },
        });
        const waits = arrive(barrier, 2);
        await kit.waiting(barrier, 2);
        await assert.rejects(barrier.wait(), new RangeError("from the action"));
        await allBroken(waits);
        assert.equal(barrier.broken, true);
      });
    }

    test("BAR-3 the last to arrive runs the action in its own thread, wherever it is", async () => {
      const words = kit.backend.words(1);
      const barrier = kind.make(2, { action: () => void Atomics.add(words, 0, 1) });
      for (const method of ["waitSync", "wait"] as const) {
        const waiting = barrier.wait();
        await kit.waiting(barrier, 1);
        const last = await kit.run(
          async (barrier: BarrierLike, method: "wait" | "waitSync") => await barrier[method](),
          barrier,
          method,
        );
        assert.deepEqual([await waiting, last], [0, 1]);
      }
      assert.equal(words[0], 2);
    });

    test("BAR-10 Barrier(1) gives 0 always, also with timeout 0; its action runs", async () => {
      let runs = 0;
      const barrier = kind.make(1, { action: () => runs++ });
      assert.equal(barrier.waitSync(), 0);
      assert.equal(barrier.waitSync({ timeout: 0 }), 0);
      assert.equal(await barrier.wait({ timeout: 0 }), 0);
      assert.equal(runs, 3);
    });

    test("BAR bad arguments: no parties, broken numbers, an action that is no function, a negative timeout", async () => {
      for (const parties of [0, -1, 1.5, NaN]) assert.throws(() => kind.make(parties), ValueError);
      assert.throws(() => kind.make("2" as never), TypeError);
      assert.throws(() => kind.make(2, { action: 5 as never }), TypeError);
      assert.throws(() => kind.make(2, { timeout: -1 }), ValueError);
      const barrier = kind.make(2);
      assert.throws(() => barrier.waitSync({ timeout: -1 }), ValueError);
      await assert.rejects(barrier.wait({ timeout: NaN }), ValueError);
      assert.equal(barrier.broken, false);
    });

    test("BAR heddle: a wait ended by a signal leaves, and does not break the barrier", async () => {
      const barrier = kind.make(2);
      const aborter = new AbortController();
      const given = watch(barrier.wait({ signal: aborter.signal }));
      await kit.waiting(barrier, 1);
      aborter.abort();
      await assert.rejects(given.promise, { name: "AbortError" });
      assert.equal(barrier.broken, false);
      assert.equal(barrier.nWaiting, 0);
      const first = barrier.wait();
      assert.deepEqual([await kit.run((b: BarrierLike) => b.waitSync(), barrier), await first], [1, 0]);
    });
  });
}
