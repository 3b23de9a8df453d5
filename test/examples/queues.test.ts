import assert from "node:assert/strict";
import { test } from "node:test";
import { blur, countBright, dustyDisc } from "../../examples/image-queue.ts";
import { runExample, runProgram } from "./run-example.ts";

test("image-queue: every image processed by exactly one of two workers, which stop when the queue is empty", async () => {
  const lines = await runExample("image-queue");
  assert.equal(lines.length, 13);
  const areas = new Map<number, number>();
  const byThread = new Map<string, number>();
  for (const line of lines.slice(0, 12)) {
    const [, thread, image, area] =
      /^(Thread-[12] \(worker\)): image (\d+): the disc has (\d+) pixels$/.exec(line) ?? [];
    areas.set(Number(image), Number(area));
    byThread.set(thread!, (byThread.get(thread!) ?? 0) + 1);
  }
  for (let i = 1; i <= 12; i++) {
    const radius = 40 + 15 * i;
    const area = areas.get(i)!;
    assert.equal(area, countBright(blur(dustyDisc("", radius))), `image ${i}`);
    // The specks are gone: what is left is the disc.
    const disc = Math.PI * radius ** 2;
    assert.ok(Math.abs(area - disc) < 0.02 * disc, `image ${i}: ${area} pixels, the disc has ${disc}`);
    assert.ok(countBright(dustyDisc("", radius)) !== area);
  }
  const counts = ["Thread-1 (worker)", "Thread-2 (worker)"].map((name) => byThread.get(name) ?? 0);
  assert.equal(lines[12], `processed: ${counts.join(" + ")} = 12, queue empty: true`);
});

test("CAN-5 twenty items, ten daemon workers: each item once, and the program ends by itself with exit code 0", async () => {
  const lines = await runExample("twenty-items");
  assert.equal(lines.length, 21);
  const items = lines.slice(0, 20).map((line) => Number(/^Thread-\d+ \(worker\) got (\d+)$/.exec(line)?.[1]));
  assert.deepEqual(
    items.toSorted((a, b) => a - b),
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  assert.equal(lines[20], "all items done, 0 left, 11 threads alive: the workers wait for more");
});

test("CAN-8 one taskDone forgotten: join never returns", async () => {
  const ended = await runProgram(new URL("./forgetful-consumer.js", import.meta.url));
  assert.equal(ended.code, 0, ended.stderr);
  assert.deepEqual(ended.lines, [
    "all 20 items taken",
    "join after 500 ms: not yet",
    "join after the last taskDone: all done",
  ]);
});
