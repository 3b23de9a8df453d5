import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isMain } from "heddle";
import { Queue } from "heddle/queue";
import { Event, Lock, spawn } from "heddle/threading";
import { usedPages } from "./used-pages.ts";

if (isMain(import.meta)) {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;

  async function settle(): Promise<void> {
    // Finalizers run between turns of the loop.
    for (let i = 0; i < 3; i++) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  test("objects that come and go leave the shared memory flat", async () => {
    const round = async (): Promise<void> => {
      for (let i = 0; i < 500; i++) {
        const queue = new Queue<unknown>();
        queue.putNowait({ lock: new Lock(), text: "x".repeat(i % 300) });
        queue.putNowait([new Event()]);
        queue.getNowait();
      }
      await settle();
    };
    for (let i = 0; i < 4; i++) await round();
    const before = usedPages();
    for (let i = 0; i < 10; i++) await round();
    assert.ok(usedPages() <= before + 2, `${usedPages()} pages after ${before}`);
  });

  test("200 000 items through a queue leave the shared memory flat", async () => {
    const queue = new Queue<unknown>(100);
    const consumer = spawn((queue: Queue<unknown>) => {
      let n = 0;
      for (; queue.getSync() !== null; n++);
      return n;
    }, queue);
    const round = (n: number): void => {
      for (let i = 0; i < n; i++) queue.putSync(i % 10 === 0 ? { i, text: "some text" } : i);
    };
    round(20_000);
    const before = usedPages();
    round(200_000);
    assert.ok(usedPages() <= before + 1, `${usedPages()} pages after ${before}`);
    queue.putSync(null);
    assert.equal(await consumer.join(), 220_000);
  });
}
