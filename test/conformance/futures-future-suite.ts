/**
 * Conformance of Future: FUT-1 … FUT-12. What callbacks that throw must do is tested with a program of its own: it
 * shows on the standard error stream.
 *
 * @module
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CancelledError, InvalidStateError, RuntimeError, TimeoutError, ValueError } from "heddle/errors";
import { asCompleted, Future, wait } from "heddle/futures";
import { announce, collectGarbage, type ExecutorKind } from "./futures-kit.ts";
import { timed } from "./kit.ts";

type Shape = [cancelled: boolean, running: boolean, done: boolean];

function shape(future: Future<unknown>): Shape {
  return [future.cancelled, future.running, future.done];
}

function finished<T>(value: T): Future<T> {
  const future = new Future<T>();
  future.setResult(value);
  return future;
}

function failed(error: unknown): Future<never> {
  const future = new Future<never>();
  future.setException(error);
  return future;
}

function cancelled(): Future<never> {
  const future = new Future<never>();
  assert.equal(future.cancel(), true);
  return future;
}

function started(): Future<string> {
  const future = new Future<string>();
  assert.equal(future.setRunningOrNotifyCancel(), true);
  return future;
}

export function futureSuite(kind: ExecutorKind): void {
  describe(`Future over ${kind.name}`, () => {
    test("FUT-1 a fresh future is nothing yet; a wait of 0 is over at once, one below 0 is an error", async () => {
      const future = new Future<number>();
      assert.deepEqual(shape(future), [false, false, false]);
      await assert.rejects(future.result({ timeout: 0 }), TimeoutError);
      await assert.rejects(future.exception({ timeout: 0 }), TimeoutError);
      assert.throws(() => future.resultSync({ timeout: 0 }), TimeoutError);
      assert.throws(() => future.exceptionSync({ timeout: 0 }), TimeoutError);
      for (const timeout of [-1, Number.NaN]) {
        assert.throws(() => future.resultSync({ timeout }), ValueError);
        await assert.rejects(async () => await future.result({ timeout }), ValueError);
      }
      await assert.rejects(async () => await future.result("1" as never), TypeError);
    });

    test("FUT-1 a timeout is not early, and leaves the future as it was", async () => {
      const future = new Future<number>();
      const { took } = await timed(() => assert.rejects(future.result({ timeout: 20 }), TimeoutError));
      assert.ok(took >= 20, `${took} ms`);
      future.setResult(1);
      assert.equal(await future.result({ timeout: 0 }), 1);
    });

    test("FUT-2 cancel: takes back what has not begun, again and again; not what runs or is done", () => {
      const future = cancelled();
      assert.equal(future.cancel(), true);
      assert.deepEqual(shape(future), [true, false, true]);
      assert.throws(() => future.resultSync(), CancelledError);
      assert.throws(() => future.exceptionSync(), CancelledError);
      const running = started();
      assert.equal(running.cancel(), false);
      assert.deepEqual(shape(running), [false, true, false]);
      assert.equal(finished(1).cancel(), false);
      assert.equal(failed(new Error("x")).cancel(), false);
      assert.deepEqual(shape(finished(1)), [false, false, true]);
    });

    test("FUT-2 cancel of a task that runs: false, and it is only asked to stop; of one that waits: true, and it never runs", async () => {
      await using pool = kind.make({ maxWorkers: 1 });
      const [running, gate, ran] = [kind.gate(), kind.gate(), kind.gate()];
      const first = pool.submit(announce, running, gate);
      const second = pool.submit((gate) => gate.set(), ran);
      await running.wait();
      assert.deepEqual(shape(first), [false, true, false]);
      assert.deepEqual(shape(second), [false, false, false]);
      assert.deepEqual([first.cancel(), second.cancel()], [false, true]);
      assert.deepEqual(shape(first), [false, true, false]);
      await assert.rejects(async () => await first, CancelledError);
      assert.deepEqual(shape(first), [true, false, true]);
      await assert.rejects(async () => await second, CancelledError);
      await pool.submit(() => undefined);
      assert.equal(ran.isSet, false);
    });

    test("FUT-3 callbacks are called in order, once, with the future", () => {
      const future = new Future<number>();
      const calls: unknown[] = [];
      const twice = (): unknown => calls.push("twice");
      future.addDoneCallback((f) => calls.push(["first", f === future, f.done]));
      future.addDoneCallback(twice);
      future.addDoneCallback(twice);
      future.setResult(5);
      assert.deepEqual(calls, [["first", true, true], "twice", "twice"]);
      assert.throws(() => future.addDoneCallback(7 as never), TypeError);
    });

    test("FUT-4 a callback added to a settled future is called at once", () => {
      for (const future of [finished(1), failed(new Error("x")), cancelled()]) {
        let calls = 0;
        future.addDoneCallback(() => calls++);
        assert.equal(calls, 1);
      }
    });

    test("FUT-5 a callback on cancel sees it cancelled, before cancel returns, and only once", () => {
      const future = new Future();
      const seen: boolean[] = [];
      future.addDoneCallback((f) => seen.push(f.cancelled));
      future.cancel();
      assert.deepEqual(seen, [true]);
      future.cancel();
      future.setRunningOrNotifyCancel();
      assert.deepEqual(seen, [true]);
    });

    test("FUT-6 a second setResult or setException: InvalidStateError, and the first stays", async () => {
      const future = finished("first");
      assert.throws(() => future.setResult("second"), InvalidStateError);
      assert.throws(() => future.setException(new Error("second")), /<Future state=finished returned string>/);
      assert.equal(await future, "first");
      assert.throws(() => cancelled().setResult(1 as never), InvalidStateError);
    });

    test("FUT-7 waits in progress end with the value, the error, or CancelledError", async () => {
      const futures = [new Future<number>(), new Future<number>(), new Future<number>()] as const;
      const waits = futures.map((future) => Promise.allSettled([future.result(), future, future.exception()]));
      const error = new Error("x");
      futures[0].setResult(42);
      futures[1].setException(error);
      futures[2].cancel();
      const [value, thrown, gone] = await Promise.all(waits);
      assert.deepEqual(value, [
        { status: "fulfilled", value: 42 },
        { status: "fulfilled", value: 42 },
        { status: "fulfilled", value: undefined },
      ]);
      assert.deepEqual(thrown![0], { status: "rejected", reason: error });
      assert.deepEqual(thrown![2], { status: "fulfilled", value: error });
      for (const outcome of gone!) assert.ok(outcome.status === "rejected" && outcome.reason instanceof CancelledError);
    });

    test("FUT-7 a signal ends a wait with its reason, and leaves the future alone", async () => {
      const future = new Future<number>();
      const controller = new AbortController();
      const wait = future.result({ signal: controller.signal });
      controller.abort(new RangeError("enough"));
      await assert.rejects(wait, /enough/);
      await assert.rejects(future.result({ signal: controller.signal }), /enough/);
      assert.deepEqual(shape(future), [false, false, false]);
      future.setResult(1);
      assert.equal(await future.result(), 1);
    });

    test("FUT-8 exception gives the very error that was set, result throws it; null sets none", async () => {
      const error = new RangeError("x");
      const future = failed(error);
      assert.equal(future.exceptionSync(), error);
      assert.equal(await future.exception(), error);
      assert.throws(
        () => future.resultSync(),
        (e) => e === error,
      );
      await assert.rejects(
        async () => await future,
        (e) => e === error,
      );
      assert.equal(await failed(null).exception(), undefined);
      assert.equal(finished(1).exceptionSync(), undefined);
    });

    test("FUT-9 setRunningOrNotifyCancel: twice is a RuntimeError, on a cancelled one false", () => {
      assert.throws(() => started().setRunningOrNotifyCancel(), RuntimeError);
      assert.throws(() => finished(1).setRunningOrNotifyCancel(), RuntimeError);
      const future = cancelled();
      assert.equal(future.setRunningOrNotifyCancel(), false);
      assert.throws(() => future.setRunningOrNotifyCancel(), RuntimeError);
      assert.equal(future.cancel(), true);
      assert.deepEqual(shape(future), [true, false, true]);
    });

    test("FUT-10 who waits is told before the callbacks run", async () => {
      const future = new Future<number>();
      const order: string[] = [];
      const waits = future.then(() => order.push("waiter"));
      future.addDoneCallback(() => void Promise.resolve().then(() => order.push("callback's microtask")));
      future.setResult(1);
      await waits;
      await Promise.resolve();
      assert.deepEqual(order, ["waiter", "callback's microtask"]);
    });

    test("FUT-12 as text, in all six shapes", () => {
      assert.deepEqual(
        [new Future(), started(), cancelled(), finished(1), finished(new Map()), failed(new RangeError())].map(String),
        [
          "<Future state=pending>",
          "<Future state=running>",
          "<Future state=cancelled>",
          "<Future state=finished returned number>",
          "<Future state=finished returned Map>",
          "<Future state=finished raised RangeError>",
        ],
      );
    });

    test("a future is a promise: then, catch, finally, all, race", async () => {
      assert.equal(await finished(2).then((n) => n + 1), 3);
      assert.equal(await failed(new Error("x")).catch(() => "caught"), "caught");
      let ran = 0;
      assert.equal(await finished(2).finally(() => ran++), 2);
      assert.equal(ran, 1);
      assert.deepEqual(await Promise.all([finished(1), finished(2)]), [1, 2]);
    });

    test("resultSync of a future that nobody can settle meanwhile says so instead of blocking for ever", () => {
      assert.throws(() => new Future().resultSync(), /await future\.result\(\)/);
    });

    test("waits that ended by a timeout or a signal leave nothing behind in the future", async () => {
      const future = new Future<number>();
      const gone: WeakRef<object>[] = [];
      const giveUp = async (begin: (signal: AbortSignal) => Promise<unknown>): Promise<void> => {
        const controller = new AbortController();
        const waiting = begin(controller.signal);
        gone.push(new WeakRef(waiting));
        controller.abort(new RangeError("enough"));
        await waiting.catch(() => undefined);
      };
      for (let i = 0; i < 20; i++) {
        await giveUp((signal) => future.result({ signal }));
        await giveUp(() => future.exception({ timeout: 1 }));
        await giveUp(() => wait([future], { timeout: 1 }));
        await giveUp(async () => {
          for await (const _ of asCompleted([future], { timeout: 1 }));
        });
      }
      await collectGarbage();
      assert.ok(gone.filter((ref) => ref.deref() !== undefined).length < 4, "kept alive by the future");
      future.setResult(1);
    });
  });
}
