/** Conformance of wait and asCompleted: WAIT-1 … WAIT-7, AC-1 … AC-7. @module */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CancelledError, TimeoutError, ValueError } from "heddle/errors";
import { asCompleted, type CompletionIterator, Future, type ReturnWhen, wait } from "heddle/futures";
import { announce, type ExecutorKind, failAfter, passThrough } from "./futures-kit.ts";
import { timed, watch } from "./kit.ts";

const modes: readonly ReturnWhen[] = ["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"];

function finished<T>(value: T): Future<T> {
  const future = new Future<T>();
  future.setResult(value);
  return future;
}

function failed(): Future<never> {
  const future = new Future<never>();
  future.setException(new RangeError("failed"));
  return future;
}

function cancelled(): Future<never> {
  const future = new Future<never>();
  future.cancel();
  return future;
}

async function given<T>(futures: CompletionIterator<T>): Promise<Future<T>[]> {
  const all: Future<T>[] = [];
  for await (const future of futures) all.push(future);
  return all;
}

export function waitSuite(kind: ExecutorKind): void {
  describe(`wait over ${kind.name}`, () => {
    test("WAIT-1 the same future twice is one; any iterable will do", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      const future = pool.submit(Math.abs, -1);
      const twice = await wait([future, future]);
      assert.deepEqual([[...twice.done], twice.notDone.size], [[future], 0]);
      const set = await wait(new Set([future]).values());
      assert.deepEqual([...set.done], [future]);
    });

    test("WAIT-2 FIRST_COMPLETED: one fast, one slow, one cancelled: a cancelled one is done (in Python not)", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      const [gate, open] = [kind.gate(), kind.gate()];
      open.set();
      const [fast, slow] = [pool.submit(passThrough, open, 1), pool.submit(passThrough, gate, 2)];
      const first = await wait([fast, slow], { returnWhen: "FIRST_COMPLETED" });
      assert.deepEqual([[...first.done], [...first.notDone]], [[fast], [slow]]);
      const gone = cancelled();
      const second = await wait([fast, slow, gone], { returnWhen: "FIRST_COMPLETED" });
      assert.deepEqual([[...second.done], [...second.notDone]], [[fast, gone], [slow]]);
      gate.set();
      await slow;
    });

    test("WAIT-3 FIRST_COMPLETED with one that is done already is over at once", async () => {
      const [done, never] = [finished(1), new Future()];
      const { value } = await timed(() => wait([never, done], { returnWhen: "FIRST_COMPLETED" }));
      assert.deepEqual([[...value.done], [...value.notDone]], [[done], [never]]);
      assert.equal((await wait([never, cancelled()], { returnWhen: "FIRST_COMPLETED" })).done.size, 1);
    });

    test("WAIT-4 FIRST_EXCEPTION stops at the one that fails, with those that were done before", async () => {
      await using pool = kind.make({ maxWorkers: 3 });
      const [open, gate, never] = [kind.gate(), kind.gate(), kind.gate()];
      open.set();
      const good = pool.submit(passThrough, open, 1);
      await good;
      const bad = pool.submit(failAfter, gate, "on purpose");
      const slow = pool.submit(passThrough, never, 2);
      const gone = new Future();
      const waiting = watch(wait([good, bad, slow, gone] as Future<unknown>[], { returnWhen: "FIRST_EXCEPTION" }));
      gone.cancel();
      await pool.submit(passThrough, open, 3);
      assert.equal(waiting.state, "pending", "a success or a cancellation ended it");
      gate.set();
      const { done, notDone } = await waiting.promise;
      assert.deepEqual([[...done], [...notDone]], [[good, bad, gone], [slow]]);
      never.set();
      await slow;
    });

    test("WAIT-4 FIRST_EXCEPTION: one that failed before is enough; if none fails, as ALL_COMPLETED", async () => {
      const never = new Future();
      const early = await wait([never, failed()], { returnWhen: "FIRST_EXCEPTION" });
      assert.deepEqual([early.done.size, early.notDone.size], [1, 1]);
      const all = await wait([cancelled(), finished(1)] as Future<unknown>[], { returnWhen: "FIRST_EXCEPTION" });
      assert.deepEqual([all.done.size, all.notDone.size], [2, 0]);
    });

    test("WAIT-5 a timeout divides without an error, not early; 0 is a look; nothing is cancelled", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      const [running, gate] = [kind.gate(), kind.gate()];
      const slow = pool.submit(announce, running, gate);
      const queued = pool.submit(Math.abs, -2);
      await running.wait();
      const { took, value } = await timed(() => wait([slow, queued] as Future<unknown>[], { timeout: 25 }));
      assert.ok(took >= 25, `${took} ms`);
      assert.deepEqual([value.done.size, value.notDone.size], [0, 2]);
      const look = await wait([slow, finished(1)] as Future<unknown>[], { timeout: 0 });
      assert.deepEqual([look.done.size, look.notDone.size], [1, 1]);
      gate.set();
      assert.deepEqual([await slow, await queued], ["passed", 2]);
      for (const timeout of [-1, Number.NaN]) await assert.rejects(wait([slow], { timeout }), ValueError);
    });

    test("WAIT-6 100 futures let go together: none is missed", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      const gate = kind.gate();
      const futures = Array.from({ length: 100 }, (_, i) => pool.submit(passThrough, gate, i));
      const waiting = wait(futures);
      gate.set();
      const { done, notDone } = await waiting;
      assert.deepEqual([done.size, notDone.size], [100, 0]);
      assert.deepEqual(
        await Promise.all(futures),
        Array.from({ length: 100 }, (_, i) => i),
      );
    });

    test("WAIT-7 nothing to wait for is over at once, whatever the mode; an unknown mode is a ValueError", async () => {
      for (const returnWhen of modes) {
        const { done, notDone } = await wait([], { returnWhen });
        assert.deepEqual([done.size, notDone.size], [0, 0]);
      }
      await assert.rejects(wait([finished(1)], { returnWhen: "SOMETIMES" as never }), ValueError);
    });

    test("EX-8 what shutdown({ cancelFutures }) cancelled is done for wait and asCompleted (in Python they hang)", async () => {
      const pool = kind.make({ maxWorkers: 1 });
      const [running, gate] = [kind.gate(), kind.gate()];
      const first = pool.submit(announce, running, gate);
      const others = Array.from({ length: 5 }, () => pool.submit(passThrough, gate, "never"));
      await running.wait();
      const ended = pool.shutdown({ cancelFutures: true });
      assert.deepEqual([(await wait(others)).done.size, (await given(asCompleted(others))).length], [5, 5]);
      gate.set();
      await ended;
      assert.equal(await first, "passed");
    });
  });

  describe(`asCompleted over ${kind.name}`, () => {
    test("AC-1 in the order in which they finish", async () => {
      await using pool = kind.make({ maxWorkers: 2 });
      const gates = [kind.gate(), kind.gate()] as const;
      const futures = gates.map((gate, i) => pool.submit(passThrough, gate, i));
      const order = asCompleted(futures);
      gates[1].set();
      assert.equal(await (await order.next()).value, 1);
      gates[0].set();
      assert.equal(await (await order.next()).value, 0);
      assert.equal((await order.next()).done, true);
      assert.equal((await order.next()).done, true);
    });

    test("AC-2 the same future twice is given once; failed and cancelled ones are given, too", async () => {
      const [one, bad, gone] = [finished(1), failed(), cancelled()];
      const all = await given(asCompleted<unknown>([one, one, bad, gone, one]));
      assert.deepEqual(new Set(all), new Set([one, bad, gone]));
      assert.equal(all.length, 3);
    });

    test("AC-3 the message of a timeout counts; those that are done were given before; not early", async () => {
      const futures: Future<unknown>[] = [new Future(), finished(1), new Future(), finished(2)];
      const all: unknown[] = [];
      const { took } = await timed(() =>
        assert.rejects(
          async () => {
            for await (const future of asCompleted(futures, { timeout: 25 })) all.push(future);
          },
          (error) => error instanceof TimeoutError && error.message === "2 (of 4) futures unfinished",
        ),
      );
      assert.ok(took >= 25, `${took} ms`);
      assert.deepEqual(all, [futures[1], futures[3]]);
    });

    test("AC-4 a timeout of 0 still gives those that are done; one below 0 is a ValueError", async () => {
      const futures: Future<unknown>[] = [finished(1), new Future()];
      const order = asCompleted(futures, { timeout: 0 });
      assert.equal((await order.next()).value, futures[0]);
      await assert.rejects(order.next(), TimeoutError);
      assert.throws(() => asCompleted(futures, { timeout: -1 }), ValueError);
    });

    test("AC-5 of nothing, it gives nothing", async () => {
      assert.deepEqual(await given(asCompleted([])), []);
    });

    test("AC-6 the clock starts with the first next", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      const [gate, aside] = [kind.gate(), new Future()];
      const future = pool.submit(passThrough, gate, 1);
      const order = asCompleted([future], { timeout: 10_000 });
      const early = asCompleted([future], { timeout: 20 });
      // Longer than its timeout, which has not begun to count.
      await aside.result({ timeout: 40 }).catch(() => undefined);
      const next = order.next();
      gate.set();
      assert.equal((await next).value, future);
      assert.equal((await early.next()).value, future);
    });

    test("AC-7 any iterable will do; leaving early cancels nothing", async () => {
      const futures = [finished(1), new Future<number>()] as const;
      function* each(): Generator<Future<number>> {
        yield* futures;
      }
      for await (const future of asCompleted(each())) {
        assert.equal(future, futures[0]);
        break;
      }
      assert.equal(futures[1].cancelled, false);
      const order = asCompleted(each());
      await order.next();
      const pending = order.next();
      futures[1].cancel();
      await assert.rejects(async () => await (await pending).value, CancelledError);
    });
  });
}
