/** Run without AsyncLocalStorage, as on a web page: what holds while a call is on the stack, and what after an await. */

import assert from "node:assert/strict";
import {
  CancelledError,
  createTask,
  currentTask,
  sleep,
  type Task,
  TaskGroup,
  timeout,
  TimeoutError,
} from "heddle/asyncio";
import { ContextVar, copyContext } from "heddle/contextvars";
import { Local, LocalStack } from "heddle/local";
import { Lock } from "heddle/threading";

const v = new ContextVar("v", { default: "none" });
const local = new Local<{ n: number }>();
const stack = new LocalStack<number>();

const context = copyContext();
context.run(() => {
  v.set("inside");
  local.n = 1;
  stack.push(1);
  assert.deepEqual([v.get(), local.n, stack.top], ["inside", 1, 1]);
});
assert.deepEqual([v.get(), local.n, stack.top], ["none", undefined, undefined]);

// After an await, the context has to be entered again.
const seen = await context.run(async () => {
  const before = v.get();
  await sleep(1);
  return [before, v.get(), context.run(() => v.get())];
});
assert.deepEqual(seen, ["inside", "none", "inside"]);

// Tasks have their contexts, and can be cancelled in the wait that they begin with.
const lock = await new Lock().acquire();
const task: Task<void> = createTask(async () => {
  v.set("task");
  assert.equal(currentTask(), task);
  await lock.acquire();
});
await sleep(0);
assert.equal(v.get(), "none");
task.cancel();
await assert.rejects(task.result(), CancelledError);
await assert.rejects(
  timeout(5, () => sleep(600_000)),
  TimeoutError,
);
const group = TaskGroup.run((tasks) => {
  tasks.createTask(() => sleep(600_000));
  tasks.createTask(() => Promise.reject(new Error("boom")));
});
await assert.rejects(group, AggregateError);
console.log("all hold");
