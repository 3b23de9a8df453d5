import assert from "node:assert/strict";
import { test } from "node:test";

import { createShipper } from "../../src/callable/node/shipper.ts";
import { task } from "../../src/callable/task.ts";
import { ValueError } from "../../src/errors.ts";
import { hidden, shout } from "./fixtures/tasks.ts";
import { suite } from "./remote.ts";

suite((remote) => {
  test("a task is the function itself, and is sent by its name", async () => {
    assert.equal(shout("a"), "A");
    const { reference, values } = remote.shipper.describe(hidden);
    assert.deepEqual(JSON.parse(reference), {
      k: "task",
      u: new URL("./fixtures/tasks.js", import.meta.url).href,
      n: "hidden",
    });
    assert.deepEqual(values, []);
    assert.equal(await remote.call(shout, "a"), "A");
    assert.equal(await remote.call(hidden), 42);
  });

  test("a frozen function can be a task", () => {
    const fn = Object.freeze(() => 1);
    assert.equal(task(import.meta, "frozen", fn), fn);
    assert.match(remote.shipper.describe(fn).reference, /"k":"task"/);
  });

  test("a name is taken once, and again by the same function", () => {
    const fn = (): number => 1;
    task(import.meta, "once", fn);
    task(import.meta, "once", fn);
    assert.throws(
      () => task(import.meta, "once", () => 2),
      (error) => error instanceof ValueError && /two tasks of .* are named "once"/.test(error.message),
    );
  });

  test("wrong arguments", () => {
    assert.throws(() => task({} as ImportMeta, "x", () => 1), { name: "TypeError", message: /import\.meta/ });
    assert.throws(() => task(import.meta, 1 as never, () => 1), {
      name: "TypeError",
      message: /name must be a string/,
    });
    assert.throws(() => task(import.meta, "x", 1 as never), { name: "TypeError", message: /fn must be a function/ });
  });

  test("threads of a separately built script find tasks by name alone", () => {
    const reference = JSON.stringify({ k: "task", u: "file:///elsewhere/app.js", n: "shout" });
    const byName = createShipper({ tasksByName: true });
    assert.equal(byName.prepare(reference), undefined);
    assert.equal(byName.revive(reference).make(), shout);
    const missing = JSON.stringify({ k: "task", u: "file:///elsewhere/app.js", n: "nothing" });
    assert.throws(() => byName.revive(missing), /app\.js/);
  });
});
