import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

import { createShipper } from "../../src/callable/node/shipper.ts";
import { RuntimeError } from "../../src/errors.ts";
import { answers } from "./fixtures/importing.ts";
import { closures, getHidden } from "./fixtures/library.ts";
import { Remote, suite } from "./remote.ts";

const run = promisify(execFile);

suite((remote) => {
  test("a module that cannot be imported there", async () => {
    const { query } = await import("./fixtures/broken.ts");
    await assert.rejects(
      remote.call(query),
      /RuntimeError: the module file:\/\/.*broken\.js could not be imported in this thread: TypeError: no database here/,
    );
    const missing = JSON.stringify({ k: "name", u: "file:///no/such/module.js", f: "esm", p: ["f"], x: "" });
    await assert.rejects(
      createShipper().prepare(missing) as Promise<void>,
      (error) => error instanceof RuntimeError && (error.cause as { code?: string }).code === "ERR_MODULE_NOT_FOUND",
    );
    const broken = JSON.stringify({ k: "exports", u: "file:///no/such/module.cjs", p: [] });
    await assert.rejects(
      createShipper().prepare(broken) as Promise<void>,
      (error) => error instanceof RuntimeError && (error.cause as { code?: string }).code === "MODULE_NOT_FOUND",
    );
  });

  test("a worker knows that it is importing, also after a top-level await", async () => {
    assert.deepEqual(answers(), [false, false, false]);
    assert.deepEqual(await remote.call(answers), [true, true, false]);
  });

  test("functions made in a worker: back to the main thread, and on to another worker", async () => {
    const other = new Remote();
    const offset = 1;
    const make = (n: number) => {
      const inner = (x: number): number => x + n + offset + getHidden()(0);
      return inner;
    };
    const back = await remote.call(make, 10);
    assert.equal(back(5), 1016);
    assert.equal(await other.call(back, 5), 1016);
    assert.equal(remote.shipper.describe(back).names.includes("n"), true);
    assert.equal(typeof make, "function");
    await other[Symbol.asyncDispose]();
  });

  test("a function keeps its identity on its way there and back", async () => {
    const { nested } = closures(1);
    const echo = <T>(value: T): T => value;
    const hidden = getHidden();
    assert.equal(await remote.call(echo, hidden), hidden);
    assert.equal(await remote.call(echo, JSON.parse), JSON.parse);
    assert.equal(await remote.call(echo, promisify), promisify);
    assert.notEqual(await remote.call(echo, nested), nested);
  });

  test("functions without a module: node -e, as CommonJS and as ES module, and new Function", async () => {
    const remoteUrl = JSON.stringify(new URL("./remote.js", import.meta.url));
    const body = `
      const offset = 1; const helper = (x) => path.posix.join("a", String(x + offset)); class Point { constructor(x) { this.x = x } get() { return helper(this.x) } }
      (async () => {
        const { Remote } = await import(${remoteUrl});
        const remote = new Remote();
        const local = 5;
        console.log(await remote.call((x) => helper(x) + local + new Point(1).get(), 1), (await remote.call(() => new Point(2))).get());
        console.log(await remote.call(new Function("a", "return a * 2"), 4));
        await remote.worker.terminate();
      })();`;
    const commonJs = await run(process.execPath, ["-e", `const path = require("node:path");${body}`]);
    assert.equal(commonJs.stdout, "a/25a/2 a/3\n8\n");
    const esm = await run(process.execPath, ["--input-type=module", "-e", `import path from "node:path";${body}`]);
    assert.equal(esm.stdout, "a/25a/2 a/3\n8\n");
  });

  test("a module given as a data: URL", async () => {
    const { make } = (await import(
      String("data:text/javascript,const n = 2; export const make = (by) => (x) => x * n * by;")
    )) as {
      make: (by: number) => (x: number) => number;
    };
    assert.equal(await remote.call(make(3), 7), 42);
  });
});
