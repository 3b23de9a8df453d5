import assert from "node:assert/strict";
import * as crypto from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import path from "node:path";
import { test } from "node:test";
import { inspect, promisify } from "node:util";
import zlib from "node:zlib";

import { NotSendableError } from "../../src/errors.ts";
import { suite } from "./remote.ts";

suite((remote) => {
  test("functions of the language", async () => {
    assert.deepEqual(await remote.call(JSON.parse, '{"a":1}'), { a: 1 });
    assert.equal(await remote.call(Math.max, 1, 3, 2), 3);
    assert.equal(await remote.call(parseInt, "12px"), 12);
    assert.deepEqual(await remote.call(structuredClone, { a: 1 }), { a: 1 });
    assert.deepEqual(await remote.call(Array.of, 1, 2), [1, 2]);
    const map = remote.shipper.describe(Array.prototype.map);
    assert.deepEqual(JSON.parse(map.reference), { k: "global", p: ["Array", "prototype", "map"] });
    assert.equal(remote.shipper.revive(map.reference).make(), Array.prototype.map);
  });

  test("functions of modules built into Node", async () => {
    assert.equal(await remote.call(path.posix.join, "a", "..", "b"), "b");
    assert.equal(await remote.call(path.join, "a", "b"), path.join("a", "b"));
    assert.equal(await remote.call(inspect, [1]), "[ 1 ]");
    assert.equal(await remote.call(pause, 1, "late"), "late");
    assert.equal(await remote.call(crypto.getHashes).then((hashes) => hashes.includes("sha256")), true);
    const packed = await remote.call((text: string) => zlib.gzipSync(text).length, "aaaa");
    assert.equal(packed, zlib.gzipSync("aaaa").length);
    assert.equal(
      await remote.call((text: string) => crypto.createHash("sha256").update(text).digest("hex"), "a"),
      crypto.createHash("sha256").update("a").digest("hex"),
    );
  });

  test("what has no name cannot be sent", () => {
    const refuse = (fn: Function, message: RegExp): void => {
      assert.throws(
        () => remote.shipper.describe(fn),
        (error) => error instanceof NotSendableError && message.test(error.message),
      );
    };
    refuse([].map.bind([]), /^a bound function cannot be sent; use an arrow function/);
    refuse(new Proxy(() => 1, {}), /^a Proxy cannot be sent/);
    let resolve: Function = () => {};
    void new Promise((settle) => (resolve = settle));
    refuse(resolve, /is a native function without a public name/);
  });

  test("promisified functions that no module names fail by name", () => {
    const sleep = promisify(setTimeout);
    // Node names this one: it is the function of timers/promises.
    assert.match(remote.shipper.describe(sleep).reference, /timers/);
  });
});
