import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { steps } from "../../examples/tour.ts";
import { runExample, runProgram } from "./run-example.ts";

const tour = new URL("../../examples/tour.js", import.meta.url);

test("tour --list names every step", async () => {
  const lines = await runExample("tour", "--list");
  assert.deepEqual(
    lines.map((line) => line.split(/ {2,}| (?=[A-Z1])/)[0]),
    steps.map((step) => step.name),
  );
});

test("tour: an unknown step is an error that lists the steps", async () => {
  const ended = await runProgram(tour, ["squares", "nothing"]);
  assert.equal(ended.code, 1);
  assert.deepEqual(ended.lines, []);
  assert.match(ended.stderr, /There is no step "nothing"\. The steps are: downloads, /);
});

test("tour: all steps, each under its title, with a summary, no escape codes in a pipe, and exit code 0", async (t) => {
  // Other tests write to the package's own node_modules meanwhile; here is a part of it that nobody changes.
  const folder = mkdtempSync(join(tmpdir(), "heddle-tour-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ["@types", "typescript"]) {
    const from = fileURLToPath(new URL(`../../../node_modules/${name}`, import.meta.url));
    cpSync(from, join(folder, "node_modules", name), { recursive: true, dereference: true });
  }

  const ended = await runProgram(tour, [], { folder });
  assert.equal(ended.stderr, "");
  assert.equal(ended.code, 0, `killed by ${ended.signal}`);
  const { lines } = ended;
  assert.match(lines[0]!, new RegExp(`^heddle, a tour: ${steps.length} steps on \\d+ cores, Node v\\d+`));
  for (const control of ["\x1b", "\r"]) assert.ok(!lines.join("\n").includes(control));
  const titles = lines.filter((line) => line.startsWith("── ")).map((line) => line.split(" ").slice(1, 3).join(" "));
  assert.deepEqual(
    titles,
    steps.map((step, i) => `${i + 1} ${step.name}`),
  );
  for (const outcome of [
    "in order: 0 1 4 9 16 25 36 49 64 81",
    "end value: 2",
    /^with a lock: 100 deposits of 1, balance 100, /,
    "most connections at the same time: 5 (the limit is 5)",
    "the consumer's sum: 55",
    /^processed: .* = 12, queue empty: true$/,
    "the program ended by itself, exit code 0",
    /^eight slices: 5000000050000000 /,
    /^same totals: true; /,
    /^total \d\.\d\d s; exit codes 0 and 0$/,
    "10 and 10; the program's own counter is 0",
    "10 in total; tokens left: 0",
    "10 in total; the number is 10",
    /^eight processes: 5000000050000000 /,
    /^\d+ processes: 0 1 4 9 16 .* 361$/,
    /^same sizes for each of the \d{3} files: true; /,
    "the neighbour: OwnerDiedError",
    "set right: 90 + 10, the lock is free",
    "200 requests at once over 4 threads: 200 saw only their own q, 200 a fresh g and session",
    "thread: pressed Download, then About; answered: About, then Download",
  ]) {
    const found = lines.some((line) => (typeof outcome === "string" ? line === outcome : outcome.test(line)));
    assert.ok(found, `${outcome} in\n${lines.join("\n")}`);
  }
  const summary = lines.slice(lines.indexOf("Summary") + 1);
  assert.deepEqual(
    summary.map((line) => /^ {2}([a-z-]+) +\d+\.\d\d s$/.exec(line)?.[1]),
    [...steps.map((step) => step.name), "total"],
  );
});
