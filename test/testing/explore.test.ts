/** explore(): known bugs are found, their corrections pass under every interleaving. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RuntimeError, ValueError } from "heddle/errors";
import { Queue } from "heddle/queue";
import { int32, SharedArray, Value } from "heddle/shared";
import { explore, type ScenarioFunction } from "heddle/testing";
import {
  activeCount,
  Barrier,
  Condition,
  enumerate,
  Event,
  type Lock as LockType,
  Lock,
  RLock,
  Semaphore,
} from "heddle/threading";

function threads(count: number): string[] {
  return ["ann", "bob", "cid"].slice(0, count);
}

const unsafeBank: ScenarioFunction = ({ spawn, name, assert }) => {
  const balance = name(new Value(int32, 0), "balance");
  for (const customer of threads(2)) {
    spawn(customer, () => {
      const before = balance.value;
      balance.value = before + 1;
    });
  }
  return () => assert.equal(balance.value, 2);
};

test("the bank-account race is found, with the interleaving that loses a deposit", async () => {
  const report = await explore(unsafeBank);
  assert.equal(report.ok, false);
  assert.equal(report.failure?.kind, "data-race");
  assert.match(
    report.failure.message,
    /data race on balance\.value: \w+ (reads|writes) it \(explore\.test\.[tj]s:\d+\)/,
  );
  assert.match(report.failure.message, /Expected 2, got 1/);
  assert.deepEqual(
    report.failures.map(({ kind }) => kind),
    ["data-race", "assertion"],
  );
  const steps = report.failure.trace.map(({ thread, operation }) => `${thread} ${operation}`);
  assert.deepEqual(steps.toSorted(), [
    "ann balance.value = 1",
    "ann balance.value → 0",
    "bob balance.value = 1",
    "bob balance.value → 0",
  ]);
  assert.deepEqual(
    steps.slice(0, 2).map((step) => step.slice(4)),
    ["balance.value → 0", "balance.value → 0"],
  );
  assert.match(String(report), /replay: explore\(scenario, \{ seed: "run:/);
  assert.throws(() => report.check(), /data race on balance/);
});

test("a seed runs its interleaving again, and only that", async () => {
  const first = await explore(unsafeBank);
  for (const { seed, trace, kind } of first.failures) {
    const again = await explore(unsafeBank, { seed });
    assert.equal(again.schedules, 1);
    assert.equal(again.complete, false);
    assert.deepEqual(again.failures.find((failure) => failure.kind === kind)?.trace, trace);
    assert.equal(again.failure?.seed, seed);
  }
});

test("the whole report is the same each time", async () => {
  assert.equal(String(await explore(unsafeBank)), String(await explore(unsafeBank)));
});

const banks: Record<string, (lock: LockType | RLock) => (change: () => void) => void | Promise<void>> = {
  "a blocking lock": (lock) => (change) => {
    using _ = lock.acquireSync();
    change();
  },
  "an awaited lock": (lock) => async (change) => {
    using _ = await lock.acquire();
    change();
  },
  "a lock that is tried first": (lock) => async (change) => {
    if (lock.tryAcquire() === undefined) await lock.acquire();
    try {
      change();
    } finally {
      lock.release();
    }
  },
};
for (const [what, protect] of Object.entries(banks)) {
  for (const LockClass of [Lock, RLock]) {
    test(`${what} (${LockClass.name}) keeps deposits, in every interleaving`, async () => {
      const report = await explore(({ spawn, assert }) => {
        const balance = new Value(int32, 0);
        const guarded = protect(new LockClass());
        for (const customer of threads(3)) {
          spawn(customer, () => guarded(() => (balance.value = balance.value + 1)));
        }
        return () => assert.equal(balance.value, 3);
      });
      assert.equal(String(report.failure ?? ""), "");
      assert.equal(report.complete, true);
      assert.ok(report.schedules >= 6, `${report.schedules} interleavings: each order of three threads at least`);
    });
  }
}

test("a race is found though no run shows its consequence", async () => {
  const report = await explore(({ spawn, shared }) => {
    const data = shared(new Int32Array(new SharedArrayBuffer(8)), "data");
    const ready = new Event();
    spawn("writer", () => {
      data[0] = 1;
      ready.set();
      data[1] = 2;
    });
    spawn("reader", () => {
      ready.waitSync();
      return data[0]! + data[1]!;
    });
  });
  assert.deepEqual(
    report.failures.map(({ kind, message }) => [kind, message.slice(0, 21)]),
    [["data-race", "data race on data[1]:"]],
  );
  assert.equal(report.complete, true);
});

test("elements of a SharedArray race one by one, and not under its lock", async () => {
  const spread = (first: number, second: number, locked: boolean): ReturnType<typeof explore> =>
    explore(({ spawn, name, assert }) => {
      const seats = name(new SharedArray(int32, 2), "seats");
      for (const [who, index] of [
        ["ann", first],
        ["bob", second],
      ] as const) {
        spawn(who, () => {
          using _ = locked ? seats.lock.acquireSync() : undefined;
          seats.set(index, seats.at(index) + 1);
        });
      }
      return () => assert.equal(seats.at(0) + seats.at(1), 2);
    });
  assert.equal((await spread(0, 1, false)).check().complete, true);
  assert.equal((await spread(1, 1, true)).check().complete, true);
  const { failures } = await spread(1, 1, false);
  assert.match(failures[0]!.message, /^data race on seats\[1\]: /);
  assert.equal(failures.at(-1)?.kind, "assertion");
});

test("atomic methods do not race with each other and reads, but with writes", async () => {
  const count = (spoil: boolean): ReturnType<typeof explore> =>
    explore(({ spawn, assert }) => {
      const hits = new Value(int32, 0);
      for (const each of threads(2)) spawn(each, () => void hits.add(1));
      spawn("watcher", () => (spoil ? (hits.value = 0) : hits.value));
      return () => assert(spoil || hits.value === 2);
    });
  assert.equal((await count(false)).check().complete, true);
  assert.equal((await count(true)).failure?.kind, "data-race");
});

const transfers = (order: (mine: Lock, theirs: Lock) => [Lock, Lock]): ScenarioFunction => {
  return ({ spawn, name }) => {
    const savings = name(new Lock(), "savings");
    const checking = name(new Lock(), "checking");
    const transfer = (from: Lock, to: Lock) => () => {
      const [first, second] = order(from, to);
      using _ = first.acquireSync();
      using __ = second.acquireSync();
    };
    spawn("there", transfer(savings, checking));
    spawn("back", transfer(checking, savings));
  };
};

test("a deadlock by lock order is found, and tells who waits for whom", async () => {
  const report = await explore(transfers((mine, theirs) => [mine, theirs]));
  assert.equal(report.failure?.kind, "deadlock");
  assert.match(report.failure.message, /there waits in checking\.acquireSync\(\) \(held by back\), .*holds savings/);
  assert.match(report.failure.message, /back waits in savings\.acquireSync\(\) \(held by there\), .*holds checking/);
  const again = await explore(
    transfers((mine, theirs) => [mine, theirs]),
    { seed: report.failure.seed },
  );
  assert.deepEqual(again.failure?.trace, report.failure.trace);
});

test("locks taken in one order do not deadlock", async () => {
  // The first lock that is named comes first: as sorting accounts by number.
  const seen: Lock[] = [];
  const rank = (lock: Lock): number => (seen.includes(lock) || seen.push(lock), seen.indexOf(lock));
  const scenario = transfers((a, b) => (rank(a) < rank(b) ? [a, b] : [b, a]));
  assert.equal((await explore(scenario)).check().complete, true);
});

/** One waits for an item; another takes what it finds. */
const consumers = (wait: (condition: Condition, none: () => boolean) => void): ScenarioFunction => {
  return ({ spawn, assert, name }) => {
    const condition = name(new Condition(new Lock()), "stock");
    const items = new Value(int32, 0);
    spawn("waiter", () => {
      using _ = condition.acquireSync();
      wait(condition, () => items.value === 0);
      assert(items.value > 0, "took an item that is not there");
      items.value = items.value - 1;
    });
    spawn("thief", () => {
      using _ = condition.acquireSync();
      if (items.value > 0) items.value = items.value - 1;
    });
    spawn("producer", () => {
      for (let i = 0; i < 2; i++) {
        using _ = condition.acquireSync();
        items.value = items.value + 1;
        condition.notifyAll();
      }
    });
  };
};

test("a predicate checked with if instead of while is found", async () => {
  const report = await explore(
    consumers((condition, none) => {
      if (none()) condition.waitSync();
    }),
  );
  assert.equal(report.failure?.kind, "assertion");
  assert.match(report.failure.message, /failed assertion in \w+: took an item that is not there/);
  assert.ok(report.failure.trace.some(({ operation }) => operation === "stock.waitSync() waits"));
});

test("with while, and with waitForSync, it holds in every interleaving", async () => {
  const right = [
    (condition: Condition, none: () => boolean): void => {
      while (none()) condition.waitSync();
    },
    (condition: Condition, none: () => boolean): void => {
      condition.waitForSync(() => !none());
    },
  ];
  for (const wait of right) {
    const report = (await explore(consumers(wait))).check();
    assert.equal(report.complete, true);
    assert.ok(report.schedules > 10);
  }
});

test("a lost wake-up is told from a deadlock", async () => {
  const report = await explore(({ spawn }) => {
    const condition = new Condition(new Lock());
    const ready = new Value(int32, 0);
    spawn("waiter", () => {
      // Looks before it has the lock: the notification may come in between.
      if (ready.compareExchange(1, 1) === 1) return;
      using _ = condition.acquireSync();
      condition.waitSync();
    });
    spawn("setter", () => {
      ready.exchange(1);
      using _ = condition.acquireSync();
      condition.notify();
    });
  });
  assert.equal(report.failure?.kind, "lost-wakeup");
  assert.match(report.failure.message, /waiter waits in condition 1\.waitSync\(\)/);
});

test("timeouts expire, or do not, as a choice", async () => {
  const outcomes = new Set<string>();
  const report = await explore(({ spawn }) => {
    const event = new Event();
    const semaphore = new Semaphore(0);
    const waiter = spawn("waiter", async () => {
      const set = event.waitSync({ timeout: 1_000_000 });
      const permit = await semaphore.acquire({ timeout: 1_000_000 });
      return `${set} ${permit !== undefined}`;
    });
    spawn("other", () => {
      event.set();
      semaphore.release();
    });
    return () => void outcomes.add(waiter.result);
  });
  assert.equal(report.check().complete, true);
  assert.deepEqual(
    [...outcomes].toSorted(),
    ["false false", "false true", "true false", "true true"].filter((o) => outcomes.has(o)),
  );
  for (const each of ["false false", "false true", "true true"]) assert.ok(outcomes.has(each), each);
});

test("queues and barriers keep their promises", async () => {
  const report = await explore(({ spawn, assert }) => {
    const queue = new Queue<number>(1);
    const doors = new Barrier(2);
    const producer = spawn("producer", async () => {
      doors.waitSync();
      await queue.put(1);
      queue.putSync(2);
      queue.shutdown();
    });
    const consumer = spawn("consumer", async () => {
      await doors.wait();
      const got: number[] = [];
      for await (const item of queue) got.push(item);
      return got.join();
    });
    return () => {
      assert.equal(producer.result, undefined);
      assert.equal(consumer.result, "1,2");
    };
  });
  assert.equal(report.check().complete, true);
});

test("an error of a thread is a failure, and what a queue hands over is in order", async () => {
  const report = await explore(({ spawn }) => {
    const queue = new Queue<number>();
    spawn("late", () => queue.putSync(1));
    spawn("early", () => queue.getNowait());
  });
  assert.equal(report.failure?.kind, "error");
  assert.match(report.failure.message, /error in early: The queue is empty/);
  assert.equal((report.failure.error as Error).constructor.name, "Empty");
});

test("bounds: what was explored is reported", async () => {
  const few = await explore(consumersRight(), { schedules: 3 });
  assert.deepEqual([few.ok, few.complete], [true, false]);
  assert.ok(few.schedules >= 1 && few.schedules <= 3, `${few.schedules} interleavings`);
  const none = await explore(consumersRight(), { preemptions: 0 });
  const one = await explore(consumersRight(), { preemptions: 1 });
  assert.ok(none.complete && one.complete && none.schedules < one.schedules, `${none.schedules} < ${one.schedules}`);
  assert.equal((await explore(unsafeBank, { preemptions: 0 })).failures.at(-1)?.kind, "data-race");
  assert.equal((await explore(unsafeBank, { preemptions: 1 })).failures.at(-1)?.kind, "assertion");

  const random = await explore(unsafeBank, { seed: 7, schedules: 100 });
  assert.equal(random.failures.at(-1)?.kind, "assertion");
  assert.equal(String(random), String(await explore(unsafeBank, { seed: 7, schedules: 100 })));
});

function consumersRight(): ScenarioFunction {
  return consumers((condition, none) => {
    while (none()) condition.waitSync();
  });
}

test("orders that are left out lead to nothing new", async () => {
  const outcomes = async (options: { preemptions?: number }): Promise<{ found: string[]; schedules: number }> => {
    const found = new Set<string>();
    const report = await explore(({ spawn }) => {
      const left = new Value(int32, 1);
      const right = new Value(int32, 1);
      const lock = new Lock();
      spawn("ann", () => {
        left.add(right.add(1));
        left.exchange(5);
      });
      const bob = spawn("bob", () => {
        const free = lock.tryAcquire() !== undefined;
        return `${free} ${left.add(2)}`;
      });
      const cid = spawn("cid", () => {
        using _ = lock.acquireSync({ timeout: 1_000_000 })!;
        return right.exchange(7);
      });
      return () => void found.add(`${left.value} ${right.value} ${bob.result} ${cid.result}`);
    }, options);
    // Where bob took the lock for good, the wait of cid times out: `using` disposes of nothing.
    assert.equal(report.failure?.kind ?? "none", "none");
    assert.equal(report.complete, true);
    return { found: [...found].toSorted(), schedules: report.schedules };
  };
  const reduced = await outcomes({});
  const all = await outcomes({ preemptions: 99 });
  assert.deepEqual(reduced.found, all.found);
  assert.ok(all.found.length > 5);
  assert.ok(reduced.schedules < all.schedules, `${reduced.schedules} < ${all.schedules}`);
});

test("a thread that polls for ever is given up, and the report says so", async () => {
  const report = await explore(
    ({ spawn }) => {
      const event = new Event();
      spawn("poller", () => {
        while (!event.isSet) event.clear();
      });
    },
    { schedules: 5 },
  );
  assert.deepEqual([report.ok, report.complete, report.cut], [true, false, 1]);
});

test("what cannot be followed is an error", async () => {
  let runs = 0;
  const scenarios: [ScenarioFunction, RegExp][] = [
    [({ spawn }) => void spawn("a", () => new Lock().acquireSync()), /did something else when its function ran again/],
    [({ spawn }) => void spawn("a", () => void spawn("b", () => undefined)), /spawn is for the scenario itself/],
    [() => void new Semaphore(0).acquireSync(), /would wait for ever/],
    [
      ({ spawn }) => {
        const event = new Event();
        spawn("a", () => (runs++ % 3 === 0 ? event.set() : event.clear()));
      },
      /ran again|deterministic/,
    ],
  ];
  for (const [scenario, message] of scenarios) {
    const outcome = await explore(scenario).then(
      (report) => report.failure?.error,
      (error: unknown) => error,
    );
    assert.ok(outcome instanceof RuntimeError, String(outcome));
    assert.match(outcome.message, message);
  }
  const lock = new Lock();
  await assert.rejects(async () => await explore(() => undefined, { seed: "what" }), ValueError);
  await assert.rejects(async () => await explore(() => undefined, { preemptions: -1 }), ValueError);
  await assert.rejects(async () => await explore(unsafeBank, { seed: "run:aaaaaa" }), /does not fit the scenario/);
  assert.equal(lock.locked, false);
});

test("afterwards nothing is left: no threads, and every method as before", async () => {
  const before = [Lock.prototype.acquire, Object.getOwnPropertyDescriptor(Value.prototype, "value")?.get];
  await explore(transfers((mine, theirs) => [mine, theirs]));
  assert.deepEqual([Lock.prototype.acquire, Object.getOwnPropertyDescriptor(Value.prototype, "value")?.get], before);
  assert.equal(activeCount(), 1);
  assert.equal(enumerate().length, 1);
  const lock = new Lock();
  using _ = lock.acquireSync();
  assert.equal(await lock.acquire({ timeout: 1 }), undefined);
});
