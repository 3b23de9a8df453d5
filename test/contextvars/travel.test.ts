/** Variables and contexts that go to other threads. @module */

import assert from "node:assert/strict";
import { test } from "node:test";
import { isMain } from "heddle";
import { Context, ContextVar, copyContext } from "heddle/contextvars";
import { ThreadPoolExecutor } from "heddle/futures";
import { Local } from "heddle/local";
import { Process } from "heddle/multiprocessing";
import { NotSendableError, spawn, Thread } from "heddle/threading";
import { packContext, type PackedContext, runInPacked } from "../../src/contextvars/packed.ts";
import { inCopy, isSame, level, readAll, readUser, twins, user } from "./programs.ts";

function readBothIn(packed: PackedContext): [string, string] {
  return runInPacked(packed, () => {
    let message = "";
    try {
      level.get();
    } catch (error) {
      message = (error as Error).message;
    }
    return [user.get("unset"), message];
  });
}

/** Is what arrives twice the same object, and the one that a captured name means? */
function areSame(variables: ContextVar<string>[], again: ContextVar<string>): boolean[] {
  return variables.map((variable) => variable === again);
}

if (isMain(import.meta)) {
  test("a module's variable is that module's own in the thread, however it gets there", async () => {
    assert.equal(await spawn(isSame, user).join(), true);
    const captured = user;
    assert.equal(await spawn(() => isSame(captured)).join(), true);
  });

  test("a variable that a function captured is one and the same in its thread, and has a context of its own", async () => {
    const mine = new ContextVar<string>("mine");
    using _ = mine.set("in main");
    const thread = spawn(() => {
      const before = mine.get("nothing");
      mine.set("in the thread");
      return [before, mine.get()];
    });
    assert.deepEqual(await thread.join(), ["nothing", "in the thread"]);
    assert.equal(mine.get(), "in main");
    assert.deepEqual(await spawn(areSame, [mine, user], mine).join(), [true, false]);
  });

  test("variables of one place are told apart by their handles", async () => {
    assert.deepEqual(await spawn(areSame, twins, twins[1]!).join(), [false, true]);
  });

  test("one that comes back is the one that went", async () => {
    const mine = new ContextVar<string>("mine", { default: "x" });
    const back = await spawn((v: ContextVar<string>) => v, mine).join();
    assert.equal(back, mine);
  });

  test("context: what is set there the thread begins with; the caller's context stays as it was", async () => {
    const context = new Context();
    const local = new ContextVar<Map<string, number>>("local");
    context.run(() => {
      user.set("ada");
      level.set(7);
      local.set(new Map([["a", 1]]));
    });
    const thread = new Thread({ target: readAll, context }).start();
    user.set("changed later");
    assert.deepEqual(await thread.join(), ["ada", 7]);
    assert.deepEqual(await new Thread({ target: () => local.get().get("a"), context }).start().join(), 1);
    assert.equal(user.get(), "changed later");
    const [inside, outside, isContext] = await new Thread({ target: inCopy, args: ["in copy"], context })
      .start()
      .join();
    assert.deepEqual([inside, outside, isContext], ["in copy", "ada", true]);
  });

  test("context: a value that cannot be sent is an error at the call, naming the variable", () => {
    const socket = new ContextVar<unknown>("socket");
    const context = new Context();
    context.run(() => socket.set(new WeakMap()));
    assert.throws(
      () => new Thread({ target: readUser, context }).start(),
      (error: Error) => error instanceof NotSendableError && /context\[socket\].*WeakMap/.test(error.message),
    );
    assert.throws(() => new Thread({ target: readUser, context: {} as never }), /context must be a Context/);
  });

  test("what stays behind is left out; what merely cannot come is an error for whoever reads it", async () => {
    const stays = new ContextVar<unknown>("stays", { stays: true });
    const context = new Context();
    context.run(() => {
      stays.set(new WeakMap());
      user.set("ada");
    });
    assert.equal(await new Thread({ target: readUser, context }).start().join(), "ada");
    context.run(() => level.set(Symbol("here") as never));
    assert.throws(() => packContext(context), NotSendableError);
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const [seen, message] = await pool.submit(readBothIn, packContext(context, { lenient: true }));
    assert.equal(seen, "ada");
    assert.match(message, /^The value of the context variable level could not come along into this thread: /);
  });

  test("a context itself cannot be sent, and says what can be done", () => {
    assert.throws(() => spawn((context: Context) => context.size, copyContext()), /new Thread\(\{ context \}\)/);
  });

  test("to another process goes the value, not the variable", () => {
    const mine = new ContextVar<string>("mine");
    const local = new Local<{ n: number }>();
    for (const target of [(): unknown => mine.get(), (): unknown => local.n]) {
      assert.throws(
        () => new Process({ target }).start(),
        (error: Error) =>
          error instanceof NotSendableError && /to another process: .*send the value/.test(error.message),
      );
    }
  });

  test("a variable whose default cannot be sent", () => {
    const odd = new ContextVar<unknown>("odd", { default: new WeakMap() });
    assert.throws(() => spawn(() => odd.get()), NotSendableError);
  });
}
