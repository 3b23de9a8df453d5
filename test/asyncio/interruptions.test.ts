/** How a task is interrupted, step by step. @module */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Interruptions } from "../../src/asyncio/interruptions.ts";

/** A wait that tells what ended it. */
function waitIn(task: Interruptions, takes = true): { ended: unknown[]; leave: () => void } {
  const ended: unknown[] = [];
  const leave = task.enter((error) => {
    if (takes) ended.push(error);
    return takes;
  });
  return { ended, leave };
}

test("a pending wait is told at once, others that are pending too, and none twice", () => {
  const task = new Interruptions();
  const [one, other, left] = [waitIn(task), waitIn(task), waitIn(task)];
  left.leave();
  task.interrupt("cancel");
  assert.deepEqual([one.ended, other.ended, left.ended], [["cancel"], ["cancel"], []]);
  assert.equal(task.undelivered, undefined);
});

test("with no wait the next one is told, once", () => {
  const task = new Interruptions();
  task.interrupt("cancel");
  assert.deepEqual(task.undelivered?.error, "cancel");
  assert.deepEqual(waitIn(task).ended, ["cancel"]);
  assert.deepEqual(waitIn(task).ended, []);
});

test("two cancellations before the code goes on are one; after it went on they are two", async () => {
  const task = new Interruptions();
  const first = waitIn(task);
  task.interrupt("first");
  task.interrupt("second");
  assert.deepEqual([first.ended, waitIn(task).ended], [["first"], []]);
  task.interrupt("third");
  await new Promise((resolve) => setImmediate(resolve));
  task.interrupt("fourth");
  assert.deepEqual(task.undelivered?.error, "fourth");
});

test("a cancellation in the very moment in which a timeout is told is told next, and the other way round", () => {
  const task = new Interruptions();
  const first = waitIn(task);
  task.interrupt("timeout", 1);
  task.interrupt("cancel");
  assert.deepEqual([first.ended, waitIn(task).ended], [["timeout"], ["cancel"]]);
  const later = new Interruptions();
  const second = waitIn(later);
  later.interrupt("cancel");
  later.interrupt("timeout", 1);
  assert.deepEqual([second.ended, waitIn(later).ended], [["cancel"], ["timeout"]]);
});

test("before anybody was told, a cancellation counts for more than a timeout, and an outer timeout for more than an inner", () => {
  for (const [errors, told] of [
    [["cancel 0", "timeout 1"], "cancel 0"],
    [["timeout 1", "cancel 0"], "cancel 0"],
    [["inner 2", "outer 1"], "outer 1"],
    [["outer 1", "inner 2"], "outer 1"],
  ] as const) {
    const task = new Interruptions();
    for (const error of errors) task.interrupt(error, Number(error.at(-1)));
    assert.deepEqual(waitIn(task).ended, [told]);
  }
});

test("a wait that has its grant already takes no error: the next is told, or it came too late", () => {
  const task = new Interruptions();
  const granted = waitIn(task, false);
  assert.equal(task.isTooLate, false);
  task.interrupt("cancel");
  granted.leave();
  assert.equal(task.isTooLate, true);
  assert.deepEqual(waitIn(task).ended, ["cancel"]);
  assert.equal(task.isTooLate, false);
});

test("what was not told can be withdrawn, what was cannot", () => {
  const task = new Interruptions();
  const error = new Error("late");
  task.interrupt(error, 1);
  assert.deepEqual([task.withdraw(error), task.withdraw(error), task.wasDelivered(error)], [true, false, false]);
  task.interrupt(error, 1);
  waitIn(task);
  assert.deepEqual([task.withdraw(error), task.wasDelivered(error)], [false, true]);
});

test("a block hears of what interrupts the task from outside of it, not of its own or of inner ones", () => {
  const task = new Interruptions();
  const heard: string[] = [];
  const begin = (): (() => void) =>
    task.begin((number) => ({ number, interrupted: (error) => heard.push(`${number} ${String(error)}`) }));
  const ends = [begin(), begin()];
  for (const [error, scope] of [
    ["cancel", 0],
    ["of the first", 1],
    ["of the second", 2],
  ] as const) {
    waitIn(task);
    task.interrupt(error, scope);
  }
  ends[1]!();
  waitIn(task);
  task.interrupt("again", 0);
  assert.deepEqual(heard, ["1 cancel", "2 cancel", "2 of the first", "1 again"]);
});
