/** Planted bugs: one change of the real source each, and the scenarios of which at least one must fail. */

import type { Edit } from "./link.ts";

export interface Mutant {
  readonly name: string;
  readonly edit: Edit;
  /** Scenarios whose names begin like this, in the order in which they are tried. */
  readonly scenarios: readonly string[];
}

function mutant(file: string, name: string, find: string | RegExp, replace: string, ...scenarios: string[]): Mutant {
  return { name: `${file}: ${name}`, edit: { file: `core/raw/${file}.js`, find, replace }, scenarios };
}

const guard: readonly Mutant[] = [
  mutant("guard", "wakes nobody when it opens", "memory.notify(guard, 1)", "undefined", "guard: 2"),
  mutant("guard", "taken without the bit although others sleep", /0, held \| 1\) === 0/, "0, held) === 0", "guard: 3"),
  mutant("guard", "sleeps without saying so", /if \(\(seen & 1\) === 0 && .*/, "", "guard: 2"),
  mutant(
    "guard",
    "taken over from the living",
    "if (!isAlive(memory, seen >>> 1) || (slept && memory.isGone?.(seen >>> 1) === true))",
    "if (true)",
    "guard: 2",
  ),
  mutant(
    "guard",
    "never taken over from the dead",
    "if (!isAlive(memory, seen >>> 1) || (slept && memory.isGone?.(seen >>> 1) === true))",
    "if (false)",
    "lock: 2 threads, a kill",
  ),
  mutant(
    "guard",
    "taken by a plain store",
    "compareExchange(memory.words, guard, 0, memory.self << 1) === 0",
    "load(memory.words, guard) === 0 && (exchange(memory.words, guard, memory.self << 1), true)",
    "guard: 2",
  ),
  mutant(
    "guard",
    "stays closed when somebody sleeps",
    "(exchange(memory.words, guard, 0) & 1) !== 0",
    "compareExchange(memory.words, guard, memory.self << 1, 0) !== memory.self << 1",
    "guard: 2",
  ),
];

const list: readonly Mutant[] = [
  mutant(
    "wait-list",
    "a grant is not written into the slot",
    "store(memory.words, slot + SLOT.state, SLOT_STATE.granted);\n}",
    "}",
    "event: 2 wait",
  ),
  mutant(
    "wait-list",
    "a blocked waiter is not woken",
    "memory.notify(slot + SLOT.state, 1);\n        return;",
    "return;",
    "event: 2 wait",
  ),
  mutant(
    "wait-list",
    "an event loop is not rung",
    "memory.wakeLoop(record)",
    "undefined",
    "semaphore: on an event loop",
  ),
  mutant(
    "wait-list",
    "the tail stays when the last goes",
    /if \(next === 0\)\s+store\(memory.words, list \+ LIST.tail, previous\);\s+else/,
    "if (next !== 0)",
    "semaphore: 2 take",
    "semaphore: 3",
  ),
  mutant(
    "wait-list",
    "a cancelled wait is not looked for under the guard",
    "const waiting = takeOut(memory, list, slot);",
    "const waiting = (unlink(memory, list, slot), store(memory.words, slot + SLOT.state, SLOT_STATE.free), true);",
    "semaphore: on an event loop",
    "semaphore: 2 take",
  ),
  mutant(
    "wait-list",
    "a wait is cancelled without the guard",
    /lockList\(memory, list\);\s+const waiting = takeOut\(memory, list, slot\);\s+unlockList\(memory, list\);/,
    "const waiting = takeOut(memory, list, slot);",
    "semaphore: 2 take",
    "event: 2 wait",
  ),
  mutant(
    "wait-list",
    "a grant that was interrupted is not completed",
    "if (load(memory.words, slot + SLOT.granter) !== dead)",
    "if (true)",
    "event: who sets is killed",
    "queue: ",
  ),
  mutant(
    "wait-list",
    "a new waiter replaces the others",
    "store(memory.words, tail + SLOT.next, slot);",
    "store(memory.words, list + LIST.head, slot);",
    "semaphore: 2 take",
    "event: 2 wait",
  ),
];

const given: readonly Mutant[] = [
  mutant(
    "wait-list",
    "a lock that is being handed over can be given up",
    "|| load(memory.words, slot + SLOT.value) === GRANT.moving",
    "",
    "lock: an event loop's with a timeout",
  ),
];

const lock: readonly Mutant[] = [
  mutant(
    "lock",
    "waiters do not mark the word",
    /if \(\(seen & WAITERS\) === 0 && compareExchange.*\n\s+continue;/,
    "",
    "lock: 3 threads x 1",
  ),
  mutant(
    "lock",
    "taken when it was found free by somebody who did not look for that",
    "before === 0 ? compareExchange(memory.words, word, 0, mine) : before",
    "before",
    "condition: a timeout leaves",
  ),
  mutant(
    "lock",
    "who comes to wait overlooks that another has marked it",
    "return (load(memory.words, lock + LOCK.word) & POISONED) !== 0;",
    "return false;",
    "lock: 3 threads, who releases",
  ),
  mutant(
    "lock",
    "released by a plain store",
    "if (compareExchange(memory.words, word, mine, 0) === mine)",
    "if (store(memory.words, word, 0), true)",
    "lock: 3 threads x 1",
  ),
  mutant(
    "lock",
    "the mark is lost when one of several goes",
    /const more = load.*\? 0 : WAITERS;/,
    "const more = 0;",
    "lock: 3 threads on event loops",
  ),
  mutant(
    "lock",
    "handed over without naming the new owner",
    "(load(memory.words, slot + SLOT.tid) << 2) | more",
    "more",
    "lock: 2 threads on event loops",
    "lock: 3 threads x 1",
  ),
  mutant(
    "lock",
    "anybody may take a held lock",
    "if (seen >>> 2 !== 0)\n            return ownerIsGone",
    "if (seen >>> 2 === -1)\n            return ownerIsGone",
    "lock: 3 threads x 1",
  ),
  mutant(
    "lock",
    "handed over without the mark",
    "store(memory.words, slot + SLOT.value, GRANT.moving);",
    "",
    "lock: an event loop's, a kill",
  ),
  mutant(
    "lock",
    "the owner's death is not looked at again",
    "const died = isBroken(memory, lock) && takeOut(memory, list, slot);",
    "const died = false;",
    "lock: 2 threads, a kill",
  ),
  mutant(
    "lock",
    "waiters do not hear of the owner's death",
    "grantAllAndUnlock(memory, lock + LOCK.list, () => GRANT.ownerDied);",
    "unlockList(memory, lock + LOCK.list);",
    "lock: 2 threads, a kill",
  ),
  mutant(
    "lock",
    "who was woken takes the wake-up along into death",
    /wakeNext\(memory, lock\);\s+return;/,
    "unlockList(memory, lock + LOCK.list); return;",
    "lock: 3 threads, who waits",
  ),
];

const woken: readonly Mutant[] = [
  mutant(
    "lock",
    "taken from whoever was faster",
    "if (seen === 0)\n        return LOCK_RESULT.acquired;\n    for (;;) {",
    "for (;;) {\n        if (seen === 0)\n            return LOCK_RESULT.acquired;",
    "lock: free, and marked",
  ),
  mutant(
    "lock",
    "the death of who was woken is not looked at again",
    "if (woken !== 0 && !isOrphaned(memory, woken))",
    "if (woken !== 0)",
    "lock: 2 wait, its owner takes it again, who",
  ),
  mutant(
    "lock",
    "who was woken never says that it has tried",
    "store(memory.words, lock + LOCK.woken, 0);\n    for (;;)",
    "{ }\n    for (;;)",
    "lock: 2 wait",
  ),
  mutant(
    "lock",
    "who was woken forgets those behind it",
    "if (hasLost && result === LOCK_RESULT.acquired && first(memory, list) !== 0)",
    "if (false)",
    "lock: 2 wait",
  ),
  mutant(
    "lock",
    "those behind who was woken and died are nobody's business",
    /while \(\(seen & WAITERS\) === 0\) \{[^}]+\}/,
    "",
    "lock: 2 wait, its owner takes it again, who",
    "lock: 3 threads, who waits",
  ),
];

const semaphore: readonly Mutant[] = [
  mutant(
    "semaphore",
    "taken although others wait",
    "if ((seen & WAITERS) !== 0)\n            return acquireUnderGuard",
    "if (false)\n            return acquireUnderGuard",
    "semaphore: 3",
    "semaphore: 2 take",
  ),
  mutant(
    "semaphore",
    "permits left over are dropped",
    "((permits + left) << 1)",
    "(permits << 1)",
    "semaphore: 2 take",
  ),
  mutant(
    "semaphore",
    "the mark goes although some still wait",
    /\(first\(memory, list\) === 0 \? 0 : WAITERS\)/,
    "0",
    "semaphore: 3",
  ),
  mutant(
    "semaphore",
    "waiters do not mark the word",
    "seen | WAITERS) !== seen",
    "seen) !== seen",
    "semaphore: 3",
    "semaphore: on",
  ),
  mutant(
    "semaphore",
    "taken by load and store",
    "if (compareExchange(memory.words, word, seen, seen - 2) === seen)",
    "if (store(memory.words, word, seen - 2), true)",
    "semaphore: 2 threads x 2",
    "semaphore: 3",
  ),
  mutant(
    "semaphore",
    "the bound is read once",
    "if (bound >= 0 && (seen >>> 1) + n > bound)",
    "if (bound >= 0 && (seen >>> 1) + n > bound + 1)",
    "semaphore: a bound",
  ),
  mutant(
    "semaphore",
    "a dead waiter's permit is lost",
    "releasePermits(memory, semaphore, 1);",
    "",
    "semaphore: who waits",
  ),
];

const rest: readonly Mutant[] = [
  mutant(
    "event",
    "the flag is read before the guard is taken",
    /lockList\(memory, list\);\s+const set = isEventSet\(memory, event\);/,
    "const set = isEventSet(memory, event); lockList(memory, list);",
    "event: 1 waits",
  ),
  mutant(
    "event",
    "what a dead thread began to set stays half set",
    "if (isEventSet(memory, event))\n        grantAll",
    "if (false)\n        grantAll",
    "event: who sets",
  ),
  mutant(
    "event",
    "set releases one",
    "grantAllAndUnlock(memory, event + EVENT.list, () => GRANT.done);\n}\n/** For",
    "unlockList(memory, event + EVENT.list);\n}\n/** For",
    "event: 2 wait",
  ),
  mutant("condition", "notify forgets one", "left > 0", "left > 1", "condition: 1 waits"),
  mutant("condition", "notify does not wake", "wakeAll(memory, woken);", "", "condition: 1 waits"),
  mutant(
    "barrier",
    "a party too few",
    "count(memory, list) + 1 < parties",
    "count(memory, list) + 2 < parties",
    "barrier: 3 parties",
  ),
  mutant(
    "barrier",
    "a round that is over is not over",
    "store(memory.words, barrier + BARRIER.state, BARRIER_STATE.filling);\n    unlockList",
    "unlockList",
    "barrier: 2 parties x 2 rounds",
  ),
  mutant(
    "barrier",
    "who dies while it lets the others go leaves them",
    "state === BARRIER_STATE.releasing ||",
    "",
    "barrier: the last",
  ),
  mutant(
    "barrier",
    "a timeout breaks nothing",
    /breakAndUnlock\(memory, barrier, BARRIER_STATE\.broken\);\s+return true;/,
    "unlockList(memory, barrier + BARRIER.list);\n    return true;",
    "barrier: a timeout",
  ),
  mutant(
    "barrier",
    "late arrivals wait for a dead runner",
    "if (state === BARRIER_STATE.action && isOrphaned(memory, runner))",
    "if (false)",
    "barrier: of 1 party",
  ),
];

const seek: readonly Mutant[] = [
  mutant(
    "seek",
    "an offer leaves those who sleep asleep",
    "if (load(memory.words, queue + QUEUE.seeking) === 0)",
    "if (false)",
    "seek: 1 offers 2",
  ),
  mutant(
    "seek",
    "whoever found a cell does not tell of the others",
    /function rouse\(memory, queue\) \{/,
    "$&if (memory.engine.current.name !== 'T1') return;",
    "seek: 1 offers 2",
  ),
];

const queue: readonly Mutant[] = [
  mutant(
    "queue",
    "a put does not look for getters",
    /if \(load\(memory\.words, queue \+ QUEUE\.getters \+ LIST\.head\) === 0\)/,
    "if (true)",
    "queue: 2 put",
  ),
  mutant(
    "queue",
    "a get does not look for putters",
    /if \(load\(memory\.words, queue \+ QUEUE\.putters \+ LIST\.head\) === 0\)/,
    "if (true)",
    "queue: of size 1, 1 puts 2",
  ),
  mutant(
    "queue",
    "a getter is served without the mark",
    "store(memory.words, getter + SLOT.value, GRANT.moving);",
    "",
    "queue: who puts is killed",
  ),
  mutant(
    "queue",
    "a putter is admitted without the mark",
    "store(memory.words, putter + SLOT.value, GRANT.moving);",
    "",
    "queue: of size 1, who gets is killed",
  ),
  mutant(
    "queue",
    "a putter's cell stays in its slot",
    "store(memory.words, putter + SLOT.payload, 0);",
    "",
    "queue: of size 1, who puts is killed",
  ),
  mutant(
    "queue",
    "a dead getter keeps its item",
    "orderOf(memory, queue).putBack(memory, queue, cell, size(memory, queue));",
    "",
    "queue: who gets is killed",
  ),
  mutant(
    "ring",
    "one that grows forgets its first item",
    "let i = start; i !== ",
    "let i = start + 1; i !== ",
    "queue: the ring grows",
  ),
  mutant("ring", "it grows too late", "if (n <= mask)", "if (n <= mask + 1)", "queue: the ring grows"),
  mutant(
    "ends",
    "a put does not ask whether it concerns others",
    "if (words[queue + QUEUE.heedPuts] !== 0)",
    "if (false)",
    "queue: 2 put",
  ),
  mutant(
    "ends",
    "a get does not ask whether it concerns others",
    "if (words[queue + QUEUE.heedGets] !== 0)",
    "if (false)",
    "queue: of size 1, 1 puts 2",
  ),
  mutant("ends", "the limit is off by one", "maxsize - 1", "maxsize", "queue: at most 1", "queue: of size 1"),
  mutant("ends", "a get does not look whether there is an item", "if (puts === gets)", "if (false)", "queue: 2 put"),
  mutant(
    "ends",
    "a put overwrites what is in the ring",
    "if (((puts - gets) | 0) > most)",
    "if (false)",
    "queue: the ring grows",
  ),
  mutant(
    "ends",
    "an item is there before its cell is written",
    /memory\.words\[at\] = cell;\s+store\(memory\.words, queue \+ QUEUE\.puts, \(puts \+ 1\) \| 0\);/,
    "store(memory.words, queue + QUEUE.puts, (puts + 1) | 0); memory.words[at] = cell;",
    "queue: 2 put",
    "queue: who puts is killed",
  ),
  mutant(
    "queue",
    "a getter waits and puts do not heed it",
    "heedPuts(memory, queue);\n        enqueue",
    "enqueue",
    "queue: 2 put",
  ),
  mutant(
    "queue",
    "a putter waits and gets do not heed it",
    "heedBoth(memory, queue);",
    "",
    "queue: of size 1, 1 puts 2",
  ),
  mutant(
    "queue",
    "who leaves does not look whether others still wait",
    "const getters = words[queue + QUEUE.getters + LIST.head] !== 0;",
    "const getters = false;",
    "queue: 1 puts 2",
    "queue: 2 put",
  ),
  mutant(
    "queue",
    "it is shut down and puts do not heed it",
    "heedPuts(memory, queue);\n    store",
    "store",
    "queue: shut down",
  ),
  mutant(
    "queue",
    "a waiter enters under one guard",
    "lockList(memory, queue + QUEUE.putters);\n        if (!tookOver)",
    "if (!tookOver)",
    "queue: 2 put",
    "queue: 1 puts 2",
  ),
  mutant("queue", "joiners go too late", "left === 1", "left === 0", "queue: join"),
  mutant(
    "queue",
    "the limit is off by one",
    "maxsize > 0 && n >= maxsize",
    "maxsize > 0 && n > maxsize",
    "queue: at most 1 at once",
  ),
  mutant(
    "queue",
    "shutting down leaves getters",
    "for (let slot = first(memory, getters); slot !== 0; slot = first(memory, getters))",
    "for (let slot = 0; slot !== 0; )",
    "queue: shut down while 2 wait",
  ),
];

const priority: readonly Mutant[] = [
  mutant(
    "priority",
    "a put does not say that it began",
    "store(memory.words, queue + PRIORITY.operation, OPERATION.adding);",
    "",
    "priority: who puts is killed",
  ),
  mutant(
    "priority",
    "a get does not say that it began",
    "store(words, queue + PRIORITY.operation, OPERATION.removing);",
    "",
    "priority: who gets is killed",
    "priority: of size 1, who gets is killed",
  ),
  mutant(
    "priority",
    "a node is linked before it leads on",
    "store(words, link(queue, node, level), load(words, link(queue, path[level], level)));",
    "",
    "priority: 2 put",
    "priority: who puts is killed",
  ),
  mutant(
    "priority",
    "the lowest level is the last to lose a node's successor",
    "if (load(words, head) === node)",
    "if (level > 0)",
    "priority: 2 put",
  ),
  mutant(
    "priority",
    "the order is reversed",
    "if (order < 0)",
    "if (order > 0)",
    "priority: who puts is killed",
    "priority: 2 put",
  ),
  mutant(
    "queue",
    "what a dead thread began is not repaired",
    /order(Of\(memory, queue\))?\.repair\?\.\(memory, queue\);/g,
    "",
    "priority: who puts is killed",
    "priority: who gets is killed",
  ),
];

const rwlock: readonly Mutant[] = [
  mutant(
    "rwlock",
    "a reader looks for no writer",
    "load(memory.words, rwlock + RWLOCK.word) === 0 && (kind === READ ||",
    "(kind === READ ||",
    "rwlock: a reader and a writer",
  ),
  mutant(
    "rwlock",
    "a writer looks for no readers",
    "(kind === READ || shares(memory, rwlock) === 0)",
    "true",
    "rwlock: a reader and a writer",
  ),
  mutant(
    "rwlock",
    "a release tells nobody",
    "if (released && load(memory.words, rwlock + RWLOCK.list + LIST.head) !== 0)",
    "if (false)",
    "rwlock: 2 writers",
  ),
  mutant(
    "rwlock",
    "who gives up leaves others waiting",
    /const waiting = takeOut\(memory, rwlock \+ RWLOCK\.list, slot\);\s+settleAndUnlock\(memory, rwlock\);/,
    "const waiting = takeOut(memory, rwlock + RWLOCK.list, slot); unlockList(memory, rwlock + RWLOCK.list);",
    "rwlock: a writer gives up before a reader",
  ),
  mutant(
    "rwlock",
    "shares of the dead are kept",
    "store(memory.words, entry + 1, 0);\n        found = true;",
    "found = true;",
    "rwlock: a reader is killed, a writer",
  ),
  mutant(
    "rwlock",
    "a dead writer is not looked for",
    "if (writer !== 0 && isOrphaned(memory, writer))",
    "if (false)",
    "rwlock: a writer is killed, a",
  ),
  mutant(
    "rwlock",
    "handed over without the mark",
    "store(memory.words, slot + SLOT.value, GRANT.moving);",
    "",
    "rwlock: a reader is killed",
    "rwlock: a writer is killed",
  ),
];

export const mutants: readonly Mutant[] = [
  ...guard,
  ...list,
  ...given,
  ...lock,
  ...woken,
  ...semaphore,
  ...rest,
  ...seek,
  ...queue,
  ...priority,
  ...rwlock,
];
