/** Guards, wait lists and locks. */

import { GRANT, LIST, LOCK } from "../../../src/core/layout.ts";
import type { Step } from "../engine.ts";
import { EXPIRED, type Kit, NEVER, SOON } from "../kit.ts";
import type { Scenario } from "../scenario.ts";

/** Reads a word, lets others run, and writes it back increased: any two at once lose one. */
function increment(kit: Kit, counter: number): void {
  const { engine } = kit;
  engine.store(counter, engine.load(counter) + 1);
}

/** Holds a guard `times` times and counts. */
function guardUser(kit: Kit, guard: number, counter: number, times: number): Step[] {
  const { lockGuard, unlockGuard } = kit.core.guard;
  return Array.from({ length: times }, () => () => {
    lockGuard(kit.memory, guard);
    increment(kit, counter);
    unlockGuard(kit.memory, guard);
  });
}

function guards(name: string, threads: number, times: number, limits?: Scenario["limits"]): Scenario {
  return {
    name,
    limits: limits ?? {},
    build(kit) {
      const guard = kit.list() + LIST.guard;
      const counter = kit.word("counter");
      for (let i = 0; i < threads; i++) kit.thread(`T${i + 1}`, ...guardUser(kit, guard, counter, times));
      kit.ready(() => {
        const n = kit.value(counter);
        return n === threads * times ? undefined : `${n} increments instead of ${threads * times}`;
      });
    },
  };
}

export interface LockThread {
  /** Passes through the lock so often. */
  readonly times?: number;
  readonly deadline?: number;
  readonly onLoop?: boolean;
  readonly killed?: boolean;
}

/** One pass through a lock; a lock whose owner died is recovered. */
export function lockUser(
  kit: Kit,
  lock: number,
  words: LockWords,
  { deadline = NEVER, onLoop = false }: LockThread,
): Step {
  const { unlock, recoverLock, tryLock, LOCK_RESULT } = kit.core.lock;
  return () => {
    const { memory } = kit;
    let result: number = GRANT.done;
    if (tryLock(memory, lock) !== LOCK_RESULT.acquired) {
      result = onLoop ? kit.waitOnLoop(kit.lockWait, lock, deadline) : kit.wait(kit.lockWait, lock, deadline);
    }
    while (result === GRANT.ownerDied) {
      kit.expect(kit.killed, "OwnerDied, although nobody died");
      if (recoverLock(memory, lock)) {
        kit.note(words.inside, -kit.note(words.inside, 0));
        result = GRANT.done;
        break;
      }
      // Somebody else has recovered it already: wait for it as usual.
      result = kit.wait(kit.lockWait, lock, NEVER);
    }
    if (result === EXPIRED) return;
    kit.expect(result === GRANT.done, `result ${result}`);
    kit.expect(kit.note(words.inside) === 1, "two threads hold the lock");
    kit.expect(kit.core.lock.lockOwner(memory, lock) === memory.self, "the lock names another owner");
    increment(kit, words.counter);
    kit.note(words.passes);
    kit.note(words.inside, -1);
    kit.expect(unlock(memory, lock), "the lock was not held at its release");
  };
}

export interface LockWords {
  readonly inside: number;
  readonly counter: number;
  readonly passes: number;
}

export function lockWords(kit: Kit): LockWords {
  return { inside: kit.word("inside"), counter: kit.word("counter"), passes: kit.word("passes") };
}

/** `word`: of the lock, at the start. */
function locks(name: string, threads: readonly LockThread[], rest: Partial<Scenario> = {}, word = 0): Scenario {
  return {
    name,
    ...rest,
    build(kit) {
      const lock = kit.lock();
      kit.engine.memory[lock + LOCK.word] = word;
      const words = lockWords(kit);
      for (const [i, t] of threads.entries()) {
        const steps = Array.from({ length: t.times ?? 1 }, () => lockUser(kit, lock, words, t));
        if (t.killed === true) kit.victim(`T${i + 1}`, ...steps);
        else kit.thread(`T${i + 1}`, ...steps);
      }
      if (threads.some((t) => t.killed === true)) kit.reaper();
      kit.ready(() => lockAtEnd(kit, lock, words));
    },
  };
}

function lockAtEnd(kit: Kit, lock: number, { counter, passes }: LockWords): string | undefined {
  const word = kit.value(lock + LOCK.word);
  if (kit.value(counter) < kit.value(passes)) return `${kit.value(counter)} increments in ${kit.value(passes)} passes`;
  if (kit.value(lock + LOCK.list + LIST.head) !== 0) return "somebody stands in the list at the end";
  // After a death nobody may have come by to recover it; but no living thread may own it.
  if (kit.killed)
    return word >>> 2 === 0 || kit.engine.dead.includes(word >>> 2) ? undefined : "a living thread owns the lock";
  return word >>> 1 === 0 ? undefined : `the lock's word is ${word} at the end`;
}

/** The first thread holds the lock from the start and dies while it releases it; one waits, another passes by. */
function releaseKilled(): Scenario {
  return {
    name: "lock: 3 threads, who releases is killed",
    limits: { preemptions: 2 },
    build(kit) {
      const lock = kit.lock();
      const words = lockWords(kit);
      const first = kit.victim("T1", () => void kit.core.lock.unlock(kit.memory, lock));
      kit.thread("T2", lockUser(kit, lock, words, {}));
      kit.thread("T3", () => {
        const { tryLock, unlock, LOCK_RESULT } = kit.core.lock;
        if (tryLock(kit.memory, lock) !== LOCK_RESULT.acquired) return;
        kit.pause(lock + LOCK.word);
        unlock(kit.memory, lock);
      });
      kit.engine.memory[lock + LOCK.word] = first.tid << 2;
      kit.reaper();
      kit.ready(() => lockAtEnd(kit, lock, words));
    },
  };
}

/** Two wait for the lock; its owner releases it, which wakes one of them, and then takes it again. */
function takenAgain(name: string, killed: boolean, limits: Scenario["limits"] = {}): Scenario {
  return {
    name,
    limits,
    build(kit) {
      const lock = kit.lock();
      const words = lockWords(kit);
      const first = kit.thread("T1", () => void kit.core.lock.unlock(kit.memory, lock), lockUser(kit, lock, words, {}));
      const second = lockUser(kit, lock, words, {});
      if (killed) kit.victim("T2", second);
      else kit.thread("T2", second);
      kit.thread("T3", lockUser(kit, lock, words, {}));
      kit.engine.memory[lock + LOCK.word] = first.tid << 2;
      if (killed) kit.reaper();
      kit.ready(() => lockAtEnd(kit, lock, words));
    },
  };
}

export const lockScenarios: readonly Scenario[] = [
  guards("guard: 2 threads x 2", 2, 2),
  guards("guard: 3 threads x 1", 3, 1),
  guards("guard: 3 threads x 2", 3, 2, { preemptions: 3 }),
  locks("lock: 2 threads x 2", [{ times: 2 }, { times: 2 }], { limits: { preemptions: 4 } }),
  locks("lock: 3 threads x 1", [{}, {}, {}], { limits: { preemptions: 3 } }),
  locks("lock: 3 threads x 1, a timeout", [{}, {}, { deadline: SOON }], { limits: { preemptions: 2 } }),
  // As one that gave up leaves it.
  locks("lock: 3 threads x 1, with a stale mark", [{}, {}, {}], { limits: { preemptions: 3 } }, 1),
  locks("lock: 2 threads, a kill", [{ killed: true }, {}], { limits: { preemptions: 2 } }),
  locks("lock: 3 threads, who waits is killed", [{}, { killed: true }, {}], { limits: { preemptions: 1 } }),
  locks("lock: an event loop's, a kill", [{ killed: true }, { onLoop: true }], { limits: { preemptions: 2 } }),
  locks("lock: an event loop's with a timeout, a kill", [{ killed: true }, { onLoop: true, deadline: SOON }], {
    limits: { preemptions: 2 },
  }),
  releaseKilled(),
  {
    name: "lock: free, and marked although nobody waits",
    build(kit) {
      const lock = kit.lock();
      const words = lockWords(kit);
      for (const name of ["T1", "T2"]) kit.thread(name, lockUser(kit, lock, words, {}));
      // As a waiter that gave up leaves it.
      kit.engine.memory[lock + LOCK.word] = 1;
      kit.ready(() => lockAtEnd(kit, lock, words));
    },
    limits: { preemptions: 3 },
  },
  takenAgain("lock: 2 wait, its owner takes it again", false, { preemptions: 2 }),
  {
    ...takenAgain("lock: 2 wait, its owner takes it again, who was woken is killed", true, { preemptions: 1 }),
    long: true,
  },
  locks("lock: 2 threads on event loops", [{ onLoop: true }, { onLoop: true }]),
  locks("lock: 3 threads on event loops", [{ onLoop: true }, { onLoop: true }, { onLoop: true }], {
    limits: { preemptions: 2 },
  }),
];
