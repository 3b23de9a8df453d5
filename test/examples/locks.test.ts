import assert from "node:assert/strict";
import { test } from "node:test";
import { runExample } from "./run-example.ts";

test("database-value: two threads under a lock end at 2", async () => {
  const lines = await runExample("database-value");
  assert.equal(lines.length, 4);
  assert.equal(lines[0], "start value: 0");
  assert.match(lines[1]!, /^Thread-[12] \(increase\): 0 -> 1$/);
  assert.match(lines[2]!, /^Thread-[12] \(increase\): 1 -> 2$/);
  assert.equal(lines[3], "end value: 2");
});

test("CAN-4 a hundred deposits: below 100 without a lock, exactly 100 with one, in at least a second", async () => {
  const lines = await runExample("bank");
  assert.equal(lines.length, 3);
  assert.match(lines[0]!, /^100 threads started in \d+\.\d\d s$/);
  const unlocked = /^without a lock: 100 deposits of 1, balance (\d+), \d+\.\d\d s$/.exec(lines[1]!);
  const lost = Number(unlocked?.[1]);
  assert.ok(lost >= 1 && lost < 100, lines[1]);
  const locked = /^with a lock: 100 deposits of 1, balance 100, (\d+\.\d\d) s$/.exec(lines[2]!);
  assert.ok(Number(locked?.[1]) >= 1, lines[2]);
});

test("connection-limit: never more than five, and five at the busiest moment", async () => {
  const lines = await runExample("connection-limit");
  assert.equal(lines.length, 17);
  const clients = lines.slice(0, 15).map((line) => Number(/^client (\d+) is connected$/.exec(line)?.[1]));
  assert.deepEqual(
    clients.toSorted((a, b) => a - b),
    Array.from({ length: 15 }, (_, i) => i + 1),
  );
  assert.equal(lines[15], "most connections at the same time: 5 (the limit is 5)");
  assert.equal(lines[16], "free at the end: 5");
});

test("event: nobody runs before the signal, everybody after it", async () => {
  const lines = await runExample("event");
  assert.equal(lines.length, 9);
  const go = lines.indexOf("go!");
  assert.ok(lines.slice(0, go).includes("the signal after 500 ms: false"), lines.join("\n"));
  for (const name of ["Ada", "Grace", "Barbara"]) {
    const [line, runs] = [lines.indexOf(`${name} is at the line`), lines.indexOf(`${name} runs`)];
    assert.ok(line >= 0 && line < runs && go < runs, lines.join("\n"));
  }
  assert.equal(lines.at(-1), "the signal at the end: true");
});

test("producer-consumer: in order, never more than three on the shelf, nothing lost", async () => {
  const count = 200;
  const lines = await runExample("producer-consumer", `${count}`);
  assert.equal(lines.pop(), `the consumer's sum: ${(count * (count + 1)) / 2}`);
  assert.equal(lines.length, 2 * count);
  let [put, taken] = [0, 0];
  for (const line of lines) {
    // Each line is printed under the lock: the lines in order are the history of the shelf.
    const expected = line.startsWith("put")
      ? `put ${++put}, ${put - taken} on the shelf`
      : `took ${++taken}, ${put - taken} on the shelf`;
    assert.equal(line, expected);
    assert.ok(put - taken >= 0 && put - taken <= 3, line);
  }
  assert.deepEqual([put, taken], [count, count]);
});
