/** ProcessPoolExecutor as heddle/futures has it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as futures from "heddle/futures";
import * as multiprocessing from "heddle/multiprocessing";
import { runProgram } from "../examples/run-example.ts";

test("it is that of heddle/multiprocessing", () => {
  assert.equal(futures.ProcessPoolExecutor, multiprocessing.ProcessPoolExecutor);
});

test("a program needs no other import, loads the memory of processes when it first uses them, and ends by itself", async () => {
  const ended = await runProgram(new URL("./programs/process-pool.js", import.meta.url));
  assert.equal(ended.stderr, "");
  assert.deepEqual(ended.lines, ["koffi: false", "9 in another process", "koffi: true"]);
  assert.equal(ended.code, 0);
});
