import assert from "node:assert/strict";
import { test } from "node:test";
import { PriorityQueue } from "heddle/queue";
import { ADDRESS } from "../../src/core/handles.ts";
import { ThreadMemory } from "../../src/core/memory.ts";
import { memory } from "../../src/core/program.ts";
import { itemOf } from "../../src/core/raw/priority.ts";
import { GET, getCell, got } from "../../src/core/raw/queue.ts";

test("a PriorityQueue's item in memory that was added since a thread last looked is got once", () => {
  const queue = new PriorityQueue<number>();
  // As another thread sees it that has not looked since.
  const earlier = new ThreadMemory(memory.buffer, true);
  earlier.self = memory.self;
  earlier.record = memory.record;
  const before = memory.words.length;
  let n = 0;
  while (memory.words.length === before) queue.putNowait(n++);
  queue.putNowait(n++);
  const address = queue[ADDRESS as never] as number;
  const seen: number[] = [];
  while (getCell(earlier, address, 0) === GET.done) seen.push(itemOf(earlier, got.cell) >> 1);
  assert.deepEqual(
    seen,
    Array.from({ length: n }, (_, i) => i),
  );
});
