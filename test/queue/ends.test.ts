import assert from "node:assert/strict";
import { test } from "node:test";
import { threads } from "../../src/core/domain.ts";
import { ADDRESS } from "../../src/core/handles.ts";
import { QUEUE } from "../../src/core/layout.ts";
import { getCell, giveBack, got } from "../../src/core/raw/queue.ts";
import { Full, Queue } from "../../src/queue/index.ts";

const { memory } = threads;

test("an item that a dead getter gives back takes its room again", () => {
  const queue = new Queue<string>(3);
  for (const item of ["a", "b", "c"]) queue.putNowait(item);
  queue.getNowait();
  queue.getNowait();
  getCell(memory, queue[ADDRESS], 0);
  const { cell } = got;
  // The putters' end looks at the getters' counter, and remembers it.
  queue.putNowait("d");
  giveBack(memory, queue[ADDRESS], cell);
  queue.putNowait("e");
  assert.throws(() => queue.putNowait("f"), Full);
  assert.deepEqual(
    Array.from({ length: 3 }, () => queue.getNowait()),
    ["c", "d", "e"],
  );
});

test("counters may wrap, at both ends and under both guards", () => {
  const queue = new Queue<number>(5);
  const start = 2 ** 31 - 3;
  for (const counter of [QUEUE.puts, QUEUE.gets, QUEUE.seenPuts, QUEUE.seenGets, QUEUE.done]) {
    memory.words[queue[ADDRESS] + counter] = start;
  }
  for (let i = 0; i < 20; i += 5) {
    for (let j = 0; j < 5; j++) queue.putNowait(i + j);
    assert.throws(() => queue.putNowait(-1), Full);
    assert.equal(queue.qsize, 5);
    for (let j = 0; j < 5; j++) assert.equal(queue.getNowait(), i + j);
    assert.equal(queue.empty, true);
  }
  assert.equal(queue.unfinishedTasks, 20);
});
