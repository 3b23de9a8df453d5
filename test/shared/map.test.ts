/** SharedMap: as a Map, races, updates, deaths, memory, limits, bad input. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { store } from "#atomics";
import { DeadlockError, NotSendableError, RuntimeError, TimeoutError, ValueError } from "heddle/errors";
import { int32, SharedMap, Value } from "heddle/shared";
import { Event, Lock, setExcepthook, spawn } from "heddle/threading";
import { Queue } from "heddle/queue";
import { ADDRESS } from "../../src/core/handles.ts";
import { MAP, MAP_STRIPE, MAP_STRIPE_WORDS, STRIPES } from "../../src/core/layout.ts";
import { memory } from "../../src/core/program.ts";
import { isAlive } from "../../src/core/raw/threads.ts";
import { Kit } from "../conformance/kit.ts";
import { threads } from "../conformance/thread-backend.ts";
import { collectUntil, pages } from "./collect.ts";
import * as work from "./map-work.ts";

const kit = new Kit(threads);
after(() => kit.close());
setExcepthook(() => undefined);

function sorted(map: SharedMap<string | number, unknown>): [string | number, unknown][] {
  return [...map].sort(([a], [b]) => (`${typeof a}${a}` < `${typeof b}${b}` ? -1 : 1));
}

test("keys and values of every kind", () => {
  const map = new SharedMap<string | number, unknown>();
  const keys = [
    "",
    "a",
    "å",
    "日本",
    "a\0b",
    "x".repeat(100_000),
    "日".repeat(9999),
    "\ud800",
    0,
    1,
    -1,
    0.5,
    2 ** 53,
    Infinity,
    -Infinity,
    "0",
    "1",
  ];
  const values = [
    undefined,
    null,
    true,
    false,
    0,
    -0,
    1,
    2 ** 31,
    NaN,
    0.1,
    "",
    "text",
    5n,
    [1, [2]],
    { a: { b: 1 } },
    new Map([[1, 2]]),
    new Date(0),
  ];
  keys.forEach((key, i) => assert.equal(map.set(key, values[i]), map));
  assert.equal(map.size, keys.length);
  keys.forEach((key, i) => {
    assert.deepEqual(map.get(key), values[i]);
    assert.ok(map.has(key));
  });
  assert.deepEqual(new Set(map.keys()), new Set(keys));
  assert.deepEqual(new Map(map.entries()), new Map(keys.map((key, i) => [key, values[i]])));
  assert.equal([...map.values()].length, keys.length);
  assert.equal(map.get("b"), undefined);
  assert.equal(map.has("b"), false);
  assert.equal(map.delete("b"), false);
  map.set(-0, "zero");
  assert.equal(map.get(0), "zero");
  assert.ok([...map.keys()].some((key) => Object.is(key, 0)));
  for (const key of keys) assert.equal(map.delete(key), true);
  assert.deepEqual([map.size, [...map], map.delete("a")], [0, [], false]);
  assert.equal(String(map), "<SharedMap size=0>");
});

test("values are copies, shared objects in them are not; instances keep their class", async () => {
  const map = new SharedMap<string, { list: number[]; lock: Lock }>();
  const value = { list: [1], lock: new Lock() };
  map.set("v", value);
  value.list.push(2);
  const got = map.get("v")!;
  assert.deepEqual(got.list, [1]);
  assert.equal(got.lock, value.lock);
  assert.notEqual(map.get("v"), got);
  const boxes = new SharedMap<string, work.Box>([["box", new work.Box(21)]]);
  assert.ok(boxes.get("box") instanceof work.Box);
  assert.equal(await kit.run(work.doubled, boxes), 42);
  // A map of maps; and through a queue.
  const nested = new SharedMap<string, SharedMap<string, number>>([["inner", new SharedMap([["n", 5]])]]);
  assert.equal(nested.get("inner")!.get("n"), 5);
  const queue = new Queue<SharedMap<string, work.Box>>();
  queue.putNowait(boxes);
  assert.equal(queue.getNowait(), boxes);
  // What only the platform can share.
  const words = new Int32Array(new SharedArrayBuffer(8));
  const views = new SharedMap<string, Int32Array>([["w", words]]);
  views.get("w")![1] = 7;
  assert.equal(words[1], 7);
  assert.equal(views.get("w")![1], 7);
});

test("wrong keys, entries, options", () => {
  const map = new SharedMap<string, number>([["a", 1]]);
  for (const call of [
    (key: never) => map.get(key),
    (key: never) => map.set(key, 1),
    (key: never) => map.has(key),
    (key: never) => map.delete(key),
    (key: never) => map.updateSync(key, () => 1),
  ]) {
    assert.throws(() => call(NaN as never), { name: "ValueError", message: /NaN/ });
    for (const wrong of [undefined, null, true, 1n, {}, [], Symbol("s"), () => 1]) {
      assert.throws(() => call(wrong as never), TypeError, typeof wrong);
    }
    assert.throws(() => call("x".repeat(2 ** 20 + 1) as never), ValueError);
  }
  for (const wrong of [0, 5, "abc", true] as never[])
    assert.throws(() => new SharedMap(wrong), TypeError, String(wrong));
  for (const maxBytes of [-1, 0, 1.5, NaN])
    assert.throws(() => new SharedMap({ maxBytes }), ValueError, String(maxBytes));
  assert.throws(() => new SharedMap({ maxBytes: "1" } as never), TypeError);
  assert.throws(() => new SharedMap([], 5 as never), TypeError);
  assert.throws(() => map.updateSync("a", 5 as never), TypeError);
  assert.throws(() => map.updateSync("a", () => 1, { timeout: -1 }), ValueError);
  assert.throws(() => map.updateSync("a", (async () => 1) as never), /use update\(\)/);
  assert.deepEqual([...map], [["a", 1]]);
  // The methods of a map, on something else.
  assert.throws(() => SharedMap.prototype.get.call(new Lock() as never, "a"), TypeError);
  assert.throws(() => Reflect.get(SharedMap.prototype, "size", new Value(int32)), TypeError);
});

test("a value that cannot be sent leaves the map as it was", async () => {
  const map = new SharedMap<string, unknown>([["a", { n: 1 }]]);
  const { bytes } = map;
  const unsendable = { deep: [new WeakMap()] };
  assert.throws(
    () => map.set("a", unsendable),
    (error: Error) => {
      assert.ok(error instanceof NotSendableError);
      assert.match(error.message, /value\.deep\[0\]: WeakMap/);
      return true;
    },
  );
  assert.throws(() => map.set("b", unsendable), NotSendableError);
  assert.equal(map.bytes, bytes);
  assert.throws(() => map.updateSync("a", () => unsendable), NotSendableError);
  await assert.rejects(
    map.update("b", () => unsendable),
    NotSendableError,
  );
  assert.deepEqual([sorted(map), map.size, map.has("b")], [[["a", { n: 1 }]], 1, false]);
});

/** A sequence of numbers that is the same each time. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) % below;
  };
}

test("does what a Map does, through growth, deletion and shrinking", () => {
  for (let seed = 1; seed <= 12; seed++) {
    const next = random(seed);
    const [map, model] = [new SharedMap<string | number, unknown>(), new Map<string | number, unknown>()];
    // Phases of growth and of decline.
    for (let i = 0; i < 4000; i++) {
      const n = next(seed % 3 === 0 ? 40 : 1500);
      const key = n % 2 === 0 ? n / 2 : `k${n}`;
      const grows = (i >> 10) % 2 === 0;
      const what = next(10);
      if (what < (grows ? 6 : 2)) {
        const value = what === 0 ? { i, text: "t".repeat(next(60)) } : i;
        map.set(key, value);
        model.set(key, value);
      } else if (what < 8) {
        assert.equal(map.delete(key), model.delete(key));
      } else if (what === 8) {
        const change = (old: unknown): unknown => [typeof old, i];
        model.set(key, change(model.get(key)));
        assert.deepEqual(map.updateSync(key, change), model.get(key));
      } else {
        assert.deepEqual(map.get(key), model.get(key));
        assert.equal(map.has(key), model.has(key));
      }
      assert.equal(map.size, model.size);
    }
    assert.deepEqual(new Map(map), model);
    map.clear();
    assert.deepEqual([map.size, [...map], map.bytes], [0, [], 0]);
  }
});

test("what is deleted takes no memory, counted by the map itself", () => {
  const map = new SharedMap<string, unknown>();
  for (let i = 0; i < 2000; i++) map.updateSync(`key ${i}`, () => ({ i }));
  assert.ok(map.bytes > 2000 * 40);
  for (let i = 0; i < 2000; i++) map.delete(`key ${i}`);
  assert.equal(map.size, 0);
  assert.ok(map.bytes < 16 * 1024, `${map.bytes} bytes for no keys`);
  map.clear();
  assert.equal(map.bytes, 0);
});

for (const [name, count] of [
  ["updateSync", work.countSync],
  ["update", work.countAsync],
] as const) {
  test(`4 threads and this one ${name} the same keys: every update counts`, async () => {
    const map: work.Counts = new SharedMap();
    const keys = ["a", "b", "c"];
    const times = name === "update" ? 600 : 3000;
    await Promise.all([
      ...[1, 2, 3].map(() => kit.run(count, map, keys, times)),
      kit.run(work.countSync, map, keys, times),
      work.countAsync(map, keys, 300),
    ]);
    const each = (4 * times + 300) / 3;
    assert.deepEqual(
      sorted(map),
      keys.map((key) => [key, each]),
    );
  });
}

test("4 threads set, delete and read the same keys: values are whole, and of their key", async () => {
  const map = new SharedMap<string | number, work.Item>();
  const reads = await Promise.all([1, 2, 3, 4].map((seed) => kit.run(work.churn, map, seed, 12_000)));
  assert.ok(
    reads.every((n) => n > 1000),
    String(reads),
  );
  let n = 0;
  for (const [key, item] of map) {
    assert.ok(work.isItem(item, key));
    n++;
  }
  assert.equal(map.size, n);
});

test("other keys can be changed inside an update; the same key cannot be updated", async () => {
  const map: work.Counts = new SharedMap([["a", 1]]);
  assert.equal(
    map.updateSync("a", (a) => map.updateSync("b", () => a! + 1) + 1),
    3,
  );
  assert.deepEqual(sorted(map), [
    ["a", 3],
    ["b", 2],
  ]);
  assert.throws(() => map.updateSync("a", () => map.updateSync("a", () => 0)), DeadlockError);
  await assert.rejects(
    map.update("a", async () => map.updateSync("a", () => 0)),
    DeadlockError,
  );
  assert.deepEqual(sorted(map), [
    ["a", 3],
    ["b", 2],
  ]);
  assert.equal(
    map.updateSync("a", (a) => a! + 1),
    4,
  );
});

test("an update that is overtaken by a set, a delete or a clear calls its function again", async () => {
  const map: work.Counts = new SharedMap([["a", 1]]);
  const seen: unknown[] = [];
  const overtakers = [
    () => map.set("a", 5),
    () => map.delete("a"),
    () => map.set("a", 7),
    () => map.clear(),
    () => undefined,
  ];
  const result = await map.update("a", async (n) => {
    seen.push(n);
    overtakers.shift()?.();
    return (n ?? 100) + 1;
  });
  assert.deepEqual([seen, result, map.get("a"), map.size], [[1, 5, undefined, 7, undefined], 101, 101, 1]);
});

test("an update waits for another's, in all forms; timeouts and signals end the wait and change nothing", async () => {
  const map: work.Counts = new SharedMap();
  const [inside, go] = [new Event(), new Event()];
  const slow = kit.run(work.slowUpdate, map, "k", inside, go);
  await inside.wait();
  assert.equal(map.has("k"), false);
  assert.equal(map.size, 0);
  await assert.rejects(
    map.update("k", () => 0, { timeout: 20 }),
    TimeoutError,
  );
  assert.throws(() => map.updateSync("k", () => 0, { timeout: 20 }), { name: "TimeoutError", message: /"k"/ });
  await assert.rejects(
    map.update("k", () => 0, { timeout: 0 }),
    TimeoutError,
  );
  const abort = new AbortController();
  const aborted = map.update("k", () => 0, { signal: abort.signal });
  abort.abort(new Error("enough"));
  await assert.rejects(aborted, /enough/);
  // Other keys are free.
  assert.equal(
    map.updateSync("other", () => 1),
    1,
  );
  const waiting = [map.update("k", (n) => n! + 10), kit.run(work.countSync, map, ["k"], 1)];
  go.set();
  assert.equal(await slow, 1);
  await Promise.all(waiting);
  assert.deepEqual(sorted(map), [
    ["k", 12],
    ["other", 1],
  ]);
});

test("an update whose function throws, or whose thread dies, changes nothing and holds nobody up", async () => {
  const map: work.Counts = new SharedMap([["k", 1]]);
  assert.throws(() => map.updateSync("k", () => assert.fail("mine")), /mine/);
  await assert.rejects(
    map.update("new", () => Promise.reject(new Error("mine"))),
    /mine/,
  );
  assert.deepEqual(sorted(map), [["k", 1]]);
  for (let round = 0; round < 3; round++) {
    const inside = new Event();
    const thread = spawn(work.updateForever, map, inside);
    await inside.wait();
    const waiting = [map.update("k", (n) => n! + 1), kit.run(work.countSync, map, ["k"], 1)];
    await thread.terminate();
    await Promise.all(waiting);
  }
  const [inside, go] = [new Event(), new Event()];
  const thread = spawn(work.throwInside, map, inside, go);
  await inside.wait();
  const waiting = map.update("k", (n) => n! + 1);
  go.set();
  await assert.rejects(thread.join(), /no more than 7/);
  assert.equal(await waiting, 8);
  assert.deepEqual(sorted(map), [["k", 8]]);
});

test("threads terminated at random points: no update is lost, nothing wedges", async () => {
  const map = new SharedMap<string, unknown>();
  const done = new Value(int32);
  const next = random(7);
  let killed = 0;
  for (let round = 0; round < 8; round++) {
    const events = [new Event(), new Event()] as const;
    const pair = [spawn(work.addForever, map, done, events[0]), spawn(work.resizeForever, map, round, events[1])];
    await Promise.all(events.map((event) => event.wait()));
    // Some progress, not some time; then at whatever point they are.
    const goal = done.value + 20 + next(200);
    await kit.until(
      () => done.value >= goal,
      () => `${done.value} of ${goal} updates`,
    );
    for (const thread of pair) await thread.terminate();
    killed++;
    const total = map.get("total") as number;
    assert.ok(total >= done.value && total <= done.value + killed, `${total} for ${done.value} reported by ${killed}`);
    map.updateSync("total", (n) => n as number);
    const entries = [...map];
    // Counted again under each guard that had died with its holder.
    for (const key of map.keys()) map.has(key);
    assert.equal(map.size, entries.length);
    assert.deepEqual((await kit.run(work.readAll, map))[1], entries.length);
  }
  map.clear();
  assert.deepEqual([map.size, map.bytes], [0, 0]);
});

test("the counters of a stripe whose holder died are counted again", async () => {
  const map = new SharedMap<string, unknown>(Array.from({ length: 200 }, (_, i) => [`k${i}`, { i }] as const));
  const { size, bytes } = map;
  const thread = spawn(work.nothing);
  const dead = thread.ident!;
  await thread.join();
  // Its result comes before its end.
  await kit.until(
    () => !isAlive(memory, dead),
    () => `thread ${dead} is still there`,
  );
  for (let i = 0; i < STRIPES; i++) {
    const stripe = map[ADDRESS] + MAP.first + i * MAP_STRIPE_WORDS;
    store(memory.words, stripe + MAP_STRIPE.guard, dead << 1);
    for (const word of [MAP_STRIPE.live, MAP_STRIPE.used, MAP_STRIPE.words]) store(memory.words, stripe + word, 99_999);
  }
  assert.equal([...map].length, 200);
  assert.deepEqual([map.size, map.bytes], [size, bytes]);
  for (let i = 0; i < 200; i++) assert.ok(map.delete(`k${i}`));
  assert.equal(map.size, 0);
});

test("a map that outgrows its limit: a clear error, and the map intact", async () => {
  const map = new SharedMap<string, unknown>({ maxBytes: 64 * 1024 });
  let n = 0;
  assert.throws(
    () => {
      for (; n < 100_000; n++) map.set(`key ${n}`, { n, text: "x".repeat(40) });
    },
    (error: Error) => {
      assert.ok(error instanceof RuntimeError);
      assert.match(error.message, /map is full: .* of 65536 bytes.*maxBytes/);
      return true;
    },
  );
  assert.ok(n > 100 && n < 1000, String(n));
  assert.ok(map.bytes <= 64 * 1024);
  assert.equal(map.size, n);
  for (let i = 0; i < n; i++) assert.deepEqual(map.get(`key ${i}`), { n: i, text: "x".repeat(40) });
  assert.throws(() => map.set("key 0", "y".repeat(70_000)), RuntimeError);
  assert.throws(() => map.updateSync("key 0", () => "y".repeat(70_000)), RuntimeError);
  await assert.rejects(
    map.update("another", () => "y".repeat(70_000)),
    RuntimeError,
  );
  assert.deepEqual([map.get("key 0"), map.has("another"), map.size], [{ n: 0, text: "x".repeat(40) }, false, n]);
  // What needs no more than it frees is always possible.
  map.set("key 0", 1);
  for (let i = 1; i < 20; i++) map.delete(`key ${i}`);
  for (let i = 1; i < 15; i++) map.set(`key ${i}`, { n: i, text: "x".repeat(40) });
  assert.equal(map.size, n - 5);
});

test("memory is flat over 10⁶ replacements, and over keys that come and go", { timeout: 60_000 }, async () => {
  const map = new SharedMap<string, unknown>();
  for (let i = 0; i < 64; i++) map.set(`k${i & 15}`, { i: 1e6, text: "some text" });
  const { bytes } = map;
  await Promise.all([kit.run(work.replace, map, 20_000), kit.run(work.replace, map, 20_000)]);
  const before = pages();
  await Promise.all([kit.run(work.replace, map, 480_000), kit.run(work.replace, map, 480_000)]);
  assert.equal(map.size, 16);
  assert.ok(map.bytes <= bytes + 16 * 64, `${map.bytes} bytes after ${bytes}`);
  assert.ok(pages() <= before + 2, `${before} pages became ${pages()}`);
  for (let i = 0; i < 30_000; i++) {
    map.set(`passing ${i}`, [i]);
    if (i >= 100) map.delete(`passing ${i - 100}`);
  }
  assert.equal(map.size, 116);
  assert.ok(pages() <= before + 3);
});

function fill(count: number): void {
  const map = new SharedMap<string, unknown>();
  for (let i = 0; i < count; i++) map.updateSync(`key ${i}`, () => ({ i, lock: new Lock() }));
}

test("a map that nobody refers to gives back everything in it", async () => {
  const lock = new Lock();
  const counted = (): number => memory.words[(lock as unknown as { [ADDRESS]: number })[ADDRESS] + 1]!;
  const make = (): void =>
    void new SharedMap<string, unknown>([
      ["a", { lock }],
      ["b", [lock]],
    ]);
  make();
  assert.equal(counted(), 3);
  await collectUntil(() => counted() === 1, "a map");
  for (let round = 0; round < 4; round++) {
    fill(2000);
    make();
    await collectUntil(() => counted() === 1, "a map");
  }
  const before = pages();
  for (let round = 0; round < 6; round++) {
    fill(2000);
    make();
    await collectUntil(() => counted() === 1, "a map");
  }
  assert.ok(pages() <= before + 8, `${before} pages became ${pages()}`);
});
