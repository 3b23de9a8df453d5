/** A worker makes objects of types that no other thread has loaded, and they go on from there. */
import { isMainThread } from "node:worker_threads";
import { ThreadPoolExecutor } from "heddle/futures";

async function queue(): Promise<unknown> {
  const { Queue } = await import("heddle/queue");
  const made = new Queue<number>();
  made.putNowait(1);
  return made;
}

async function map(): Promise<unknown> {
  const { SharedMap } = await import("heddle/shared");
  return new SharedMap([["key", 2]]);
}

async function local(): Promise<unknown> {
  const { Local } = await import("heddle/local");
  return new Local(() => ({ value: 3 }));
}

const ask = {
  queue: (made: { getNowait(): number }) => made.getNowait(),
  map: (made: { get(key: string): number }) => made.get("key"),
  local: (made: { value: number }) => made.value,
};

if (isMainThread) {
  await using maker = new ThreadPoolExecutor({ maxWorkers: 1 });
  await using other = new ThreadPoolExecutor({ maxWorkers: 1 });
  // It is there before anybody knows those types.
  await other.submit(Math.max, 0);
  const made = [
    await maker.submit(queue), //
    await maker.submit(map),
    await maker.submit(local),
  ];
  for (const [i, question] of Object.values(ask).entries()) {
    const answer = await other.submit(question as (made: unknown) => number, made[i]);
    console.log(made[i]!.constructor.name, answer);
  }
}
