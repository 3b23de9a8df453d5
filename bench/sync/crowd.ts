/**
 * Many threads that wait for the same thing. One permit goes round among them; what one turn costs should not depend on
 * how many wait.
 */

import { Queue } from "heddle/queue";
import { Lock, Semaphore, Thread } from "heddle/threading";

/** What is waited for, and how one turn of a waiting thread goes. */
export const crowds = {
  Semaphore: {
    make: (): Semaphore => new Semaphore(0),
    start: (semaphore: Semaphore): void => semaphore.release(),
    turn(semaphore: Semaphore): void {
      semaphore.acquireSync();
      semaphore.release();
    },
  },
  Queue: {
    make: (): Queue<number> => new Queue(),
    start: (queue: Queue<number>): void => queue.putSync(1),
    turn: (queue: Queue<number>): void => queue.putSync(queue.getSync()),
  },
  Lock: {
    make: (): Lock => new Lock().acquireSync(),
    start: (lock: Lock): void => lock.release(),
    turn(lock: Lock): void {
      lock.acquireSync();
      lock.release();
    },
  },
} as const;

export type Crowded = keyof typeof crowds;

interface Task {
  readonly name: Crowded;
  readonly shared: unknown;
  /** Whether it is over, and how many turns there were. */
  readonly words: Int32Array;
}

const OVER = 0;
const TURNS = 1;

export function member(tasks: Queue<Task | null>, ready: Semaphore, done: Semaphore): void {
  for (let task = tasks.getSync(); task !== null; task = tasks.getSync()) {
    const turn = crowds[task.name].turn as (shared: unknown) => void;
    let turns = 0;
    ready.release();
    for (; Atomics.load(task.words, OVER) === 0; turns++) turn(task.shared);
    Atomics.add(task.words, TURNS, turns);
    done.release();
  }
}

export class Crowd {
  readonly #ready: Semaphore = new Semaphore(0);
  readonly #done: Semaphore = new Semaphore(0);
  readonly #members: { readonly tasks: Queue<Task | null>; readonly thread: Thread<never, void> }[];

  constructor(size: number) {
    this.#members = Array.from({ length: size }, () => {
      const tasks = new Queue<Task | null>();
      const thread = new Thread({ target: member, args: [tasks, this.#ready, this.#done] }).start();
      return { tasks, thread: thread as Thread<never, void> };
    });
  }

  /** Nanoseconds for one turn, while all threads take turns for so many milliseconds. */
  time(name: Crowded, milliseconds: number): number {
    const { make, start } = crowds[name] as { make: () => unknown; start: (shared: unknown) => void };
    const shared = make();
    const words = new Int32Array(new SharedArrayBuffer(8));
    for (const { tasks } of this.#members) tasks.putSync({ name, shared, words });
    this.#all(this.#ready);
    const began = performance.now();
    start(shared);
    Atomics.wait(words, OVER, 0, milliseconds);
    Atomics.store(words, OVER, 1);
    const took = performance.now() - began;
    // Each still takes the turn it waits for, one after the other: fewer and fewer wait by then.
    this.#all(this.#done);
    return (took * 1e6) / Atomics.load(words, TURNS);
  }

  #all(semaphore: Semaphore): void {
    for (let i = 0; i < this.#members.length; i++) semaphore.acquireSync();
  }

  async close(): Promise<void> {
    for (const { tasks } of this.#members) tasks.putSync(null);
    for (const { thread } of this.#members) await thread.join();
  }
}
