import assert from "node:assert/strict";
import { test } from "node:test";
import { runExample } from "./run-example.ts";

test("CAN-7 thread-local: 2 in the new thread, still 1 in main", async () => {
  assert.deepEqual(await runExample("thread-local"), ["in new thread 2", "in main 1"]);
});

test("CAN-7 thread-stack: 1, undefined, 2, 1", async () => {
  assert.deepEqual(await runExample("thread-stack"), [
    "main 1",
    "new thread undefined",
    "new thread after push 2",
    "finally main 1",
  ]);
});

test("tasks: one fails, the others are cancelled and clean up", async () => {
  assert.deepEqual(await runExample("tasks"), [
    "a: begins",
    "b: begins",
    "c: begins",
    "a: cancelled, cleans up",
    "c: cancelled, cleans up",
    "Error: no route to b",
  ]);
});
