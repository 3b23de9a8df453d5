/** Python's cases for the bridges between tasks and threads (python-semantics 5.6), by number. @module */

import assert from "node:assert/strict";
import { test } from "node:test";
import { isMain } from "heddle";
import {
  CancelledError,
  createTask,
  type EventLoop,
  gather,
  getRunningLoop,
  runCoroutineThreadsafe,
  TimeoutError,
  toThread,
} from "heddle/asyncio";
import { copyContext } from "heddle/contextvars";
import { ThreadPoolExecutor } from "heddle/futures";
import { Queue } from "heddle/queue";
import { Barrier, DeadlockError, Event, getIdent, NotSendableError, spawn, ThreadDiedError } from "heddle/threading";
import {
  answer,
  ask,
  askAndCancel,
  askBlocking,
  askFor,
  askForWhatIsOnlyHere,
  fail,
  hang,
  meet,
  meetLate,
  odd,
  readOdd,
  readUser,
  serve,
  user,
} from "../asyncio/calls.ts";
import { late } from "../asyncio/programs/late.ts";
import { rejects, turn } from "../asyncio/turns.ts";

function block(began: Event, go: Event, ended: Event): void {
  began.set();
  go.waitSync();
  ended.set();
}

if (isMain(import.meta)) {
  test("BR-1 toThread sees the context of the call, a pool does not", async () => {
    await copyContext().run(async () => {
      user.set("ada");
      assert.equal(await toThread(readUser), "ada");
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      assert.equal(await pool.submit(readUser), "nobody");
    });
    assert.equal(await toThread(readUser), "nobody");
  });

  test("BR-1 what cannot be sent is an error only for who reads it", async () => {
    await copyContext().run(async () => {
      odd.set(new WeakMap());
      assert.equal(await toThread(readUser), "nobody");
      assert.match(await toThread(readOdd), /context variable odd could not come along into this thread: .*WeakMap/);
    });
  });

  test("BR-2 errors keep their class; arguments that cannot be sent are named", async () => {
    await rejects(toThread(fail), (error: Error) => error instanceof RangeError && error.message === "there");
    await rejects(
      toThread((...values: unknown[]) => values.length, 1, { deep: new WeakMap() }),
      (error: Error) => error instanceof NotSendableError && error.message.startsWith("args[1].deep: "),
    );
    await rejects(toThread(5 as never), TypeError);
  });

  test("BR-3 a thread asks the loop, waiting or blocking", async () => {
    const loop = getRunningLoop();
    assert.equal(getRunningLoop(), loop);
    assert.deepEqual(await spawn(ask, loop, "ok").join(), [2, "ok!", getIdent(), "nobody", true]);
    assert.deepEqual(await spawn(askBlocking, loop, "ok").join(), ["ok!", getIdent(), "asker", true]);
    assert.equal(user.get(), "nobody");
  });

  test("BR-3 errors of the loop come back, also of a result that cannot be sent", async () => {
    const loop = getRunningLoop();
    assert.equal(await spawn(askFor, loop, "error" as const).join(), "RangeError: there");
    assert.match(await spawn(askFor, loop, "unsendable" as const).join(), /^NotSendableError: .*WeakMap/);
  });

  test("BR-3 a function that the loop's thread cannot load, and arguments that cannot be sent", async () => {
    const loop = getRunningLoop();
    assert.match(await spawn(askForWhatIsOnlyHere, loop).join(), /could not be imported .*not for the main thread$/);
    assert.throws(
      () => runCoroutineThreadsafe((value: unknown) => value, loop, { deep: new WeakMap() }),
      (error: Error) => error instanceof NotSendableError && error.message.startsWith("args[0].deep: "),
    );
  });

  test("a variable that comes before its module is that module's", async () => {
    assert.deepEqual(await spawn(meetLate, late).join(), ["set early", "set late", 1]);
  });

  test("BR-4 cancelling the future cancels the task", async () => {
    const thread = spawn(askAndCancel, getRunningLoop(), new Event(), new Queue<string>());
    assert.deepEqual(await thread.join(), [true, true, "CancelledError"]);
  });

  test("BR-5 no function, no loop", () => {
    assert.throws(() => runCoroutineThreadsafe(5 as never, getRunningLoop()), TypeError);
    assert.throws(() => runCoroutineThreadsafe(fail, {} as never), TypeError);
  });

  test("BR-6 calls in threads run at the same time", async () => {
    const barrier = new Barrier(3);
    const names = await gather([1, 2, 3].map(() => () => toThread(meet, barrier)));
    assert.equal(new Set(names).size, 3);
    for (const name of names) assert.match(name, /^asyncio_\d+$/);
  });

  test("in the loop's own thread the future can be awaited, not blocked for", async () => {
    const loop = getRunningLoop();
    const future = runCoroutineThreadsafe(answer, loop, "own");
    assert.throws(() => future.resultSync(), DeadlockError);
    assert.equal((await future)[0], "own!");
  });

  test("the loop of another thread; and what becomes of calls when that ends", async () => {
    const [loops, end, began] = [new Queue<EventLoop>(), new Event(), new Event()];
    const thread = spawn(serve, loops, end);
    const loop = await loops.get();
    assert.match(String(loop), /^<EventLoop of Thread-/);
    assert.deepEqual((await runCoroutineThreadsafe(answer, loop, "there")).slice(0, 2), ["there!", thread.ident]);
    assert.equal(runCoroutineThreadsafe(answer, loop, "blocking").resultSync()[1], thread.ident);
    const [lost, blocked] = [1, 2].map(() => runCoroutineThreadsafe(hang, loop, began, new Queue<string>()));
    await began.wait();
    assert.throws(() => blocked!.resultSync({ timeout: 5 }), TimeoutError);
    await thread.terminate();
    await rejects(lost!, ThreadDiedError);
    assert.throws(() => blocked!.resultSync(), ThreadDiedError);
    await rejects(runCoroutineThreadsafe(answer, loop, "too late"), ThreadDiedError);
  });

  test("a task that is cancelled leaves its thread to itself", async () => {
    const [began, go, ended] = [new Event(), new Event(), new Event()];
    const task = createTask(() => toThread(block, began, go, ended));
    await began.wait();
    task.cancel();
    await rejects(task, CancelledError);
    assert.equal(ended.isSet, false);
    go.set();
    assert.equal(await ended.wait(), true);
    await turn();
  });
}
