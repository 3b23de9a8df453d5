/** Semaphores, events, conditions and barriers. */

import { BARRIER, BARRIER_STATE, CONDITION, EVENT, GRANT, LIST, SEMAPHORE } from "../../../src/core/layout.ts";
import type { WaitKind } from "../../../src/core/parker.ts";
import type { Step } from "../engine.ts";
import { EXPIRED, type Kit, NEVER, QUEUED, SOON } from "../kit.ts";
import type { Scenario } from "../scenario.ts";
import { lockWords, lockUser } from "./locks.ts";

function listEmpty(kit: Kit, list: number): string | undefined {
  return kit.value(list + LIST.head) === 0 ? undefined : "somebody stands in the list at the end";
}

// ── Semaphore ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface SemaphoreWords {
  readonly inside: number;
  readonly taken: number;
  readonly expired: number;
}

function semaphoreWords(kit: Kit): SemaphoreWords {
  return { inside: kit.word("inside"), taken: kit.word("taken"), expired: kit.word("expired") };
}

function take(kit: Kit, semaphore: number, words: SemaphoreWords, deadline: number, onLoop = false): Step {
  return () => {
    if (!kit.core.semaphore.tryAcquirePermit(kit.memory, semaphore)) {
      const wait = onLoop ? kit.waitOnLoop.bind(kit) : kit.wait.bind(kit);
      if (wait(kit.semaphoreWait, semaphore, deadline) === EXPIRED) {
        kit.note(words.expired);
        return;
      }
    }
    kit.note(words.taken);
  };
}

function give(kit: Kit, semaphore: number, n = 1): Step {
  return () => kit.expect(kit.core.semaphore.releasePermits(kit.memory, semaphore, n), "release was refused");
}

/** Takes and gives back, with no more than `most` inside. */
function pass(kit: Kit, semaphore: number, words: SemaphoreWords, most: number): Step {
  const enter = take(kit, semaphore, words, NEVER);
  return (local) => {
    enter(local);
    kit.expect(kit.note(words.inside) <= most, "too many hold a permit");
    kit.pause(words.inside);
    kit.note(words.inside, -1);
    give(kit, semaphore)(local);
  };
}

function permitsLeft(kit: Kit, semaphore: number, least: number, most: number): string | undefined {
  const left = kit.value(semaphore + SEMAPHORE.word) >>> 1;
  if (left < least || left > most) return `${left} permits are left instead of ${least} to ${most}`;
  return listEmpty(kit, semaphore + SEMAPHORE.list);
}

const semaphores: readonly Scenario[] = [
  {
    name: "semaphore: 2 threads x 2 share 1 permit",
    build(kit) {
      const s = kit.semaphore(1);
      const words = semaphoreWords(kit);
      for (const name of ["T1", "T2"]) kit.thread(name, pass(kit, s, words, 1), pass(kit, s, words, 1));
      kit.ready(() => permitsLeft(kit, s, 1, 1));
    },
    limits: { preemptions: 3 },
  },
  {
    name: "semaphore: 3 threads share 1 permit",
    build(kit) {
      const s = kit.semaphore(1);
      const words = semaphoreWords(kit);
      for (const name of ["T1", "T2", "T3"]) kit.thread(name, pass(kit, s, words, 1));
      kit.ready(() => permitsLeft(kit, s, 1, 1));
    },
    limits: { preemptions: 2 },
  },
  {
    name: "semaphore: 2 take, a timeout, 1 gives 2",
    build(kit) {
      const s = kit.semaphore(0);
      const words = semaphoreWords(kit);
      kit.thread("T1", take(kit, s, words, NEVER));
      kit.thread("T2", take(kit, s, words, SOON));
      kit.thread("T3", give(kit, s, 2));
      kit.ready(() => permitsLeft(kit, s, kit.value(words.expired), kit.value(words.expired)));
    },
    limits: { preemptions: 3 },
  },
  {
    name: "semaphore: on an event loop, a timeout",
    build(kit) {
      const s = kit.semaphore(0);
      const words = semaphoreWords(kit);
      kit.thread("T1", take(kit, s, words, SOON, true));
      kit.thread("T2", give(kit, s));
      kit.ready(() => permitsLeft(kit, s, kit.value(words.expired), kit.value(words.expired)));
    },
  },
  {
    name: "semaphore: a bound holds against 2 who give",
    build(kit) {
      const s = kit.semaphore(1, 2);
      const refused = kit.word("refused");
      for (const name of ["T1", "T2"]) {
        kit.thread(name, () => {
          if (!kit.core.semaphore.releasePermits(kit.memory, s, 1)) kit.note(refused);
        });
      }
      kit.ready(() => permitsLeft(kit, s, 2, 2) ?? (kit.value(refused) === 1 ? undefined : "the bound was not kept"));
    },
  },
  {
    name: "semaphore: 2 threads share 1 permit, 1 is killed",
    build(kit) {
      const s = kit.semaphore(1);
      const words = semaphoreWords(kit);
      kit.victim("T1", pass(kit, s, words, 1));
      const other = kit.thread("T2", pass(kit, s, words, 1), pass(kit, s, words, 1));
      // A permit dies with whoever has it in its hand.
      other.mayWait = () => kit.killed;
      kit.reaper();
      kit.ready(() => (kit.killed ? undefined : permitsLeft(kit, s, 1, 1)));
    },
    limits: { preemptions: 2 },
  },
  {
    name: "semaphore: who waits is killed",
    build(kit) {
      const s = kit.semaphore(0);
      const words = semaphoreWords(kit);
      const queued = kit.word("queued");
      const kind: WaitKind = {
        ...kit.semaphoreWait,
        enter(memory, semaphore, slot, blocking) {
          const result = kit.semaphoreWait.enter(memory, semaphore, slot, blocking);
          if (result === QUEUED) kit.note(queued);
          return result;
        },
      };
      const victim = kit.victim("T1", () => {
        kit.wait(kind, s);
        kit.note(words.taken);
      });
      const other = kit.thread("T2", take(kit, s, words, NEVER));
      kit.thread("T3", give(kit, s));
      // One permit for two: it must reach the living, unless the dead had taken it already.
      victim.mayWait = other.mayWait = () => kit.value(words.taken) === 1 || (kit.killed && kit.value(queued) === 0);
      kit.reaper();
      kit.ready(() => (kit.value(s + SEMAPHORE.word) >>> 1 === 0 ? undefined : "a permit is left"));
    },
    limits: { preemptions: 1 },
  },
  {
    name: "semaphore: who gives is killed",
    build(kit) {
      const s = kit.semaphore(0);
      const words = semaphoreWords(kit);
      kit.victim("T1", give(kit, s));
      kit.thread("T2", take(kit, s, words, NEVER));
      kit.thread("T3", give(kit, s));
      kit.reaper();
      kit.ready(() => permitsLeft(kit, s, kit.killed ? 0 : 1, 1));
    },
    limits: { preemptions: 1 },
  },
];

// ── Event ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function awaitEvent(kit: Kit, event: number, deadline: number): Step {
  return () => {
    const result = kit.wait(kit.eventWait, event, deadline);
    kit.expect(result === GRANT.done || (deadline === SOON && result === EXPIRED), `result ${result}`);
  };
}

const events: readonly Scenario[] = [
  {
    name: "event: 1 waits, 1 sets",
    build(kit) {
      const event = kit.event();
      kit.thread("T1", awaitEvent(kit, event, NEVER));
      kit.thread("T2", () => kit.core.event.setEvent(kit.memory, event));
      kit.ready(() => listEmpty(kit, event + EVENT.list));
    },
  },
  {
    name: "event: 2 wait, one with a timeout, 1 sets",
    build(kit) {
      const event = kit.event();
      kit.thread("T1", awaitEvent(kit, event, NEVER));
      kit.thread("T2", awaitEvent(kit, event, SOON));
      kit.thread("T3", () => kit.core.event.setEvent(kit.memory, event));
      kit.ready(() => listEmpty(kit, event + EVENT.list));
    },
    limits: { preemptions: 2 },
  },
  {
    name: "event: set and clear release who waited",
    build(kit) {
      const event = kit.event();
      const waiting = kit.word("waiting");
      // The second set is for whoever was late for the first.
      kit.thread("T1", awaitEvent(kit, event, NEVER));
      kit.thread("T2", () => {
        const { list, event: events } = kit.core;
        list.lockList(kit.memory, event + EVENT.list);
        kit.note(waiting, list.count(kit.memory, event + EVENT.list));
        list.unlockList(kit.memory, event + EVENT.list);
        events.setEvent(kit.memory, event);
        events.clearEvent(kit.memory, event);
      }).mayWait = () => false;
      kit.engine.threads[0]!.mayWait = () => kit.value(waiting) === 0;
      kit.ready();
    },
  },
  {
    name: "event: 1 waits and is killed, 1 sets",
    build(kit) {
      const event = kit.event();
      kit.victim("T1", awaitEvent(kit, event, NEVER));
      kit.thread("T2", () => kit.core.event.setEvent(kit.memory, event), awaitEvent(kit, event, NEVER));
      kit.reaper();
      kit.ready(() => listEmpty(kit, event + EVENT.list));
    },
  },
  {
    name: "event: who sets is killed",
    build(kit) {
      const event = kit.event();
      const unset = (): boolean => kit.value(event + EVENT.flag) === 0;
      kit.victim("T1", () => kit.core.event.setEvent(kit.memory, event));
      kit.thread("T2", awaitEvent(kit, event, NEVER)).mayWait = unset;
      kit.thread("T3", awaitEvent(kit, event, NEVER)).mayWait = unset;
      kit.reaper();
      kit.ready();
    },
    limits: { preemptions: 1 },
  },
  {
    name: "event: who waits is killed",
    build(kit) {
      const event = kit.event();
      kit.victim("T1", awaitEvent(kit, event, NEVER));
      kit.thread("T2", awaitEvent(kit, event, SOON));
      kit.thread("T3", () => kit.core.event.setEvent(kit.memory, event));
      kit.reaper();
      kit.ready(() => listEmpty(kit, event + EVENT.list));
    },
    limits: { preemptions: 1 },
  },
];

// ── Condition ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Guarded {
  readonly lock: number;
  readonly condition: number;
  /** What is waited for: a number of items, protected by the lock. */
  readonly items: number;
}

function guarded(kit: Kit): Guarded {
  const lock = kit.lock();
  return { lock, condition: kit.condition(lock), items: kit.word("items") };
}

/** Takes the lock; a dead owner's is recovered. */
function enter(kit: Kit, lock: number, first = true): void {
  const { tryLock, recoverLock, LOCK_RESULT } = kit.core.lock;
  let result: number = GRANT.done;
  if (!first || tryLock(kit.memory, lock) !== LOCK_RESULT.acquired) result = kit.wait(kit.lockWait, lock);
  while (result === GRANT.ownerDied) {
    if (recoverLock(kit.memory, lock)) return;
    result = kit.wait(kit.lockWait, lock);
  }
}

function consume(kit: Kit, { lock, condition, items }: Guarded, deadline = NEVER): Step {
  return () => {
    const { engine } = kit;
    enter(kit, lock);
    while (engine.load(items) === 0) {
      const result = kit.wait(kit.conditionWait(lock), condition, deadline);
      enter(kit, lock, false);
      if (result === EXPIRED) break;
    }
    const n = engine.load(items);
    if (n > 0) engine.store(items, n - 1);
    kit.core.lock.unlock(kit.memory, lock);
  };
}

function produce(kit: Kit, { lock, condition, items }: Guarded, n: number): Step {
  return () => {
    const { engine } = kit;
    enter(kit, lock);
    engine.store(items, engine.load(items) + n);
    kit.core.condition.notifyWaiters(kit.memory, condition, n);
    kit.core.lock.unlock(kit.memory, lock);
  };
}

const conditions: readonly Scenario[] = [
  {
    name: "condition: 1 waits, 1 notifies",
    build(kit) {
      const g = guarded(kit);
      kit.thread("T1", consume(kit, g));
      kit.thread("T2", produce(kit, g, 1));
      kit.ready(() => listEmpty(kit, g.condition + CONDITION.list));
    },
    limits: { preemptions: 4 },
  },
  {
    name: "condition: 2 wait, 1 notifies both",
    build(kit) {
      const g = guarded(kit);
      kit.thread("T1", consume(kit, g));
      kit.thread("T2", consume(kit, g));
      kit.thread("T3", produce(kit, g, 2));
      kit.ready(() => listEmpty(kit, g.condition + CONDITION.list));
    },
    limits: { preemptions: 2 },
  },
  {
    name: "condition: a timeout leaves the notification to the other",
    build(kit) {
      const g = guarded(kit);
      kit.thread("T1", consume(kit, g, SOON));
      kit.thread("T2", consume(kit, g));
      kit.thread("T3", produce(kit, g, 1), produce(kit, g, 1));
      kit.ready(() => listEmpty(kit, g.condition + CONDITION.list));
    },
    limits: { preemptions: 1 },
  },
  {
    name: "condition: 1 waits and is killed, 1 notifies",
    build(kit) {
      const g = guarded(kit);
      kit.victim("T1", consume(kit, g));
      kit.thread("T2", produce(kit, g, 1));
      kit.reaper();
      kit.ready(() => listEmpty(kit, g.condition + CONDITION.list));
    },
    limits: { preemptions: 2 },
  },
  {
    name: "condition: who waits is killed",
    build(kit) {
      const g = guarded(kit);
      kit.victim("T1", consume(kit, g));
      kit.thread("T2", consume(kit, g));
      kit.thread("T3", produce(kit, g, 1), produce(kit, g, 1));
      kit.reaper();
      kit.ready(() => listEmpty(kit, g.condition + CONDITION.list));
    },
    limits: { preemptions: 0 },
  },
];

// ── Barrier ──────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Round {
  readonly barrier: number;
  /** Sum of the places that the parties of complete rounds got. */
  readonly places: number;
  readonly complete: number;
  readonly broken: number;
}

function round(kit: Kit, parties: number, action = false): Round {
  const barrier = kit.barrier(parties, action);
  return { barrier, places: kit.word("places"), complete: kit.word("complete"), broken: kit.word("broken") };
}

function meet(kit: Kit, { barrier, places, complete, broken }: Round, deadline = NEVER): Step {
  return () => {
    const { ARRIVAL, finishAction, generationOf } = kit.core.barrier;
    let result = kit.wait(kit.barrierWait, barrier, deadline);
    if (result === ARRIVAL.runAction) {
      const generation = generationOf(kit.memory, barrier);
      kit.pause(places);
      result = finishAction(kit.memory, barrier, generation, false);
    }
    if (result >= 0) {
      kit.note(places, result);
      kit.note(complete);
    } else {
      const ends: readonly number[] = [GRANT.broken, ARRIVAL.broken, EXPIRED];
      kit.expect(ends.includes(result), `result ${result}`);
      kit.note(broken);
    }
  };
}

/** All rounds were complete, with the places 0 … parties-1 in each. */
function complete(kit: Kit, r: Round, rounds: number): string | undefined {
  const parties = kit.value(r.barrier + BARRIER.parties);
  const places = (rounds * parties * (parties - 1)) / 2;
  if (kit.value(r.broken) !== 0) return `${kit.value(r.broken)} found the barrier broken`;
  if (kit.value(r.places) !== places) return `the places add up to ${kit.value(r.places)} instead of ${places}`;
  return listEmpty(kit, r.barrier + BARRIER.list);
}

const barriers: readonly Scenario[] = [
  {
    name: "barrier: 2 parties x 2 rounds",
    build(kit) {
      const r = round(kit, 2);
      for (const name of ["T1", "T2"]) kit.thread(name, meet(kit, r), meet(kit, r));
      kit.ready(() => complete(kit, r, 2));
    },
    limits: { preemptions: 4 },
  },
  {
    name: "barrier: 3 parties",
    build(kit) {
      const r = round(kit, 3);
      for (const name of ["T1", "T2", "T3"]) kit.thread(name, meet(kit, r));
      kit.ready(() => complete(kit, r, 1));
    },
    limits: { preemptions: 3 },
  },
  {
    name: "barrier: 2 parties x 2 rounds with an action",
    build(kit) {
      const r = round(kit, 2, true);
      for (const name of ["T1", "T2"]) kit.thread(name, meet(kit, r), meet(kit, r));
      kit.ready(() => complete(kit, r, 2));
    },
    limits: { preemptions: 2 },
  },
  {
    name: "barrier: a timeout breaks it for all or for none",
    build(kit) {
      const r = round(kit, 2);
      kit.thread("T1", meet(kit, r, SOON));
      kit.thread("T2", meet(kit, r));
      kit.ready(() => {
        const broken = kit.value(r.broken);
        return broken === 0 || broken === 2 ? listEmpty(kit, r.barrier + BARRIER.list) : "broken for one only";
      });
    },
  },
  {
    name: "barrier: 2 meet, a third aborts",
    build(kit) {
      const r = round(kit, 2);
      for (const name of ["T1", "T2"]) kit.thread(name, meet(kit, r));
      kit.thread("T3", () => kit.core.barrier.abortBarrier(kit.memory, r.barrier));
      kit.ready(() => {
        const broken = kit.value(r.broken);
        if (kit.value(r.barrier + BARRIER.state) !== BARRIER_STATE.broken) return "not broken after an abort";
        return broken === 0 || broken === 2 ? listEmpty(kit, r.barrier + BARRIER.list) : "broken for one only";
      });
    },
    limits: { preemptions: 2 },
  },
  {
    name: "barrier: the last to arrive is killed",
    build(kit) {
      const r = round(kit, 3);
      // Two who wait for a third that died before it came wait for ever; never one alone.
      const waiting = (): boolean => kit.killed && kit.value(r.complete) === 0 && kit.value(r.broken) === 0;
      kit.thread("T1", meet(kit, r)).mayWait = waiting;
      kit.thread("T2", meet(kit, r)).mayWait = waiting;
      kit.victim("T3", meet(kit, r));
      kit.reaper();
      kit.ready();
    },
    limits: { preemptions: 1 },
  },
  {
    name: "barrier: of 1 party, who runs the action is killed",
    build(kit) {
      const r = round(kit, 1, true);
      kit.victim("T1", meet(kit, r));
      kit.thread("T2", meet(kit, r));
      kit.reaper();
      kit.ready();
    },
    limits: { preemptions: 2 },
  },
  {
    name: "barrier: who runs the action is killed",
    build(kit) {
      const r = round(kit, 2, true);
      const filling = (): boolean => kit.value(r.barrier + BARRIER.state) === BARRIER_STATE.filling;
      kit.victim("T1", meet(kit, r)).mayWait = filling;
      kit.thread("T2", meet(kit, r)).mayWait = filling;
      kit.thread("T3", meet(kit, r)).mayWait = filling;
      kit.reaper();
      kit.ready();
    },
    limits: { preemptions: 1 },
  },
];

/** A lock under a condition, taken through the lock's own list as well. */
const mixed: readonly Scenario[] = [
  {
    name: "condition: its lock is contended too",
    build(kit) {
      const g = guarded(kit);
      kit.thread("T1", consume(kit, g));
      kit.thread("T2", produce(kit, g, 1));
      kit.thread("T3", lockUser(kit, g.lock, lockWords(kit), {}));
      kit.ready(() => listEmpty(kit, g.condition + CONDITION.list));
    },
    limits: { preemptions: 2 },
  },
];

export const countingScenarios: readonly Scenario[] = [...semaphores, ...events, ...conditions, ...barriers, ...mixed];
