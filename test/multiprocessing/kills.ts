/**
 * Children that are killed at random points of their traffic through a queue, under a lock and on shared numbers. Those
 * that survive go on, nothing that was fully put is lost or comes twice, and every join settles.
 *
 * @module
 */

import assert from "node:assert/strict";
import { BrokenProcessPool, OwnerDiedError, ProcessDiedError } from "heddle/errors";
import type { Future } from "heddle/futures";
import {
  activeChildren,
  int32,
  Listener,
  Lock,
  Process,
  ProcessPoolExecutor,
  Queue,
  SharedArray,
  SharedMemory,
  Value,
} from "heddle/multiprocessing";

interface Item {
  readonly worker: number;
  readonly seq: number;
  readonly text: string;
}

/** Acquires, also after a death. */
function take(lock: Lock): void {
  for (;;) {
    try {
      lock.acquireSync();
      return;
    } catch (error) {
      if (!(error instanceof OwnerDiedError)) throw error;
      try {
        lock.recover();
        return;
      } catch {
        // Another was quicker to recover it.
      }
    }
  }
}

/** Puts items for ever. `done[worker]`: how many puts have returned. Some have things with a name, which they leave. */
async function produce(queue: Queue<Item>, lock: Lock, total: Value, done: Int32Array, worker: number): Promise<void> {
  const name = `kills_${process.env["HEDDLE_KILLS"] ?? process.ppid}_${worker}`;
  const named = worker % 8 === 0 ? [new SharedMemory({ name, create: true, size: 4096 })] : [];
  const listeners = worker % 8 === 4 ? [await new Listener().listening()] : [];
  assert.ok(named.length + listeners.length < 2);
  for (let seq = 0; ; seq++) {
    take(lock);
    total.value++;
    lock.release();
    queue.putSync({ worker, seq, text: "x".repeat(seq % 50) });
    Atomics.store(done, worker, seq + 1);
  }
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Kills so many children, `width` of which run at a time. Returns how many items came through. */
export async function killRun(kills: number, seed: number, width = 3): Promise<number> {
  const next = random(seed);
  const [queue, lock, total] = [new Queue<Item>(100), new Lock(), new Value(int32, 0)];
  const done = new SharedArray(int32, kills + width).data as Int32Array;
  const seen: number[] = [];
  const running: { child: Process<never[], unknown>; worker: number }[] = [];
  const hire = (): void => {
    const worker = seen.push(0) - 1;
    const child = new Process({ target: produce, args: [queue, lock, total, done, worker], daemon: true }).start();
    running.push({ child: child as unknown as Process<never[], unknown>, worker });
  };
  const accept = ({ worker, seq, text }: Item): void => {
    assert.equal(seq, seen[worker], `worker ${worker}: item ${seq} instead of ${seen[worker]}`);
    assert.equal(text.length, seq % 50);
    seen[worker]!++;
  };
  for (let i = 0; i < width; i++) hire();
  let items = 0;
  for (let killed = 0; killed < kills; killed++) {
    // Between two kills, some traffic; and each child gets going before it is a candidate.
    for (let n = Math.floor(next() * 200); n >= 0; n--, items++) accept(await queue.get({ timeout: 60_000 }));
    const going = running.filter(({ worker }) => seen[worker]! > 0);
    const victim = going[Math.floor(next() * going.length)];
    if (victim === undefined) {
      killed--;
      continue;
    }
    running.splice(running.indexOf(victim), 1);
    victim.child.kill();
    await assert.rejects(victim.child.join(), ProcessDiedError);
    if (killed + running.length < kills + width - 1) hire();
  }
  for (const { child } of running) {
    child.kill();
    await assert.rejects(child.join(), ProcessDiedError);
  }
  for (; !queue.empty; items++) accept(queue.getNowait());
  for (const [worker, count] of seen.entries()) {
    const put = Atomics.load(done, worker);
    assert.ok(count === put || count === put + 1, `worker ${worker} put ${put} items, ${count} arrived`);
  }
  take(lock);
  lock.release();
  // Each counts what it puts, and may have died in between: at most one a kill.
  const surplus = total.value - items;
  assert.ok(surplus >= 0 && surplus <= seen.length, `${total.value} counted, ${items} arrived`);
  return items;
}

/** Counts its run, and does something that takes a moment. */
export function work(counts: Int32Array, i: number): number {
  Atomics.add(counts, i, 1);
  for (let n = 0; n < 20_000; n++) Math.sqrt(n);
  return i;
}

/** Kills so many workers of a pool, one after the other, while it has tasks. Every future settles, and no task runs twice. */
export async function poolKillRun(kills: number): Promise<void> {
  const tasks = 60 * kills;
  const counts = new SharedArray(int32, tasks).data as Int32Array;
  {
    await using pool = new ProcessPoolExecutor({ maxWorkers: 2 });
    const futures: Future<number>[] = [];
    for (let i = 0; i < tasks; i++) futures.push(pool.submit(work, counts, i));
    let killed = 0;
    for (const [i, future] of futures.entries()) {
      await future.exception();
      if (i % 60 !== 30) continue;
      const victims = activeChildren();
      victims[killed++ % victims.length]?.kill();
    }
    let lost = 0;
    for (const [i, future] of futures.entries()) {
      const error = future.exceptionSync();
      if (error === undefined) assert.deepEqual([future.resultSync(), counts[i]], [i, 1]);
      else {
        assert.ok(error instanceof BrokenProcessPool);
        assert.ok(counts[i]! <= 1, `task ${i} ran ${counts[i]} times`);
        lost++;
      }
    }
    assert.ok(killed === kills && lost <= kills, `${killed} kills, ${lost} tasks lost`);
    assert.equal(await pool.submit(Math.abs, -1), 1);
  }
  assert.deepEqual(activeChildren(), []);
}
