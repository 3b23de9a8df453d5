/** Semaphores, events, conditions and barriers. */

import { BARRIER, BARRIER_STATE, CONDITION, EVENT, GRANT, LIST, SEMAPHORE, SLOT } from "../../../src/core/layout.ts";
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
function pass(kit: Kit, semaphore: number, words: SemaphoreWords, most: number, onLoop = false): Step {
  const enter = take(kit, semaphore, words, NEVER, onLoop);
  return (local) => {
    enter(local);
    leave(kit, semaphore, words, most);
  };
}

/** With a permit in hand: looks whether there are no more than `most`, and gives it back. */
function leave(kit: Kit, semaphore: number, words: SemaphoreWords, most: number): void {
  kit.expect(kit.note(words.inside) <= most, "too many hold a permit");
  kit.pause(semaphore + SEMAPHORE.word);
  kit.note(words.inside, -1);
  kit.expect(kit.core.semaphore.releasePermits(kit.memory, semaphore, 1), "release was refused");
}

function permitsLeft(kit: Kit, semaphore: number, least: number, most: number): string | undefined {
  const left = kit.value(semaphore + SEMAPHORE.word) >>> 2;
  if (left < least || left > most) return `${left} permits are left instead of ${least} to ${most}`;
  if (!kit.killed && kit.value(semaphore + SEMAPHORE.woken) !== 0) return "somebody is still to look for a permit";
  return listEmpty(kit, semaphore + SEMAPHORE.list);
}

/** Two wait; who gives the permit takes it again while the one that was woken is on its way. */
function takenAgain(name: string, { killed = false, onLoop = false }, limits: Scenario["limits"]): Scenario {
  return {
    name,
    limits,
    build(kit) {
      const s = kit.semaphore(0);
      const words = semaphoreWords(kit);
      kit.thread("T1", give(kit, s), pass(kit, s, words, 1));
      const second = killed ? kit.victim("T2", pass(kit, s, words, 1)) : kit.thread("T2", pass(kit, s, words, 1));
      const third = kit.thread("T3", take(kit, s, words, NEVER, onLoop), give(kit, s));
      // A permit dies with whoever has it in its hand; and nobody has it while it is in the word.
      const isGone = (): boolean => kit.killed && kit.value(s + SEMAPHORE.word) >>> 2 === 0;
      if (killed) {
        for (const each of [kit.engine.threads[0]!, second, third]) each.mayWait = isGone;
        kit.reaper();
      }
      kit.ready(() => (isGone() ? undefined : permitsLeft(kit, s, 1, 1)));
    },
  };
}

/** Two wait for one permit, and one of them may be killed. `hasLost`: that one wants to be handed it. */
function waiterKilled(name: string, hasLost: boolean): Scenario {
  return {
    name,
    limits: { preemptions: 1 },
    build(kit) {
      const s = kit.semaphore(0);
      const words = semaphoreWords(kit);
      const queued = kit.word("queued");
      const tried = kit.word("tried again");
      const handed = kit.word("handed");
      const kind: WaitKind = {
        ...kit.semaphoreWait,
        enter(memory, semaphore, slot, blocking) {
          if (hasLost) kit.core.list.askForHandOff(memory, slot);
          const result = kit.semaphoreWait.enter(memory, semaphore, slot, blocking);
          if (result === QUEUED) kit.note(queued);
          return result;
        },
        take(memory, slot) {
          if (memory.words[slot + SLOT.value] === GRANT.done) kit.note(handed);
        },
        again(memory, slot) {
          kit.note(tried);
          kit.semaphoreWait.again!(memory, slot);
        },
      };
      const victim = kit.victim("T1", () => {
        kit.wait(kind, s);
        kit.note(words.taken);
      });
      const other = kit.thread("T2", take(kit, s, words, NEVER));
      kit.thread("T3", give(kit, s));
      // It must reach the living, unless the dead had taken it already.
      const hasTaken = (): boolean =>
        kit.value(queued) === 0 ||
        kit.value(handed) > 0 ||
        (kit.value(tried) > 0 && kit.value(s + SEMAPHORE.word) >>> 2 === 0);
      victim.mayWait = other.mayWait = () => kit.value(words.taken) === 1 || (kit.killed && hasTaken());
      kit.reaper();
      kit.ready(() => (kit.value(s + SEMAPHORE.word) >>> 2 === 0 ? undefined : "a permit is left"));
    },
  };
}

function giverKilled(name: string, onLoop: boolean, limits: Scenario["limits"]): Scenario {
  return {
    name,
    limits,
    build(kit) {
      const s = kit.semaphore(0);
      const words = semaphoreWords(kit);
      kit.victim("T1", give(kit, s));
      kit.thread("T2", take(kit, s, words, NEVER, onLoop));
      kit.thread("T3", give(kit, s));
      kit.reaper();
      kit.ready(() => permitsLeft(kit, s, kit.killed ? 0 : 1, 1));
    },
  };
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
  takenAgain("semaphore: 2 wait, who gave takes it again", {}, { preemptions: 2 }),
  takenAgain("semaphore: 1 of 2 waits on an event loop, who gave takes it again", { onLoop: true }, { preemptions: 2 }),
  {
    ...takenAgain(
      "semaphore: 2 wait, who gave takes it again, who was woken is killed",
      { killed: true },
      { preemptions: 1 },
    ),
    long: true,
  },
  {
    name: "semaphore: 2 take, 2 give 1 each, and a third comes by",
    build(kit) {
      const s = kit.semaphore(0);
      const words = semaphoreWords(kit);
      kit.thread("T1", take(kit, s, words, NEVER));
      kit.thread("T2", take(kit, s, words, NEVER));
      kit.thread("T3", give(kit, s), give(kit, s), () => {
        if (!kit.core.semaphore.tryAcquirePermit(kit.memory, s)) return;
        give(kit, s)(undefined as never);
      });
      kit.ready(() => permitsLeft(kit, s, 0, 0));
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
  waiterKilled("semaphore: who waits is killed", false),
  waiterKilled("semaphore: who waits is killed, and had lost before", true),
  {
    name: "semaphore: who settles what a dead one left is killed",
    long: true,
    build(kit) {
      const s = kit.semaphore(0);
      const words = semaphoreWords(kit);
      const { lockList, unlockList } = kit.core.list;
      kit.victim("T1", () => {
        lockList(kit.memory, s + SEMAPHORE.list);
        kit.engine.store(s + SEMAPHORE.word, (1 << 2) | 1);
        unlockList(kit.memory, s + SEMAPHORE.list);
        kit.core.semaphore.settleSemaphore(kit.memory, s);
      });
      const isGone = (): boolean => kit.killed && kit.value(s + SEMAPHORE.word) >>> 2 === 0;
      kit.thread("T2", pass(kit, s, words, 1, true)).mayWait = isGone;
      kit.thread("T3", () => {
        if (kit.core.semaphore.tryAcquirePermit(kit.memory, s)) leave(kit, s, words, 1);
      });
      kit.reaper();
      kit.ready();
    },
    limits: { preemptions: 2 },
  },
  giverKilled("semaphore: who gives is killed", false, { preemptions: 1 }),
  giverKilled("semaphore: who gives to an event loop is killed", true, { preemptions: 2 }),
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
