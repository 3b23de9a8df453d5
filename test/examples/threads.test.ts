import assert from "node:assert/strict";
import { test } from "node:test";
import { fibonacci } from "../../examples/fibonacci-thread.ts";
import { runExample } from "./run-example.ts";

test("fibonacci-thread: every thread prints its number, and run()'s fields come back", async () => {
  const lines = await runExample("fibonacci-thread");
  const printed = lines.slice(0, 3).map((line) => line.replace(/^Thread-\d+: /, ""));
  assert.deepEqual(printed.toSorted(), [
    "fibonacci(10) = 55",
    "fibonacci(100) = 354224848179261915075",
    "fibonacci(50) = 12586269025",
  ]);
  assert.equal(new Set(lines.slice(0, 3).map((line) => line.split(":")[0])).size, 3);
  assert.deepEqual(lines.slice(3), ["back in the main thread: 55, 12586269025, 354224848179261915075"]);
  assert.equal(fibonacci(0), 0n);
});

test("squares: ten threads, each square once, results in order", async () => {
  const lines = await runExample("squares");
  assert.equal(lines.length, 11);
  const printed = lines.slice(0, 10).map((line) => /^Thread-(\d+) \(square\): the square of (\d) is (\d+)$/.exec(line));
  assert.deepEqual(
    printed.map((match) => [Number(match?.[1]), Number(match?.[2]), Number(match?.[3])]).sort((a, b) => a[0]! - b[0]!),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => [n + 1, n, n * n]),
  );
  assert.equal(lines[10], "in order: 0 1 4 9 16 25 36 49 64 81");
});
