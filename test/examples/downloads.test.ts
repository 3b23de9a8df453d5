import assert from "node:assert/strict";
import { test } from "node:test";
import { runExample } from "./run-example.ts";

const start = (file: string): RegExp => new RegExp(`^start downloading ${file}$`);
const done = (file: string): RegExp =>
  new RegExp(`^${file} is done, it took (\\d+\\.\\d\\d) s \\(SHA-256 [0-9a-f]{8}…\\)$`);
const total = /^total (\d+\.\d\d) s$/;

/** The number in the only line that matches. */
function seconds(lines: readonly string[], pattern: RegExp): number {
  const found = lines.filter((line) => pattern.test(line));
  assert.equal(found.length, 1, `one line like ${pattern} in\n${lines.join("\n")}`);
  return Number(pattern.exec(found[0]!)![1]);
}

/** Printed times are rounded to a hundredth, each of them. */
const rounding = 0.02;

test("CAN-1a one after the other: start A, done A, start B, done B; the total is the sum", async () => {
  const lines = await runExample("downloads", "150", "100");
  const part = lines.slice(1, lines.indexOf(""));
  const order = [start("A"), done("A"), start("B"), done("B"), total];
  assert.equal(part.length, order.length);
  order.forEach((pattern, i) => assert.match(part[i]!, pattern));

  const sum = seconds(part, done("A")) + seconds(part, done("B"));
  assert.ok(sum >= 0.25 - rounding);
  assert.ok(seconds(part, total) >= sum - rounding);
});

test("CAN-1c in threads: both start before one is done, the shorter is done first; the total is the maximum", async () => {
  // Far longer than a thread's start takes even on a busy machine, so that the order shows.
  const lines = await runExample("downloads", "3000", "1500");
  const part = lines.slice(lines.indexOf("in two threads:") + 1);
  assert.equal(part.length, 5);
  for (const file of ["A", "B"]) assert.ok(part.slice(0, 2).includes(`start downloading ${file}`), part.join("\n"));
  assert.match(part[2]!, done("B"));
  assert.match(part[3]!, done("A"));
  assert.match(part[4]!, total);

  const longest = seconds(part, done("A"));
  assert.ok(longest >= 3 - rounding);
  assert.ok(seconds(part, total) >= longest - rounding);
});

test("CAN-1c as a Thread subclass: what run() assigned is there after join()", async () => {
  const lines = await runExample("download-thread");
  assert.equal(lines.length, 7);
  for (const file of ["A", "B"]) {
    assert.equal(lines.filter((line) => start(file).test(line)).length, 1);
    const printed = seconds(lines, done(file));
    assert.ok(printed >= 0.3 - rounding);
    // The field that came back holds the very number that the thread printed.
    assert.equal(seconds(lines, new RegExp(`^download of ${file}: (\\d+\\.\\d\\d) s$`)), printed);
  }
  assert.ok(seconds(lines, total) >= 0.3 - rounding);
});
