/** What was got from a queue is not kept by it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LifoQueue, PriorityQueue, Queue, SimpleQueue } from "heddle/queue";
import { usedPages } from "../threading/used-pages.ts";

const BYTES = 200_000;

for (const Class of [SimpleQueue, Queue, LifoQueue, PriorityQueue]) {
  test(`SQ-6 the memory of an item is free once it was got: ${Class.name}`, () => {
    const queue = new Class<string>();
    const pass = (): void => {
      queue.putNowait("x".repeat(BYTES));
      assert.equal(queue.getNowait().length, BYTES);
    };
    pass();
    const before = usedPages();
    for (let i = 0; i < 500; i++) pass();
    // Kept, they would be 1500 pages.
    assert.ok(usedPages() <= before + 8, `${before} pages have become ${usedPages()}`);
  });
}
