/** Contexts as maps, bad arguments, and `#context` without asynchronous following. @module */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Context, ContextVar, copyContext, Token } from "heddle/contextvars";
import * as explicit from "../../src/context/explicit.ts";
import { NO_SCOPE } from "../../src/context/scope.ts";

test("a context is a read-only map of its variables", () => {
  const [a, b, c] = [new ContextVar<number>("a"), new ContextVar<string>("b"), new ContextVar<number>("c")];
  const context = new Context();
  context.run(() => {
    a.set(1);
    b.set("two");
  });
  assert.equal(context.size, 2);
  assert.equal(context.get(a), 1);
  assert.equal(context.get(c), undefined);
  assert.deepEqual([context.has(b), context.has(c)], [true, false]);
  assert.deepEqual([...context.keys()], [a, b]);
  assert.deepEqual([...context.values()], [1, "two"]);
  assert.deepEqual(
    [...context],
    [
      [a, 1],
      [b, "two"],
    ],
  );
  const seen: unknown[] = [];
  context.forEach((value, variable) => seen.push(variable.name, value));
  assert.deepEqual(seen, ["a", 1, "b", "two"]);
  assert.throws(() => context.get("a" as never), TypeError);
  assert.throws(() => context.has(undefined as never), TypeError);
  assert.equal("set" in context, false);
});

test("contexts are equal if their values are", () => {
  const v = new ContextVar<number>("v");
  const [one, other] = [new Context(), new Context()];
  assert.ok(one.equals(other) && one.copy().equals(one));
  one.run(() => v.set(1));
  assert.ok(!one.equals(other));
  other.run(() => v.set(1));
  assert.ok(one.equals(other));
  other.run(() => v.set(2));
  assert.ok(!one.equals(other));
});

test("going through a context shows what was there when it began", () => {
  const vars = [1, 2, 3].map((n) => new ContextVar<number>(`v${n}`));
  const context = new Context();
  context.run(() => {
    for (const v of vars) v.set(0);
    for (const [variable] of context) {
      (variable as ContextVar<number>).set(1);
      new ContextVar<number>("more").set(1);
    }
  });
  assert.equal(context.size, 6);
  assert.equal(context.get(vars[2]!), 1);
});

test("bad arguments", () => {
  assert.throws(() => new ContextVar(1 as never), TypeError);
  assert.throws(() => new ContextVar("v", 1 as never), TypeError);
  assert.throws(() => new (class extends ContextVar<number> {})("v"), /cannot be extended/);
  assert.throws(() => new (Context as new (a: number) => Context)(1), TypeError);
  assert.throws(() => new Context().run(1 as never), TypeError);
});

test("names and texts", () => {
  const v = new ContextVar<number>("v");
  assert.equal(v.name, "v");
  assert.equal(String(v), "<ContextVar v>");
  copyContext().run(() => {
    const token = v.set(1);
    assert.equal(String(token), "<Token var=v>");
    v.reset(token);
    assert.equal(String(token), "<Token used var=v>");
    assert.ok(token instanceof Token);
  });
});

test("without AsyncLocalStorage a scope lasts as long as its call", async () => {
  const scope = { ...NO_SCOPE, importing: true };
  assert.equal(explicit.currentScope(), NO_SCOPE);
  const after = explicit.runInScope(scope, async () => {
    assert.equal(explicit.currentScope(), scope);
    await Promise.resolve();
    return explicit.currentScope();
  });
  assert.equal(explicit.currentScope(), NO_SCOPE);
  assert.equal(await after, NO_SCOPE);
  assert.throws(
    () =>
      explicit.runInScope(scope, () => {
        throw new Error("boom");
      }),
    /boom/,
  );
  assert.equal(explicit.currentScope(), NO_SCOPE);
});

test("a program without AsyncLocalStorage", async () => {
  // The condition by which bundlers choose what is for web pages.
  const program = fileURLToPath(new URL("no-storage.js", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--conditions=browser",
    "--conditions=heddle-source",
    program,
  ]);
  assert.equal(stdout, "all hold\n");
});
