/** explore(): every type of queue, of shared data and of lock is followed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LifoQueue, PriorityQueue, SimpleQueue } from "heddle/queue";
import { int32, SharedMap, struct } from "heddle/shared";
import { explore, type Report } from "heddle/testing";
import { Event, RLock, RWLock } from "heddle/threading";

const Account = struct({ balance: int32, count: int32, lock: RLock });

const deposits = (locked: boolean, field: "balance" | "count" = "balance"): Promise<Report> =>
  explore(({ spawn, name, assert }) => {
    const account = name(new Account(), "account");
    for (const [who, mine] of [
      ["ann", "balance"],
      ["bob", field],
    ] as const) {
      spawn(who, () => {
        using _ = locked ? account.lock.acquireSync() : undefined;
        const before = account[mine];
        account[mine] = before + 1;
      });
    }
    return () => assert.equal(account.balance + account.count, 2);
  });

test("a struct's fields race one by one, and not under its lock", async () => {
  const { failures } = await deposits(false);
  assert.match(failures[0]!.message, /^data race on account\.balance: \w+ (reads|writes) it/);
  assert.equal(failures.length, 2);
  assert.equal(failures.at(-1)?.kind, "assertion");
  assert.equal((await deposits(true)).check().complete, true);
  assert.equal((await deposits(false, "count")).check().complete, true);
});

test("a struct that is defined in the scenario is followed too, and a race in it replayed", async () => {
  const scenario: Parameters<typeof explore>[0] = ({ spawn, name }) => {
    const pair = name(new (struct({ left: int32, right: int32, third: int32 }))(), "pair");
    spawn("a", () => void (pair.third = 1));
    spawn("b", () => pair.third);
  };
  const { failure } = await explore(scenario);
  assert.match(failure!.message, /^data race on pair\.third/);
  const again = await explore(scenario, { seed: failure!.seed });
  assert.deepEqual(again.failure?.trace, failure!.trace);
});

test("a map: get and set lose an update that update() does not", async () => {
  const count = (atomic: boolean): Promise<Report> =>
    explore(({ spawn, name, assert }) => {
      const words = name(new SharedMap<string, number>(), "words");
      for (const who of ["ann", "bob"]) {
        spawn(who, () => {
          if (atomic) words.updateSync("be", (n = 0) => n + 1);
          else words.set("be", (words.get("be") ?? 0) + 1);
        });
      }
      return () => {
        assert.equal(words.get("be"), 2);
        assert.equal([...words.keys()].join(), "be");
      };
    });
  const lost = await count(false);
  assert.equal(lost.failure?.kind, "assertion");
  assert.ok(lost.failure.trace.some(({ operation }) => operation === 'words.set("be", 1)'));
  assert.equal((await count(true)).check().complete, true);
});

test("a map hands over what was written before, for the same key only; it is listed as it was", async () => {
  const publish = (key: string): Promise<Report> =>
    explore(({ spawn, shared, assert }) => {
      const map = new SharedMap<string, number>();
      const data = shared(new Int32Array(new SharedArrayBuffer(4)), "data");
      spawn("writer", () => {
        data[0] = 1;
        map.set(key, 1);
      });
      spawn("reader", () => {
        const keys = [...map.entries()].map(([each]) => each);
        if (map.has("ready")) assert.equal(data[0], 1);
        else if (key !== "ready") return data[0];
        return keys.length;
      });
    });
  assert.equal((await publish("ready")).check().complete, true);
  assert.equal((await publish("other")).failure?.kind, "data-race");
});

test("a readers-writer lock: writers keep out everyone, readers only writers", async () => {
  const access = (first: "read" | "write", second: "read" | "write", writes: boolean): Promise<Report> =>
    explore(({ spawn, shared }) => {
      const lock = new RWLock();
      const data = shared(new Int32Array(new SharedArrayBuffer(4)), "data");
      spawn("ann", () => {
        using _ = lock[first].acquireSync();
        data[0] = 1;
      });
      spawn("bob", async () => {
        using _ = await lock[second].acquire();
        if (writes) data[0] = 2;
        else return data[0];
        return undefined;
      });
    });
  assert.equal((await access("write", "write", true)).check().complete, true);
  assert.equal((await access("write", "read", false)).check().complete, true);
  // Who writes as a reader races with other readers.
  assert.equal((await access("read", "read", true)).failure?.kind, "data-race");
});

test("a readers-writer lock: write within read waits for itself", async () => {
  const report = await explore(({ spawn, name }) => {
    const lock = name(new RWLock(), "lock");
    spawn("ann", () => {
      using _ = lock.read.acquireSync();
      using __ = lock.write.acquireSync();
    });
  });
  assert.equal(report.failure?.kind, "deadlock");
});

test("simple, last-in-first-out and priority queues", async () => {
  const outcomes = new Set<string>();
  const report = await explore(({ spawn, assert }) => {
    const [simple, stack, urgent] = [new SimpleQueue<number>(), new LifoQueue<number>(), new PriorityQueue<number>()];
    const both = new Event();
    spawn("ann", () => {
      simple.putSync(1);
      stack.putSync(1);
      urgent.putSync(2);
      urgent.putNowait(1);
      both.set();
    });
    const bob = spawn("bob", async () => {
      const first = await simple.get();
      both.waitSync();
      return [first, await urgent.get(), urgent.getSync(), stack.getNowait(), simple.empty].join();
    });
    return () => {
      outcomes.add(bob.result);
      assert.equal(bob.result, "1,1,2,1,true");
    };
  });
  assert.equal(report.check().complete, true);
  assert.deepEqual([...outcomes], ["1,1,2,1,true"]);
});

test("afterwards structs, maps and readers-writer locks are as before", () => {
  const account = new Account({ balance: 3 });
  account.balance += 1;
  assert.equal(account.balance, 4);
  assert.deepEqual([...new SharedMap([["a", 1]]).entries()], [["a", 1]]);
  using _ = new RWLock().read.acquireSync();
});
