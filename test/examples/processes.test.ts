import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runExample } from "./run-example.ts";

test("CAN-1b in processes: both start before one is done, each with a pid of its own; the shorter is done first", async () => {
  const lines = await runExample("process-downloads", "3000", "1500");
  const pids = lines.slice(0, 3).map((line) => /process (\d+)$/.exec(line)?.[1]);
  assert.equal(new Set(pids).size, 3);
  assert.deepEqual(
    lines
      .slice(1, 3)
      .map((line) => line.replace(/ in process \d+$/, ""))
      .toSorted(),
    ["start downloading A", "start downloading B"],
  );
  assert.match(lines[3]!, /^B is done/);
  assert.match(lines[4]!, /^A is done/);
  assert.match(lines[5]!, /^total \d+\.\d\d s; exit codes 0 and 0$/);
});

test("CAN-2a CAN-2b ping-pong: 10 and 10 with a module's counter, 10 in total with a queue and with a shared number", async () => {
  const parts = (await runExample("ping-pong"))
    .join("\n")
    .split("\n\n")
    .map((part) => part.split("\n"));
  const words = parts.map((lines) => lines.slice(1, -1).toSorted().join(" "));
  assert.equal(words[0], `${"Ping ".repeat(10)}${"Pong ".repeat(10)}`.trim());
  for (const counted of words.slice(1)) assert.equal(counted.split(" ").length, 10);
  assert.deepEqual(
    parts.map((lines) => lines.at(-1)),
    ["10 and 10; the program's own counter is 0", "10 in total; tokens left: 0", "10 in total; the number is 10"],
  );
});

test("CAN-5 CAN-6 the sum over a result queue: exact, in one process, eight processes and eight threads", async () => {
  const lines = await runExample("process-sum");
  assert.deepEqual(
    lines.slice(0, 3).map((line) => line.replace(/ in .*/, "")),
    ["one process", "eight processes", "eight threads"].map((what) => `${what}: 5000000050000000`),
  );
});

test("square numbers in as many processes as cores", async () => {
  const [line] = await runExample("process-squares", "12");
  assert.match(line!, /^\d+ processes: 0 1 4 9 16 25 36 49 64 81 100 121$/);
});

test("gzip over processes: every file of a package, the sizes as in one process, unpacked again in each", async () => {
  const folder = fileURLToPath(new URL("../../../node_modules/typescript", import.meta.url));
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, file) => sum + statSync(join(file.parentPath ?? file.path, file.name)).size, 0);
  const [one, many, same] = await runExample("process-gzip", folder);
  const totals = new RegExp(`: (${files.length} files, ${bytes} bytes become \\d+) `);
  assert.equal(totals.exec(one!)?.[1], totals.exec(many!)?.[1]);
  assert.match(one!, totals);
  assert.match(same!, new RegExp(`^same sizes for each of the ${files.length} files: true; speed-up `));
});

test("a process killed while it holds a lock: the neighbour is told, and sets things right", async () => {
  assert.deepEqual((await runExample("killed-owner")).toSorted(), [
    "set right: 90 + 10, the lock is free",
    "the neighbour: OwnerDiedError",
    "the owner has moved half: 90 + 0, and is killed",
    "the owner's exit code: -9",
  ]);
});
