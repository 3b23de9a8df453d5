/** Python's cases for contextvars, by number. @module */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { isMain } from "heddle";
import { Context, ContextVar, copyContext, LookupError, Token } from "heddle/contextvars";
import { ThreadPoolExecutor } from "heddle/futures";
import { Barrier, RuntimeError, Thread, ValueError } from "heddle/threading";
import { exchange, readUser, user } from "../contextvars/programs.ts";

function meetAndRead(barrier: Barrier, value: string): string {
  user.set(value);
  barrier.waitSync();
  return user.get();
}

if (isMain(import.meta)) {
  test("CTX-1 an unset variable throws; an argument comes before the default", () => {
    const bare = new ContextVar<number>("bare");
    assert.throws(() => bare.get(), LookupError);
    assert.throws(() => bare.get(), /bare/);
    assert.equal(bare.get(5), 5);
    assert.equal(bare.get(undefined), undefined);
    const withDefault = new ContextVar("withDefault", { default: 1 });
    assert.equal(withDefault.get(), 1);
    assert.equal(withDefault.get(2), 2);
    assert.equal(new ContextVar<undefined>("nothing", { default: undefined }).get(), undefined);
  });

  test("CTX-2 set and reset, all the way back to unset", () => {
    const v = new ContextVar<number>("v");
    const first = v.set(1);
    const second = v.set(2);
    assert.equal(first.oldValue, Token.MISSING);
    assert.equal(second.oldValue, 1);
    assert.equal(second.var, v);
    v.reset(second);
    assert.equal(v.get(), 1);
    v.reset(first);
    assert.throws(() => v.get(), LookupError);
    {
      using _ = v.set(3);
      assert.equal(v.get(), 3);
    }
    assert.equal(v.get(0), 0);
  });

  test("CTX-3 a token of another variable, of another context, and a used one", () => {
    const [a, b] = [new ContextVar<number>("a"), new ContextVar<number>("b")];
    const token = a.set(1);
    assert.throws(() => b.reset(token), ValueError);
    assert.throws(() => b.reset(token), /created by a different ContextVar/);
    assert.throws(() => copyContext().run(() => a.reset(token)), /created in a different Context/);
    a.reset(token);
    assert.throws(() => a.reset(token), RuntimeError);
    assert.throws(() => a.reset(token), /already been used once/);
    assert.throws(() => a.reset({} as never), TypeError);
  });

  test("CTX-4 run keeps what is set to its context, also when the function throws", () => {
    const v = new ContextVar<number>("v");
    const context = new Context();
    assert.throws(
      () =>
        context.run(() => {
          v.set(1);
          throw new Error("boom");
        }),
      /boom/,
    );
    assert.equal(v.get(0), 0);
    assert.equal(context.get(v), 1);
    assert.equal(
      context.run((n: number) => v.get() + n, 2),
      3,
    );
  });

  test("CTX-5 another context can be entered inside, the same one cannot", () => {
    const [outer, inner] = [new Context(), new Context()];
    assert.equal(
      outer.run(() => inner.run(() => 1)),
      1,
    );
    assert.throws(() => outer.run(() => outer.run(() => 1)), RuntimeError);
    assert.throws(
      () => outer.run(() => inner.run(() => outer.run(() => 1))),
      /cannot enter context: it is already entered/,
    );
    assert.equal(
      outer.run(() => 2),
      2,
    );
  });

  test("CTX-6 a copy keeps the old value, and what is set in it shows nowhere else", () => {
    const v = new ContextVar<number>("v");
    const token = v.set(1);
    const copy = copyContext();
    v.set(2);
    assert.equal(copy.get(v), 1);
    copy.run(() => v.set(3));
    assert.equal(v.get(), 2);
    assert.equal(copy.get(v), 3);
    v.reset(token);
  });

  test("CTX-7 the values are not copied: changing one shows in the copy, setting another does not", () => {
    const v = new ContextVar<number[]>("v");
    using _ = v.set([1]);
    const copy = copyContext();
    v.get().push(2);
    assert.deepEqual(copy.get(v), [1, 2]);
    v.set([]);
    assert.deepEqual(copy.get(v), [1, 2]);
  });

  test("CTX-8 threads set, wait and get their own values", async () => {
    const barrier = new Barrier(5);
    const threads = ["a", "b", "c", "d", "e"].map((name) =>
      new Thread({ target: meetAndRead, args: [barrier, name] }).start(),
    );
    assert.deepEqual(await Promise.all(threads.map((thread) => thread.join())), ["a", "b", "c", "d", "e"]);
    assert.equal(user.get("unset"), "unset");
  });

  test("CTX-9 a thread and a worker see nothing; what is read here and sent, they do", async () => {
    using _ = user.set("main");
    assert.equal(await new Thread({ target: readUser }).start().join(), "unset");
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.equal(await pool.submit(readUser), "unset");
    assert.equal(await new Thread({ target: readUser, context: copyContext() }).start().join(), "main");
  });

  test("CTX-10 a worker keeps what a task sets for the next task", async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    assert.equal(await pool.submit(exchange, "first"), "unset");
    assert.equal(await pool.submit(exchange, "second"), "first");
  });

  test("CTX-12 a callback in a context sees the values of when it was scheduled", async () => {
    const v = new ContextVar("v", { default: 0 });
    using _ = v.set(1);
    const context = copyContext();
    const seen = new Promise<number>((resolve) => {
      setTimeout(() => context.run(() => resolve(v.get())), 1);
    });
    v.set(2);
    assert.equal(await seen, 1);
  });

  test("CTX-13 tokens used out of order each restore their own old value", () => {
    const v = new ContextVar<number>("v");
    const [first, second, third] = [v.set(1), v.set(2), v.set(3)];
    v.reset(second);
    assert.equal(v.get(), 1);
    v.reset(third);
    assert.equal(v.get(), 2);
    v.reset(first);
    assert.equal(v.get(0), 0);
  });

  test("CTX-14 what a generator sets its consumer sees", () => {
    const v = new ContextVar("v", { default: 0 });
    function* numbers(): Generator<number> {
      for (let i = 1; i < 4; i++) {
        v.set(i);
        yield i;
      }
    }
    copyContext().run(() => {
      for (const i of numbers()) assert.equal(v.get(), i);
    });
    assert.equal(v.get(), 0);
  });

  test("what an async function does after an await belongs to the context it was run in", async () => {
    const v = new ContextVar("v", { default: "none" });
    const work = async (name: string): Promise<string> => {
      v.set(name);
      await pause(1);
      return v.get();
    };
    const results = await Promise.all(["a", "b", "c"].map((name) => copyContext().run(work, name)));
    assert.deepEqual(results, ["a", "b", "c"]);
    assert.equal(v.get(), "none");
  });
}
