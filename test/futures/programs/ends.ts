/**
 * How programs with executors end. `ends NAME`: each case prints what it must print, and must end by itself.
 *
 * @module
 */

import { isMain } from "heddle";
import { asCompleted, Future, ThreadPoolExecutor, wait } from "heddle/futures";
import { reportProgress, track } from "heddle/progress";
import { activeCount, Event } from "heddle/threading";
import { collectGarbage } from "../../conformance/futures-kit.ts";

/** Ends some time after main has nothing left to do. */
function slowly(text: string): string {
  new Event().waitSync({ timeout: 100 });
  console.log(text);
  return text;
}

async function abandon(): Promise<void> {
  const pool = new ThreadPoolExecutor({ maxWorkers: 2 });
  await pool.map(Math.abs, [1, 2, 3]);
}

/** Its workers start when nobody refers to the executor any more. */
async function abandonMap(): Promise<void> {
  const initialized = new Event();
  async function* items(): AsyncGenerator<number> {
    await collectGarbage();
    yield -1;
    await collectGarbage();
    yield -2;
  }
  const results = new ThreadPoolExecutor({ maxWorkers: 1, initializer: () => initialized.set() }).map(
    Math.abs,
    items(),
  );
  console.log(await results, initialized.isSet);
}

const cases: Record<string, () => unknown> = {
  "idle-workers": async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 2 });
    console.log(await pool.map(Math.sqrt, [4, 9]), activeCount() > 1);
  },
  unused: () => void new ThreadPoolExecutor(),
  "pending-task": () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    pool.submit(slowly, "first");
    pool.submit(slowly, "second").addDoneCallback((future) => console.log("done", String(future)));
  },
  "pending-map": () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    void pool.map(slowly, ["a", "b", "c", "d", "e"], { chunksize: 1, timeout: 60_000 });
  },
  "shutdown-no-wait": async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    pool.submit(slowly, "still done");
    await pool.shutdown({ wait: false });
  },
  cancelled: () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const futures = [1, 2, 3].map(() => pool.submit(slowly, "begun before it was cancelled"));
    console.log(futures.map((future) => future.cancel() === future.cancelled));
  },
  "never-settled": async () => {
    // A future of one's own keeps nothing alive.
    const future = new Future();
    future.addDoneCallback(() => console.log("never"));
    console.log((await wait([future], { timeout: 5 })).notDone.size);
  },
  "long-timeouts": async () => {
    const future = new Future<number>();
    const options = { timeout: 3_600_000 };
    const waits = [future.result(options), wait([future], options), asCompleted([future], options).next()];
    future.setResult(1);
    console.log((await Promise.all(waits)).length);
  },
  "pending-timers-in-a-worker": async () => {
    const pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    console.log(await pool.submit(() => (setInterval(() => undefined, 1000), "ticking")));
    console.log(await pool.submit(() => "next"));
  },
  "broken-pool": async () => {
    const pool = new ThreadPoolExecutor({
      maxWorkers: 2,
      initializer: () => {
        throw new RangeError("initializer");
      },
    });
    const futures = [1, 2, 3].map((n) => pool.submit(Math.abs, n));
    await wait(futures);
    console.log(futures.map(String).join());
  },
  "unhandled-rejection": () => {
    // Nobody asks for the error, so nobody is told: as in Python, it waits in the future.
    new ThreadPoolExecutor({ maxWorkers: 1 }).submit(() => {
      throw new RangeError("not asked for");
    });
  },
  "awaited-rejection": async () => {
    await new ThreadPoolExecutor({ maxWorkers: 1 }).submit(() => {
      throw new RangeError("asked for");
    });
  },
  "unsendable-initializer": () => {
    const captured = Promise.resolve();
    const pool = new ThreadPoolExecutor({ maxWorkers: 1, initializer: () => captured });
    try {
      pool.submit(Math.abs, 1);
    } catch (error) {
      console.log(String(error).split(":", 2).join());
    }
  },
  abandoned: async () => {
    await abandon();
    // An initializer whose scope knows the pool must not keep it.
    await (async () => {
      const initialized = new Event();
      const pool = new ThreadPoolExecutor({ maxWorkers: 1, initializer: () => initialized.set() });
      await Promise.all([1, 2].map((n) => pool.submit(Math.abs, n)));
      console.log("initialized", initialized.isSet);
    })();
    await abandonMap();
    while (activeCount() > 1) await collectGarbage();
    console.log("let go");
  },
  "abandoned-bar": async () => {
    const screen = { isTTY: true, write: () => true };
    const numbers = track([1, 2, 3], { stream: screen });
    console.log((await numbers.next()).value);
  },
  "throwing-listener": async () => {
    await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
    const future = pool.submit(() => (reportProgress(0.5), 1));
    future.onProgress(() => {
      throw new RangeError("in the listener");
    });
    console.log(await future, future.progress);
  },
  callbacks: () => {
    const finished = new Future<number>();
    const calls: string[] = [];
    const bad = (text: string) => (): never => {
      throw new RangeError(text);
    };
    finished.addDoneCallback(() => calls.push("1"));
    finished.addDoneCallback(bad("FUT-3"));
    finished.addDoneCallback(() => calls.push("3"));
    finished.setResult(1);
    finished.addDoneCallback(bad("FUT-4"));
    const gone = new Future<number>();
    gone.addDoneCallback(bad("FUT-11"));
    gone.addDoneCallback((future) => calls.push(String(future.cancelled)));
    gone.cancel();
    console.log(calls.join(), finished.resultSync());
  },
};

if (isMain(import.meta)) await cases[process.argv[2]!]!();
