/** Waits that are interrupted and cancelled, and threads that die at the same time. */

import { CONDITION, GRANT, LIST, LOCK, QUEUE, RECORD, RWLOCK, SEMAPHORE, SLOT } from "../../../src/core/layout.ts";
import { READ, WRITE } from "../../../src/core/raw/rwlock.ts";
import type { ModelThread, Step } from "../engine.ts";
import { CANCELLED, EXPIRED, type Kit, NEVER, SOON } from "../kit.ts";
import type { Scenario } from "../scenario.ts";
import { lockUser, lockWords } from "./locks.ts";

interface Endable {
  readonly deadline?: number;
  readonly onLoop?: boolean;
}

function emptyList(kit: Kit, list: number): string | undefined {
  return kit.value(list + LIST.head) === 0 ? undefined : "somebody stands in the list at the end";
}

/** T1 does as `wait` says, T2 what ends its wait well, T3 cancels T1 or only interrupts it. */
function cancelled(
  name: string,
  build: (kit: Kit) => { wait: Step; end: Step; check: () => string | undefined },
  onlyInterrupted = false,
): Scenario {
  return {
    name: `cancel: ${name}`,
    build(kit) {
      const { wait, end, check } = build(kit);
      const waiter = kit.thread("T1", wait);
      kit.thread("T2", end);
      kit.thread("T3", () => (onlyInterrupted ? kit.interrupt(waiter) : kit.cancel(waiter)));
      kit.ready(check);
    },
  };
}

function lockWaiter(name: string, { deadline = NEVER, onLoop = false }: Endable = {}, fair = false): Scenario {
  return cancelled(name, (kit) => {
    const lock = kit.lock();
    const { tryLock, unlock } = kit.core.lock;
    const kind = fair ? { ...kit.lockWait, shielded: true } : kit.lockWait;
    // The main thread of the model has it; anybody may release a lock.
    tryLock(kit.memory, lock);
    return {
      wait: () => {
        const result = kit.waitOrCancelled(kind, lock, deadline, onLoop);
        if (result === GRANT.done) kit.expect(unlock(kit.memory, lock), "the lock was not held at its release");
        else kit.expect(!fair && (result === CANCELLED || result === EXPIRED), `result ${result}`);
      },
      end: () => kit.expect(unlock(kit.memory, lock), "the lock was not held"),
      check: () => {
        const word = kit.value(lock + LOCK.word);
        return word >>> 1 === 0 ? emptyList(kit, lock + LOCK.list) : `the lock's word is ${word} at the end`;
      },
    };
  });
}

function permitWaiter(name: string, { deadline = NEVER, onLoop = false }: Endable = {}, interrupted = false): Scenario {
  return cancelled(
    name,
    (kit) => {
      const semaphore = kit.semaphore(0);
      const taken = kit.word("taken");
      return {
        wait: () => {
          const result = kit.waitOrCancelled(kit.semaphoreWait, semaphore, deadline, onLoop);
          if (result === GRANT.done) kit.note(taken);
          else kit.expect(result === (interrupted ? EXPIRED : CANCELLED) || result === EXPIRED, `result ${result}`);
          if (interrupted && deadline === NEVER) kit.expect(result === GRANT.done, "an interrupted wait has ended");
        },
        end: () => void kit.core.semaphore.releasePermits(kit.memory, semaphore, 1),
        check: () => {
          const left = kit.value(semaphore + SEMAPHORE.word) >>> 2;
          if (left + kit.value(taken) !== 1) return `${left} permits are left, ${kit.value(taken)} were taken`;
          if (kit.value(semaphore + SEMAPHORE.woken) !== 0) return "somebody is still to look for a permit";
          return emptyList(kit, semaphore + SEMAPHORE.list);
        },
      };
    },
    interrupted,
  );
}

function queueWaiter(name: string, puts: boolean, { onLoop = false }: Endable = {}): Scenario {
  return cancelled(name, (kit) => {
    const queue = kit.queue(puts ? 1 : 0);
    const { putCell, getCell, got } = kit.core.queue;
    const [mine, others] = [3, 5];
    if (puts) putCell(kit.memory, queue, others, 0);
    const done = kit.word("done");
    return {
      wait: () => {
        const kind = puts ? kit.putWait(mine) : kit.getWait();
        const result = kit.waitOrCancelled(kind, queue, NEVER, onLoop);
        if (result === GRANT.done) kit.note(done);
        else kit.expect(result === CANCELLED, `result ${result}`);
      },
      end: () => {
        if (puts) getCell(kit.memory, queue, 0);
        else putCell(kit.memory, queue, others, 0);
        if (puts) kit.expect(got.cell === others || got.cell === 0, `got the cell ${got.cell}`);
      },
      check: () => {
        const size = kit.value(queue + QUEUE.puts) - kit.value(queue + QUEUE.gets);
        const expected = puts ? kit.value(done) : 1 - kit.value(done);
        if (size !== expected) return `${size} items are there instead of ${expected}`;
        if (kit.value(queue + QUEUE.woken) !== 0) return "somebody is still to look for an item";
        return emptyList(kit, queue + QUEUE.getters) ?? emptyList(kit, queue + QUEUE.putters);
      },
    };
  });
}

/** A writer between a reader that holds the lock and one that waits behind it: that one must go on. */
function writerBetweenReaders(): Scenario {
  return {
    name: "cancel: a writer that waits between readers",
    build(kit) {
      const lock = kit.rwlock();
      const { acquireRw, releaseRw } = kit.core.rwlock;
      acquireRw(kit.memory, lock, READ, 0);
      const passed = kit.word("passed");
      const writer = kit.thread("T1", () => {
        const result = kit.waitOrCancelled(kit.rwWait(WRITE), lock);
        if (result === GRANT.done) releaseRw(kit.memory, lock, WRITE);
        kit.expect(result === CANCELLED, "a writer came through although somebody reads");
      });
      kit.thread("T2", () => {
        kit.expect(kit.wait(kit.rwWait(READ), lock) === GRANT.done, "the reader was refused");
        kit.note(passed);
        releaseRw(kit.memory, lock, READ);
      });
      kit.thread("T3", () => kit.cancel(writer));
      kit.ready(() => (kit.value(passed) === 1 ? emptyList(kit, lock + RWLOCK.list) : "the reader never came through"));
    },
  };
}

/** Two wait to be notified once; one of them is cancelled. The other must hear of it, unless the first had. */
function notifiedOrCancelled(): Scenario {
  return {
    name: "cancel: one of 2 who wait for a notification",
    long: true,
    limits: { preemptions: 2 },
    build(kit) {
      const lock = kit.lock();
      const condition = kit.condition(lock);
      const heard = kit.word("heard");
      const { tryLock, unlock, LOCK_RESULT } = kit.core.lock;
      const again = { ...kit.lockWait, shielded: true };
      const enter = (): void => {
        if (tryLock(kit.memory, lock) !== LOCK_RESULT.acquired) kit.waitOrCancelled(again, lock);
      };
      const wait: Step = () => {
        enter();
        const result = kit.waitOrCancelled(kit.conditionWait(lock), condition);
        kit.expect(kit.waitOrCancelled(again, lock) === GRANT.done, "the lock was not taken back");
        if (result === GRANT.done) kit.note(heard);
        unlock(kit.memory, lock);
      };
      const first = kit.thread("T1", wait);
      const second = kit.thread("T2", wait);
      // Whoever was late for the notification, or had to leave it to the other, may wait.
      second.mayWait = () => kit.value(heard) === 1 || kit.value(condition + CONDITION.list + LIST.head) !== 0;
      first.mayWait = () => false;
      const told = kit.word("told");
      kit.thread("T3", () => {
        enter();
        // Nobody cancels the second: if it waits now, one of the two must hear.
        const slot = kit.value(second.record + RECORD.syncSlot);
        if (kit.note(slot + SLOT.list, 0) === condition + CONDITION.list) kit.note(told);
        kit.core.condition.notifyWaiters(kit.memory, condition, 1);
        unlock(kit.memory, lock);
      });
      kit.thread("T4", () => kit.cancel(first));
      kit.ready(() => {
        if (kit.value(heard) > 1) return "one notification was heard twice";
        return kit.value(told) > 0 && kit.value(heard) === 0 ? "the notification was lost" : undefined;
      });
    },
  };
}

// ── Two deaths ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** The second reaper buries whoever died second, and then the first: as the children of a dead parent are buried. */
function descendants(kit: Kit): Step {
  return () => kit.core.reaper.bury(kit.memory, kit.engine.dead[0]!, true);
}

function twoDeaths(name: string, build: (kit: Kit) => (() => string | undefined) | undefined, limits = 1): Scenario {
  return {
    name: `deaths: ${name}`,
    long: true,
    limits: { preemptions: limits },
    build(kit) {
      const check = build(kit);
      kit.engine.kills = 2;
      kit.ready(check);
    },
  };
}

function lockIsFree(kit: Kit, lock: number): () => string | undefined {
  return () => {
    const owner = kit.value(lock + LOCK.word) >>> 2;
    if (owner !== 0 && !kit.engine.dead.includes(owner)) return "a living thread owns the lock";
    return emptyList(kit, lock + LOCK.list);
  };
}

function permits(kit: Kit, semaphore: number, taken: number, given: number): () => string | undefined {
  return () => {
    const left = kit.value(semaphore + SEMAPHORE.word) >>> 2;
    const lost = given - left - kit.value(taken);
    if (lost < 0) return `${left} permits are left and ${kit.value(taken)} were taken, of ${given}`;
    return lost > kit.engine.dead.length ? `${lost} permits are lost` : undefined;
  };
}

/** The reaper of the first dies while it buries it. */
function reaperDies(kit: Kit): ModelThread {
  const reaper = kit.reaper();
  reaper.victim = true;
  kit.reaper(1, descendants(kit));
  return reaper;
}

const deaths: readonly Scenario[] = [
  twoDeaths("of a lock's owner and of who waits", (kit) => {
    const lock = kit.lock();
    const words = lockWords(kit);
    kit.victim("T1", lockUser(kit, lock, words, {}));
    kit.victim("T2", lockUser(kit, lock, words, {}));
    kit.thread("T3", lockUser(kit, lock, words, {}));
    kit.reaper();
    kit.reaper(1);
    return lockIsFree(kit, lock);
  }),
  twoDeaths(
    "of a lock's owner and of its reaper",
    (kit) => {
      const lock = kit.lock();
      const words = lockWords(kit);
      kit.victim("T1", lockUser(kit, lock, words, {}));
      kit.thread("T2", lockUser(kit, lock, words, {}));
      reaperDies(kit);
      return lockIsFree(kit, lock);
    },
    2,
  ),
  twoDeaths("of who is given a permit and of its reaper", (kit) => {
    const semaphore = kit.semaphore(0);
    const taken = kit.word("taken");
    kit.victim("T1", () => {
      kit.wait(kit.semaphoreWait, semaphore);
      kit.note(taken);
    });
    const second = kit.thread("T2", () => {
      kit.wait(kit.semaphoreWait, semaphore);
      kit.note(taken);
    });
    kit.thread("T3", () => void kit.core.semaphore.releasePermits(kit.memory, semaphore, 1));
    reaperDies(kit);
    // The reaper may have died with the permit in its hand.
    second.mayWait = () => kit.value(taken) === 1 || kit.killed;
    return undefined;
  }),
  twoDeaths("of who gives a permit and of who waits", (kit) => {
    const semaphore = kit.semaphore(0);
    const taken = kit.word("taken");
    const take: Step = () => {
      kit.wait(kit.semaphoreWait, semaphore);
      kit.note(taken);
    };
    kit.victim("T1", () => void kit.core.semaphore.releasePermits(kit.memory, semaphore, 1));
    kit.victim("T2", take);
    kit.thread("T3", take);
    kit.thread("T4", () => void kit.core.semaphore.releasePermits(kit.memory, semaphore, 1));
    kit.engine.threads[2]!.mayWait = () => kit.value(taken) === 1 || kit.engine.dead.length === 2;
    kit.reaper();
    kit.reaper(1);
    return permits(kit, semaphore, taken, 2);
  }),
  twoDeaths("of 2 who get from a queue", (kit) => {
    const queue = kit.queue(0);
    const { putCell } = kit.core.queue;
    const got = kit.word("got");
    const get: Step = () => {
      kit.wait(kit.getWait(), queue);
      kit.note(got);
    };
    kit.victim("T1", get);
    kit.victim("T2", get);
    kit.thread("T3", () => {
      putCell(kit.memory, queue, 3, 0);
      putCell(kit.memory, queue, 5, 0);
    });
    kit.reaper();
    kit.reaper(1);
    return () => {
      const left = kit.value(queue + QUEUE.puts) - kit.value(queue + QUEUE.gets);
      const lost = 2 - left - kit.value(got);
      if (lost < 0) return "an item is there twice";
      return lost > kit.engine.dead.length ? `${lost} items are lost` : emptyList(kit, queue + QUEUE.getters);
    };
  }),
  twoDeaths(
    "of a reader and a writer",
    (kit) => {
      const lock = kit.rwlock();
      const { acquireRw, recoverRw, releaseRw, RW_RESULT } = kit.core.rwlock;
      const pass =
        (kind: number): Step =>
        () => {
          let result = kit.wait(kit.rwWait(kind), lock);
          while (result === GRANT.ownerDied) {
            if (recoverRw(kit.memory, lock)) {
              releaseRw(kit.memory, lock, WRITE);
              return;
            }
            result =
              acquireRw(kit.memory, lock, kind, 0) === RW_RESULT.acquired
                ? GRANT.done
                : kit.wait(kit.rwWait(kind), lock);
          }
          releaseRw(kit.memory, lock, kind);
        };
      kit.victim("T1", pass(READ));
      kit.victim("T2", pass(WRITE));
      kit.thread("T3", pass(WRITE));
      kit.reaper();
      kit.reaper(1);
      return () => emptyList(kit, lock + RWLOCK.list);
    },
    0,
  ),
];

export const endingScenarios: readonly Scenario[] = [
  lockWaiter("who waits for a lock"),
  lockWaiter("who waits for a lock, with a timeout", { deadline: SOON }),
  lockWaiter("who waits for a lock on an event loop", { onLoop: true }),
  lockWaiter("who takes back a condition's lock", {}, true),
  permitWaiter("who waits for a permit"),
  permitWaiter("who waits for a permit on an event loop", { onLoop: true }),
  permitWaiter("who waits for a permit is only interrupted", {}, true),
  permitWaiter("who waits for a permit, with a timeout, is only interrupted", { deadline: SOON }, true),
  queueWaiter("who gets from a queue", false),
  queueWaiter("who gets from a queue on an event loop", false, { onLoop: true }),
  queueWaiter("who puts into a full queue", true),
  queueWaiter("who puts into a full queue on an event loop", true, { onLoop: true }),
  writerBetweenReaders(),
  notifiedOrCancelled(),
  ...deaths,
];
