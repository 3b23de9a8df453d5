import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

import { hooksSource } from "../../src/callable/node/hooks.ts";
import { fixture, Remote, suite } from "./remote.ts";

interface Odd {
  getHidden(): (x: number) => number;
  ownText(): Promise<boolean[]>;
  json(): object;
}

suite((remote) => {
  test("hashbangs, final comments, JSON; files stay as they are", async () => {
    const odd = (await import(pathToFileURL(fixture("odd.mjs")).href)) as Odd;
    assert.equal(await remote.call(odd.getHidden(), 1), 2);
    assert.deepEqual(await remote.call(odd.ownText), [true, true, true]);
    assert.deepEqual(await remote.call(odd.json), { answer: 42 });
  });

  test("modules that end in the middle of a line, and one whose type is found by trying", async () => {
    const folder = mkdtempSync(fileURLToPath(new URL("./hooks-", import.meta.url)));
    after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "package.json"), "{}");
    for (const [name, text] of [
      ["a.mjs", "const hidden = () => 1; export const get = () => hidden; // the end"],
      ["b.js", "const hidden = () => 1;\nexports.get = () => hidden; /* the end */"],
      // Node finds out that this is an ES module when it fails to be a CommonJS one.
      ["c.js", "const hidden = () => 1; const get = () => hidden; export { get } // the end"],
    ] as const) {
      writeFileSync(join(folder, name), text);
      const { get } = (await import(pathToFileURL(join(folder, name)).href)) as { get: () => () => number };
      assert.equal(await remote.call(get()), 1, name);
    }
  });

  test("hooks of the user's own, given by --import, run too", async () => {
    const odd = (await import(pathToFileURL(fixture("odd.mjs")).href)) as Odd;
    const hooked = new Remote({ execArgv: ["--import", pathToFileURL(fixture("loader.mjs")).href] });
    assert.equal(await hooked.call(odd.getHidden(), 1), 1001);
    await hooked[Symbol.asyncDispose]();
  });

  test("a preloaded module that fails is the worker's error", async () => {
    const worker = new Worker(`Promise.resolve(${hooksSource})`, {
      eval: true,
      execArgv: ["--import", "data:text/javascript,throw new RangeError('preload')"],
    });
    const [error] = (await new Promise<unknown[]>((resolve) => worker.once("error", (...all) => resolve(all)))) as [
      Error,
    ];
    assert.equal(error.message, "preload");
  });
});
