import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMain } from "heddle";
import { BrokenThreadPool, type Future, ThreadPoolExecutor, wait } from "heddle/futures";
import { activeCount, enumerate, Event, mainThread, spawn } from "heddle/threading";
import { Kit } from "../conformance/kit.ts";
import { collectGarbage, words } from "../conformance/futures-kit.ts";
import { threads } from "../conformance/thread-backend.ts";
import { blocksInUse } from "./heap-census.ts";

const TASKS = 600;

/** Every so many tasks, one of them ends its worker, and one worker is terminated. */
const EXIT_EVERY = 199;
const KILL_EVERY = 60;

/** Deterministic noise. Source: Numerical Recipes' linear congruential generator. */
class Noise {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  below(n: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) | 0;
    return (this.#state >>> 8) % n;
  }
}

interface Payload {
  readonly i: number;
  readonly text: string;
}

/** Ends the worker by an error that nobody can catch. */
function crash(): never {
  throw new EvalError("nobody catches this");
}

/** Counts its call, then returns, throws, waits, or ends the worker in one way or another, by its number. */
function work(counts: Int32Array): (payload: Payload) => unknown {
  return ({ i, text }) => {
    Atomics.add(counts, i, 1);
    if (i % EXIT_EVERY === 7) process.exit(3);
    if (i % EXIT_EVERY === 9) return new Promise(() => setTimeout(() => process.exit(4), 0));
    if (i % EXIT_EVERY === 11) return new Promise(() => setTimeout(crash, 0));
    if (i % 17 === 3) throw Object.assign(new RangeError(`task ${i}`), { text });
    if (i % 13 === 5) return Promise.resolve({ i, text });
    return { i, text };
  };
}

function submitAll(pool: ThreadPoolExecutor, counts: Int32Array): Future<unknown>[] {
  const fn = work(counts);
  return Array.from({ length: TASKS }, (_, i) => {
    const payload = { i, text: "x".repeat(i % 200) };
    // Some through the other rings, so that workers die there as well.
    return i % 5 === 2 ? pool.with({ priority: (i % 7) - 3 }).submit(fn, payload) : pool.submit(fn, payload);
  });
}

function outcomeOf(future: Future<unknown>): unknown {
  try {
    return future.resultSync();
  } catch (error) {
    return error;
  }
}

/** Each future has what its task says, or lost its worker; each task ran once, or at most once if it was lost. */
function check(futures: readonly Future<unknown>[], counts: Int32Array): number {
  let lost = 0;
  for (const [i, future] of futures.entries()) {
    assert.ok(future.done, `task ${i} never settled`);
    const outcome = outcomeOf(future);
    const text = "x".repeat(i % 200);
    if (outcome instanceof BrokenThreadPool) {
      if (outcome.cause instanceof EvalError) assert.equal(i % EXIT_EVERY, 11);
      lost++;
      assert.ok(counts[i]! <= 1, `task ${i} ran ${counts[i]} times`);
      continue;
    }
    assert.equal(counts[i], 1, `task ${i} ran ${counts[i]} times`);
    if (i % 17 === 3) assert.deepEqual([String(outcome), (outcome as Payload).text], [`RangeError: task ${i}`, text]);
    else assert.deepEqual(outcome, { i, text });
  }
  return lost;
}

const EXITS = Array.from({ length: TASKS }, (_, i) => i % EXIT_EVERY).filter(
  (n) => n === 7 || n === 9 || n === 11,
).length;

/** Terminates some worker of the pool each time so many tasks have begun. Returns how many it hit. */
async function killer(prefix: string, counts: Int32Array, over: Event, seed: number): Promise<number> {
  const noise = new Noise(seed);
  let kills = 0;
  for (let next = KILL_EVERY; !over.isSet;) {
    if (counts.reduce((sum, n) => sum + n, 0) < next) {
      await over.wait({ timeout: 2 });
      continue;
    }
    next += KILL_EVERY;
    const workers = enumerate().filter(({ name }) => name.startsWith(prefix));
    if (workers.length === 0) continue;
    kills++;
    await workers[noise.below(workers.length)]!.terminate();
  }
  return kills;
}

if (isMain(import.meta)) {
  const kit = new Kit(threads);

  /** Blocks in use once everything has settled: finalizers have run, and dead threads are buried. */
  async function census(): Promise<number> {
    await kit.until(
      () => activeCount() === 1,
      () => enumerate().map(String).join(),
    );
    // What is released in one turn may release more in the next.
    let least = Infinity;
    for (let i = 0; i < 10; i++) {
      await collectGarbage();
      least = Math.min(least, blocksInUse());
    }
    return least;
  }

  describe("600 tasks while workers exit, crash and are terminated", () => {
    test("main awaits: every future settles, no task runs twice, memory comes back", async () => {
      const seed = Date.now() | 0;
      const noise = new Noise(seed);
      const round = async (): Promise<number> => {
        const counts = words(TASKS);
        const pool = new ThreadPoolExecutor({ maxWorkers: 3 });
        const futures = submitAll(pool, counts);
        let [done, kills] = [0, 0];
        for (const future of futures) {
          future.addDoneCallback(() => {
            if (++done % KILL_EVERY !== 0) return;
            const workers = enumerate().filter((thread) => thread !== mainThread());
            if (workers.length === 0) return;
            kills++;
            void workers[noise.below(workers.length)]!.terminate();
          });
        }
        await wait(futures);
        await pool.shutdown();
        const lost = check(futures, counts);
        assert.ok(lost <= EXITS + kills, `${lost} lost by ${EXITS} exits and ${kills} kills, seed ${seed}`);
        assert.ok(lost >= EXITS / 2, `${lost} lost: nothing was tested`);
        return EXITS + kills;
      };
      await round();
      const before = await census();
      const deaths = await round();
      const after = await census();
      // A thread that is terminated can lose what it has in its hand: its free lists' heads, a message it was packing.
      assert.ok(after - before <= 4 * deaths, `${before} blocks before, ${after} after ${deaths} deaths, seed ${seed}`);
    });

    test("main blocks: every future settles, no task runs twice", async () => {
      const seed = Date.now() | 0;
      const [counts, over] = [words(TASKS), new Event()];
      const pool = new ThreadPoolExecutor({ maxWorkers: 3, threadNamePrefix: "blocked" });
      const killing = spawn(killer, "blocked_", counts, over, seed);
      const futures = submitAll(pool, counts);
      for (const future of futures.toReversed()) outcomeOf(future);
      over.set();
      const kills = await killing.join();
      const lost = check(futures, counts);
      assert.ok(lost <= EXITS + kills, `${lost} lost by ${EXITS} exits and ${kills} kills, seed ${seed}`);
      await pool.shutdown();
    });
  });

  test("500 tasks that time out, are aborted or cancelled, deaf and obedient: each settles, and memory comes back", async () => {
    const task = ({ i }: Payload, counts: Int32Array): number => {
      Atomics.add(counts, i, 1);
      // Some react to nothing, some wait, some are done at once.
      if (i % 50 === 0) for (;;);
      if (i % 3 === 0) new Event().waitSync();
      return i;
    };
    const round = async (): Promise<void> => {
      const counts = words(500);
      const pool = new ThreadPoolExecutor({ maxWorkers: 3 });
      const futures = Array.from({ length: 500 }, (_, i) => {
        const controller = new AbortController();
        const view = pool.with({ signal: controller.signal, grace: 10, priority: (i % 3) - 1 });
        const future = view.submit(task, { i, text: "z".repeat(i) }, counts);
        if (i % 50 === 0 || i % 3 === 0) {
          // As soon as it runs; at the latest, when those around it are done.
          void kit
            .until(
              () => counts[i] === 1 || future.done,
              () => `task ${i}`,
            )
            .then(() =>
              i % 50 !== 0 && i % 2 === 0 ? void future.cancel() : controller.abort(new RangeError(`${i}`)),
            );
        }
        return future;
      });
      await wait(futures);
      await pool.shutdown();
      for (const [i, future] of futures.entries()) {
        assert.equal(counts[i], 1, `task ${i} ran ${counts[i]} times`);
        if (i % 50 === 0) assert.match(String(await future.exception()), new RegExp(`^RangeError: ${i}$`));
        else if (i % 3 !== 0) assert.equal(await future, i);
        else if (i % 2 === 0) assert.equal(future.cancelled, true);
        else assert.match(String(await future.exception()), new RegExp(`^RangeError: ${i}$`));
      }
    };
    await round();
    const before = await census();
    await round();
    const after = await census();
    assert.ok(after - before <= 4 * 10, `${before} blocks before, ${after} after 10 workers were killed`);
  });

  test("tasks that end their worker by themselves keep no memory", async () => {
    const round = async (n: number): Promise<void> => {
      const pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const captured = { text: "captured" };
      const exit = (payload: Payload): unknown => (payload.i < 0 ? captured : process.exit(1));
      const futures = Array.from({ length: n }, (_, i) => pool.submit(exit, { i, text: "some text" }));
      for (const future of futures) assert.ok((await future.exception()) instanceof BrokenThreadPool);
      await pool.shutdown();
    };
    await round(10);
    const before = await census();
    await round(30);
    const after = await census();
    assert.ok(after <= before + 5, `${before} blocks before, ${after} after 30 deaths`);
  });

  test("cancelled tasks, failed ones, broken pools and maps left early keep no memory", async () => {
    const round = async (): Promise<void> => {
      const pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const captured = { text: "captured" };
      const use = (payload: Payload): unknown => [captured, payload];
      const futures = Array.from({ length: 200 }, (_, i) => pool.submit(use, { i, text: "y".repeat(i) }));
      for (const [i, future] of futures.entries()) if (i % 3 === 0) future.cancel();
      for await (const _ of pool.map(
        use,
        futures.map((_, i) => ({ i, text: "mapped" })),
      ))
        break;
      await pool
        .map(
          (payload: Payload) => {
            throw new RangeError(captured.text + payload.text);
          },
          [{ i: 1, text: "x" }],
        )
        .then(undefined, () => undefined);
      assert.throws(() => pool.submit(use, { i: 1, text: Promise.resolve() } as never));
      await pool.shutdown({ cancelFutures: true });
      const broken = new ThreadPoolExecutor({
        maxWorkers: 2,
        initializer: () => {
          throw new RangeError(captured.text);
        },
      });
      const failed = Array.from({ length: 20 }, (_, i) => broken.submit(use, { i, text: "never" }));
      await wait(failed);
      await broken.shutdown();
    };
    for (let i = 0; i < 3; i++) await round();
    const before = await census();
    for (let i = 0; i < 5; i++) await round();
    const after = await census();
    assert.ok(after <= before + 5, `${before} blocks before, ${after} after 1 500 tasks`);
  });

  test("a map whose workers die ends with an error or all results, and the pool goes on", async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 3 });
    for (let i = 0; i < 5; i++) {
      const counts = words(500);
      const results = pool.map(
        (n: number) => {
          Atomics.add(counts, n, 1);
          return n === 100 * i + 50 ? process.exit(1) : n;
        },
        Array.from({ length: 500 }, (_, n) => n),
        { chunksize: 5 },
      );
      await assert.rejects(async () => await results, BrokenThreadPool);
      assert.deepEqual(
        [...counts].filter((n) => n > 1),
        [],
      );
    }
    assert.equal(await pool.submit(Math.abs, -1), 1);
    await pool.shutdown();
  });
}
