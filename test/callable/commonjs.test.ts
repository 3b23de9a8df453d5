import assert from "node:assert/strict";
import { test } from "node:test";

import { nanoid } from "nanoid";
import picocolors from "picocolors";
import postcss, { list } from "postcss";

import { fixture, nodeRequire, suite } from "./remote.ts";

type Numeric = (x: number) => number;
interface Counter {
  next(): number;
}
const commonjs = nodeRequire(fixture("commonjs.cjs")) as {
  hidden: Numeric;
  nested: { join(...parts: string[]): string };
  makeAdder(by: number): Numeric;
  isolated(): number;
  Counter: { start(): Counter };
  count(): number;
  getHidden(): Numeric;
  getSloppy(): readonly (() => string)[];
};
const greet = nodeRequire(fixture("function.cjs")) as { (name: string): string; loud(name: string): string };
const getters = nodeRequire(fixture("getters.cjs")) as { half: Numeric; default: Numeric };
const picomatch = nodeRequire("picomatch") as { scan(glob: string): object };

suite((remote) => {
  test("module.exports, and properties of it", async () => {
    assert.equal(await remote.call(greet, "you"), "hello you");
    assert.equal(await remote.call(greet.loud, "you"), "HELLO YOU");
    assert.equal(await remote.call(commonjs.hidden, 1), 101);
    assert.equal(await remote.call(commonjs.nested.join, "a", "b"), "a/b");
    assert.equal(await remote.call(commonjs.Counter.start).then((counter) => counter.next()), 1);
  });

  test("state belongs to the worker's module", async () => {
    assert.equal(commonjs.count(), 1);
    assert.equal(await remote.call(commonjs.count), 1);
    assert.equal(await remote.call(commonjs.count), 2);
    assert.equal(commonjs.count(), 2);
  });

  test("functions that are not exported", async () => {
    assert.equal(await remote.call(commonjs.getHidden(), 2), 102);
    for (const [at, sloppy] of commonjs.getSloppy().entries()) {
      assert.equal(await remote.call(sloppy), ["object", "object1"][at]);
    }
    assert.equal(await remote.call(getters.half, 4), 2);
    assert.equal(await remote.call(getters.default, 4), 1);
  });

  test("closures use their module's names and capture only what is local", async () => {
    const adder = commonjs.makeAdder(7);
    assert.deepEqual(remote.shipper.describe(adder).names, ["by"]);
    assert.equal(await remote.call(adder, 1), 108);
    assert.equal(await remote.call(commonjs.isolated), 3);
    const bare = nodeRequire(fixture("bare.cjs")) as { get: () => () => number };
    const got = bare.get();
    assert.deepEqual(remote.shipper.describe(got).names, ["local"]);
    assert.equal(await remote.call(got), 4);
  });

  test("packages: CommonJS, ES modules, default exports and re-exports", async () => {
    assert.equal(
      await remote.call(() => picocolors.createColors(true).red("x")),
      picocolors.createColors(true).red("x"),
    );
    assert.equal(JSON.parse(remote.shipper.describe(picocolors.createColors).reference).k, "exports");
    assert.deepEqual(await remote.call(picomatch.scan, "a/*.js"), picomatch.scan("a/*.js"));
    assert.equal((await remote.call(nanoid, 7)).length, 7);
    assert.deepEqual(await remote.call(list.comma, "a, b"), ["a", "b"]);
    assert.equal(await remote.call((css: string) => postcss.parse(css).nodes.length, "a{} b{}"), 2);
  });
});
