/** Python's cases for tasks, gather, timeouts and groups (python-semantics 5.3 to 5.5), by number. @module */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  allTasks,
  asCompleted,
  CancelledError,
  createTask,
  currentTask,
  gather,
  InvalidStateError,
  shield,
  sleep,
  type Task,
  TaskGroup,
  timeout,
  TimeoutError,
  wait,
  waitFor,
} from "heddle/asyncio";
import { ContextVar } from "heddle/contextvars";
import { Future } from "heddle/futures";
import { RuntimeError, ValueError } from "heddle/threading";
import { door, LONG, rejects, turn } from "../asyncio/turns.ts";

/** Runs the test's body as a task. */
function inTask<T>(fn: () => Promise<T>): () => Promise<T> {
  return () => createTask(fn).result();
}

function sleeper(): Task<void> {
  return createTask(() => sleep(LONG));
}

test("TASK-1 the message of cancel arrives in the error", async () => {
  const task = createTask(async () => {
    try {
      await sleep(LONG);
    } catch (error) {
      assert.ok(error instanceof CancelledError);
      assert.equal(error.message, "enough");
      throw error;
    }
  });
  await turn();
  assert.equal(task.cancel("enough"), true);
  await rejects(task, (error: Error) => error instanceof CancelledError && error.message === "enough");
  assert.equal(task.cancelled, true);
});

test("TASK-2 a task that is cancelled before it begins never does", async () => {
  let began = false;
  const task = createTask(() => {
    began = true;
  });
  task.cancel();
  await rejects(task, CancelledError);
  assert.equal(began, false);
});

test("TASK-3 a cancel that is caught: the value counts, and the requests are counted", async () => {
  const task = createTask(async () => {
    try {
      await sleep(LONG);
    } catch {
      // It goes on, and may wait again.
      await sleep(0);
    }
    return "survived";
  });
  await turn();
  task.cancel();
  assert.equal(await task, "survived");
  assert.deepEqual([task.cancelled, task.cancelling, task.uncancel(), task.uncancel()], [false, 1, 0, 0]);
});

test("TASK-4 two cancels before the task could go on are two requests and one error", async () => {
  let caught = 0;
  const counts: number[] = [];
  const task = createTask(async () => {
    for (let i = 0; i < 3; i++) {
      try {
        await sleep(i === 0 ? LONG : 0);
      } catch {
        caught++;
        counts.push(currentTask()!.cancelling);
      }
    }
  });
  await turn();
  task.cancel("first");
  task.cancel("second");
  await task;
  assert.equal(caught, 1);
  assert.deepEqual(counts, [2]);
});

test("TASK-4 a cancel after the task went on is told again", async () => {
  let caught = 0;
  const task = createTask(async () => {
    for (let i = 0; i < 2; i++) await sleep(LONG).catch(() => caught++);
  });
  await turn();
  task.cancel();
  await turn();
  task.cancel();
  await task;
  assert.equal(caught, 2);
});

test("TASK-5 cancelling a task that is done gives false", async () => {
  const task = createTask(() => 1);
  await task;
  assert.equal(task.cancel(), false);
  assert.equal(task.cancelling, 0);
});

test("TASK-6 asking a pending task for its result without waiting", async () => {
  const gate = door<number>();
  const task = createTask(() => gate.promise);
  assert.throws(() => task.resultSync(), InvalidStateError);
  assert.throws(() => task.exceptionSync(), InvalidStateError);
  assert.throws(() => task.setResult(1), RuntimeError);
  assert.throws(() => task.setException(new Error("x")), RuntimeError);
  gate.open(1);
  assert.equal(await task, 1);
  assert.equal(task.resultSync(), 1);
});

test("TASK-7 what a task sets stays in it; what an awaited function sets does not", async () => {
  const v = new ContextVar("v", { default: "none" });
  await createTask(async () => {
    await createTask(() => void v.set("child"));
    assert.equal(v.get(), "none");
    await (async (): Promise<void> => void v.set("awaited"))();
    assert.equal(v.get(), "awaited");
  });
  assert.equal(v.get(), "none");
});

test("TASK-8 a task cannot await itself", async () => {
  const task: Task<void> = createTask(async () => {
    await rejects(async () => await task, /Task cannot await on itself/);
  });
  await task;
  const returned: Task<unknown> = createTask(() => returned);
  await rejects(returned, RuntimeError);
});

test("GATH-1 results in the order of the arguments", async () => {
  const [first, second] = [door<string>(), door<string>()];
  const both = gather(
    () => first.promise,
    createTask(() => second.promise),
    Promise.resolve("third"),
  );
  second.open("second");
  await turn();
  first.open("first");
  assert.deepEqual(await both, ["first", "second", "third"]);
});

test("GATH-2 the first error comes at once, and the others go on", async () => {
  const gate = door<string>();
  const other = createTask(() => gate.promise);
  await rejects(
    gather(other, () => Promise.reject(new RangeError("boom"))),
    RangeError,
  );
  assert.equal(other.done, false);
  gate.open("later");
  assert.equal(await other, "later");
});

test("GATH-3 returnExceptions puts errors among the results", async () => {
  const boom = new RangeError("boom");
  const results = await gather([() => 1, () => Promise.reject(boom), () => Promise.resolve(3)], {
    returnExceptions: true,
  });
  assert.deepEqual(results, [1, boom, 3]);
});

test("GATH-4 nothing gives nothing", async () => {
  assert.deepEqual(await gather(), []);
  assert.deepEqual(await gather([]), []);
});

test("GATH-5 the same task twice stands there twice", async () => {
  let calls = 0;
  const task = createTask(() => {
    calls++;
    return 5;
  });
  assert.deepEqual(await gather(task, task), [5, 5]);
  assert.equal(calls, 1);
});

test("GATH-6 cancelling it cancels all", async () => {
  const tasks = [sleeper(), sleeper()];
  const both = gather(...tasks);
  await turn();
  assert.equal(both.cancel(), true);
  await rejects(both, CancelledError);
  assert.deepEqual(
    tasks.map((task) => task.cancelled),
    [true, true],
  );
  const others = [sleeper(), sleeper()];
  const waiting = createTask(async () => await gather(...others));
  await turn();
  waiting.cancel();
  await rejects(waiting, CancelledError);
  assert.ok(others.every((task) => task.cancelled));
});

test("GATH-7 one that is cancelled is an error of the whole, which is not cancelled itself", async () => {
  const gate = door<number>();
  const [cancelled, other] = [sleeper(), createTask(() => gate.promise)];
  const both = gather(cancelled, other);
  await turn();
  cancelled.cancel();
  await rejects(both, CancelledError);
  assert.equal(both.cancelled, false);
  gate.open(1);
  assert.equal(await other, 1);
});

test("AWAIT-1 a timeout of wait splits them, and cancels nothing", async () => {
  const [quick, slow] = [createTask(() => 1), sleeper()];
  const { done, notDone } = await wait<unknown>([quick, slow], { timeout: 20 });
  assert.deepEqual([[...done], [...notDone]], [[quick], [slow]]);
  assert.equal(slow.done, false);
  slow.cancel();
});

test("AWAIT-2 functions and bad modes are errors; nothing to wait for is done at once", async () => {
  await rejects(wait([(() => 1) as never]), TypeError);
  await rejects(wait([createTask(() => 1)], { returnWhen: "x" as never }), ValueError);
  const { done, notDone } = await wait([]);
  assert.deepEqual([done.size, notDone.size], [0, 0]);
});

test("AWAIT-3 waitFor: the timeout, no time at all, no limit, and what is done already", async () => {
  const slow = sleeper();
  await rejects(waitFor(slow, 20), TimeoutError);
  assert.equal(slow.cancelled, true);
  let began = false;
  const begin = (): void => void (began = true);
  await rejects(waitFor(begin, 0), TimeoutError);
  await rejects(waitFor(begin, -1), ValueError);
  await turn();
  assert.equal(began, false);
  assert.equal(await waitFor(() => 1), 1);
  const done = createTask(() => 2);
  await done;
  assert.equal(await waitFor(done, 0), 2);
  assert.equal(await waitFor(Promise.resolve(3), 0), 3);
  await rejects(waitFor(new Promise(() => undefined), 0), TimeoutError);
  await rejects(waitFor(new Promise(() => undefined), 5), TimeoutError);
  await rejects(waitFor(5 as never), TypeError);
});

test("AWAIT-4 what survives its cancellation gives its value, what fails then its error", async () => {
  const survivor = async (): Promise<string> => {
    await sleep(LONG).catch(() => undefined);
    return "survived";
  };
  assert.equal(await waitFor(survivor, 10), "survived");
  const failing = async (): Promise<void> => {
    await sleep(LONG).catch(() => {
      throw new RangeError("boom");
    });
  };
  await rejects(waitFor(failing, 10), RangeError);
});

test("AWAIT-4 cancelling the task that waits cancels what it waits for, and waits for that", async () => {
  const steps: string[] = [];
  const inner = createTask(async () => {
    try {
      await sleep(LONG);
    } finally {
      await sleep(1);
      steps.push("inner");
    }
  });
  const outer = createTask(async () => {
    try {
      await waitFor(inner, LONG);
    } finally {
      steps.push("outer");
    }
  });
  await turn();
  outer.cancel();
  await rejects(outer, CancelledError);
  assert.deepEqual([inner.cancelled, steps], [true, ["inner", "outer"]]);
});

test("AWAIT-5 a shield leaves what is inside running", async () => {
  const gate = door<string>();
  const inner = createTask(() => gate.promise);
  await rejects(waitFor(shield(inner), 10), TimeoutError);
  const outer = createTask(async () => await shield(inner));
  await turn();
  outer.cancel();
  await rejects(outer, CancelledError);
  gate.open("later");
  assert.equal(await inner, "later");
  const cancelled = sleeper();
  const shielded = shield(cancelled);
  cancelled.cancel();
  await rejects(shielded, CancelledError);
  assert.equal(shielded.cancelled, true);
});

test("AWAIT-6 asCompleted gives them as they end, and a timeout ends it", async () => {
  const [a, b] = [door<string>(), door<string>()];
  const tasks = [createTask(() => b.promise), createTask(() => a.promise)];
  const completed = asCompleted(tasks);
  a.open("a");
  assert.equal(await (await completed.next()).value, "a");
  b.open("b");
  assert.equal(await (await completed.next()).value, "b");
  assert.equal((await completed.next()).done, true);
  const slow = sleeper();
  const late = asCompleted<unknown>([slow, createTask(() => 1)], { timeout: 10 });
  assert.equal(await (await late.next()).value, 1);
  await rejects(late.next(), TimeoutError);
  assert.equal(slow.done, false);
  slow.cancel();
});

test(
  "TO-1 a block that takes too long ends with TimeoutError",
  inTask(async () => {
    let scope = timeout(undefined);
    await rejects(async () => {
      using limit = timeout(10);
      scope = limit;
      await sleep(LONG);
    }, TimeoutError);
    assert.equal(scope.expired, true);
    let inner: unknown;
    await rejects(
      timeout(10, async (limit) => {
        scope = limit;
        await sleep(LONG).catch((error: unknown) => {
          inner = error;
          throw error;
        });
      }),
      TimeoutError,
    );
    assert.ok(inner instanceof CancelledError);
    assert.equal(scope.expired, true);
    assert.equal(currentTask()!.cancelling, 0);
    await sleep(0);
  }),
);

test(
  "TO-2 without a limit it never ends",
  inTask(async () => {
    using limit = timeout(undefined);
    await sleep(1);
    assert.deepEqual([limit.when, limit.expired], [undefined, false]);
  }),
);

test(
  "TO-3 it can be given more time, while it lasts",
  inTask(async () => {
    let over;
    {
      using limit = timeout(5);
      limit.reschedule(LONG);
      await sleep(20);
      over = limit;
    }
    assert.equal(over.expired, false);
    assert.throws(() => over.reschedule(1), RuntimeError);
    await rejects(
      timeout(LONG, async (limit) => {
        limit.reschedule(0);
        await sleep(1);
      }),
      TimeoutError,
    );
  }),
);

test(
  "TO-4 an error of the block's own counts for more",
  inTask(async () => {
    for (const block of [
      async (): Promise<void> => {
        using _ = timeout(5);
        await sleep(LONG).catch(() => {
          throw new RangeError("mine");
        });
      },
      () =>
        timeout(5, async () => {
          await sleep(LONG).catch(() => {
            throw new RangeError("mine");
          });
        }),
    ]) {
      await rejects(block, RangeError);
    }
  }),
);

test(
  "TO-5 with no time at all a block that does not wait ends as usual, and one that waits does not",
  inTask(async () => {
    {
      using limit = timeout(0);
      assert.equal(limit.expired, true);
    }
    assert.equal(await timeout(0, () => 1), 1);
    await sleep(1);
    await rejects(async () => {
      using _ = timeout(0);
      await sleep(1);
    }, TimeoutError);
    await rejects(
      timeout(0, () => sleep(1)),
      TimeoutError,
    );
  }),
);

test(
  "TO-6 nested: only the one whose time passed has expired",
  inTask(async () => {
    let [outer, inner] = [timeout(undefined), timeout(undefined)];
    await rejects(
      timeout(10, async (first) => {
        outer = first;
        await timeout(LONG, async (second) => {
          inner = second;
          await sleep(LONG);
        });
      }),
      TimeoutError,
    );
    assert.deepEqual([outer.expired, inner.expired], [true, false]);
  }),
);

test("a timeout needs a task; its function form makes one", async () => {
  assert.throws(() => timeout(10), RuntimeError);
  await rejects(
    timeout(10, () => sleep(LONG)),
    TimeoutError,
  );
  assert.equal(await timeout(LONG, async () => (await sleep(1), "in time")), "in time");
});

test("a cancellation from outside stays one, whatever timeouts there are", async () => {
  const task = createTask(async () => {
    using _ = timeout(LONG);
    await timeout(LONG, () => sleep(LONG));
  });
  await turn();
  task.cancel();
  await rejects(task, CancelledError);
});

test("TG-1 the results are there after the block", async () => {
  let tasks: Task<number>[];
  {
    await using group = new TaskGroup();
    tasks = [1, 2].map((n) => group.createTask(async () => (await sleep(1), n)));
  }
  assert.deepEqual(
    tasks.map((task) => task.resultSync()),
    [1, 2],
  );
  assert.equal(await TaskGroup.run(async (group) => (await group.createTask(() => 3)) + 1), 4);
});

for (const { name, run } of [
  {
    name: "await using",
    run: async (body: (group: TaskGroup) => unknown): Promise<void> => {
      await using group = new TaskGroup();
      await body(group);
    },
  },
  { name: "run", run: async (body: (group: TaskGroup) => unknown): Promise<void> => void (await TaskGroup.run(body)) },
]) {
  for (const [where, inside] of [
    ["in a task", inTask],
    ["outside of any", (fn: () => Promise<unknown>) => fn],
  ] as const) {
    test(
      `TG-2 two fail, and the third is cancelled: ${name}, ${where}`,
      inside(async () => {
        let third: Task<void> | undefined;
        const error = await run((group) => {
          third = group.createTask(() => sleep(LONG));
          group.createTask(() => Promise.reject(new RangeError("a")));
          group.createTask(() => Promise.reject(new TypeError("b")));
        }).catch((thrown: unknown) => thrown);
        assert.ok(error instanceof AggregateError, String(error));
        assert.deepEqual(
          error.errors.map((each: Error) => each.message),
          ["a", "b"],
        );
        assert.equal(third!.cancelled, true);
        assert.match(error.message, /\(2 errors\)/);
      }) as () => Promise<void>,
    );
  }

  test(
    `TG-2 a block that waits when a task fails is told: ${name}`,
    inTask(async () => {
      let [sibling, seen]: [Task<void> | undefined, unknown] = [undefined, undefined];
      const error = await run(async (group) => {
        sibling = group.createTask(async () => {
          try {
            await sleep(LONG);
          } finally {
            await sleep(1).catch(() => undefined);
            // oxlint-disable-next-line no-unsafe-finally -- an error while it cleans up
            throw new TypeError("late");
          }
        });
        group.createTask(() => Promise.reject(new RangeError("boom")));
        await sleep(LONG).catch((thrown: unknown) => {
          seen = thrown;
          throw thrown;
        });
      }).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof AggregateError, String(error));
      assert.equal(seen, error);
      assert.deepEqual(
        error.errors.map((each: Error) => each.message),
        ["boom", "late"],
      );
      assert.equal(sibling!.done, true);
    }),
  );

  test(`TG-4 a task that is cancelled alone is just gone: ${name}`, async () => {
    let other: Task<number> | undefined;
    await run((group) => {
      const cancelled = group.createTask(() => sleep(LONG));
      other = group.createTask(async () => (await sleep(1), 1));
      cancelled.cancel();
    });
    assert.equal(other!.resultSync(), 1);
  });

  for (const where of ["at the end", "in the block"]) {
    test(`TG-5 when the task around is cancelled ${where}, so are those of the group: ${name}`, async () => {
      let child: Task<void> | undefined;
      const parent = createTask(() =>
        run(async (group) => {
          child = group.createTask(() => sleep(LONG));
          if (where === "in the block") await sleep(LONG);
        }),
      );
      await turn();
      parent.cancel();
      await rejects(parent, CancelledError);
      assert.deepEqual([parent.cancelled, child!.cancelled], [true, true]);
    });
  }

  test(
    `TG-7 a failure that was dealt with leaves no request to cancel: ${name}`,
    inTask(async () => {
      await run(async (group) => {
        group.createTask(() => Promise.reject(new RangeError("boom")));
        await sleep(LONG);
      }).catch(() => undefined);
      assert.equal(currentTask()!.cancelling, 0);
      await sleep(1);
    }),
  );
}

test("TG-3 an error of the block is in the group's, and the tasks are cancelled", async () => {
  let child: Task<void> | undefined;
  const error = await TaskGroup.run(async (group) => {
    child = group.createTask(() => sleep(LONG));
    await sleep(1);
    throw new RangeError("mine");
  }).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof AggregateError);
  assert.deepEqual(
    error.errors.map((each: Error) => each.message),
    ["mine"],
  );
  assert.equal(child!.cancelled, true);
});

test("TG-6 no tasks after the end, nor while it is being cancelled; and it ends once", async () => {
  let kept: TaskGroup | undefined;
  {
    await using group = new TaskGroup();
    kept = group;
  }
  assert.throws(() => kept.createTask(() => 1), RuntimeError);
  await rejects(async () => await kept[Symbol.asyncDispose](), RuntimeError);
  await TaskGroup.run(async (group) => {
    const failing = group.createTask(() => Promise.reject(new RangeError("boom")));
    await failing.exception();
    assert.throws(() => group.createTask(() => 1), /shutting down/);
  }).catch((error: unknown) => assert.ok(error instanceof AggregateError && error.errors.length === 1, String(error)));
});

test("a group whose timeout passes cancels its tasks, one inside of it does not", async () => {
  let child: Task<void> | undefined;
  await rejects(
    timeout(10, async () => {
      await using group = new TaskGroup();
      child = group.createTask(() => sleep(LONG));
      await sleep(LONG);
    }),
    TimeoutError,
  );
  assert.equal(child!.cancelled, true);
  const kept = await TaskGroup.run(async (group) => {
    const task = group.createTask(async () => (await sleep(30), "kept"));
    await timeout(5, () => sleep(LONG)).catch(() => undefined);
    return task;
  });
  assert.equal(kept, "kept");
});

test("a task's names, texts and bad arguments", async () => {
  const gate = door();
  const task = createTask(() => gate.promise, { name: "worker" });
  assert.equal(task.name, "worker");
  task.name = "other";
  assert.equal(String(task), "<Task pending name=other>");
  assert.match(createTask(() => 1).name, /^Task-\d+$/);
  gate.open();
  await task;
  assert.equal(String(task), "<Task finished name=other>");
  assert.ok(task instanceof Future);
  assert.throws(() => createTask(5 as never), TypeError);
  assert.throws(() => createTask(() => 1, { context: {} as never }), TypeError);
  await rejects(sleep(-1), ValueError);
  assert.equal(await sleep(1, "value"), "value");
  assert.equal(currentTask(), undefined);
  const running = createTask(() => sleep(LONG));
  assert.deepEqual([allTasks().has(running), allTasks().has(task as Task<unknown>)], [true, false]);
  running.cancel();
  await running.exception().catch(() => undefined);
  assert.equal(allTasks().has(running), false);
});
