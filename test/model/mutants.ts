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
    "if (before === seen)",
    "if (before === seen || before === 0)",
    "lock: 3 threads x 1, with a stale mark",
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

const lookout: readonly Mutant[] = [
  mutant(
    "lookout",
    "a put trusts a lookout that has gone",
    "else if (hasGivenUp(memory, ring))",
    "else if (false)",
    "lookout: 2 put",
    "lookout: 1 puts 2",
  ),
  mutant(
    "lookout",
    "it leaves the others asleep",
    /if \(load\(memory\.words, ring \+ QUEUE\.getters \+ LIST\.head\) !== 0\)/,
    "if (false)",
    "lookout: 1 puts 2",
  ),
  mutant(
    "lookout",
    "nobody relieves the dead",
    "compareExchange(memory.words, memory.reach(ring) + QUEUE.lookout, dead, 0);",
    "",
    "lookout: who looks is killed",
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

const channel: readonly Mutant[] = [
  mutant(
    "channel",
    "a put does not tell who watches",
    /const added = fifo\.add\(memory, queue, cell, n\);\s+tellWatchers\(memory, queue\);/,
    "const added = fifo.add(memory, queue, cell, n);",
    "channel: 1 watches",
  ),
  mutant(
    "channel",
    "who watches is not told again after a death, nor of the end",
    "if (!isEmpty || load(words, queue + QUEUE.shut) !== 0)",
    "if (false)",
    "channel: 1 hangs up",
    "channel: who puts is killed",
  ),
  mutant("channel", "who watches does not look again", "() => GRANT.retry", "() => GRANT.none", "channel: 1 watches"),
  mutant(
    "queue",
    "who comes to watch does not see the end",
    /const ready = size\(memory, queue\) > 0 \|\| load\(memory\.words, queue \+ QUEUE\.shut\) !== 0;/,
    "const ready = size(memory, queue) > 0;",
    "channel: 1 hangs up",
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

const map: readonly Mutant[] = [
  mutant(
    "map",
    "a reader does not retain what it reads",
    "add(memory.words, memory.reach(cell) + OBJECT.references, 1);",
    "memory.reach(cell);",
    "map: 1 sets, 1 removes",
    "map: 2 replace",
  ),
  mutant(
    "map",
    "a reader retains outside of the guard",
    /if \(isMessage\(cell\) && cell !== 0\)\s+(add\(.*\);)\s+unlockGuard\(memory, stripe\);/,
    "unlockGuard(memory, stripe); if (isMessage(cell) && cell !== 0) $1",
    "map: 1 sets, 1 removes",
    "map: 2 replace",
  ),
  mutant(
    "map",
    "a value is written whatever its version",
    "if (expected !== ANY && expected !==",
    "if (false && expected !==",
    "map: 1 updates, 1 sets",
  ),
  mutant(
    "map",
    "a version stays when the value changes",
    "store(memory.words, entry + MAP_ENTRY.version, nextVersion(memory, stripe));\n        store(memory.words, entry + MAP_ENTRY.cell, cell);",
    "store(memory.words, entry + MAP_ENTRY.cell, cell);",
    "map: 1 updates, 1 sets",
  ),
  mutant(
    "map",
    "who removes takes the lock of an update along",
    "load(memory.words, memory.reach(found.lock) + OBJECT.references) > 1",
    "false",
    "map: 2 update, 1 removes",
  ),
  mutant(
    "map",
    "an update's reference is given back after the guard",
    "const references = add(memory.words, lock + OBJECT.references, -1);",
    "const references = load(memory.words, lock + OBJECT.references);",
    "map: 2 update x 2",
    "map: 1 updates, 1 removes",
  ),
  mutant(
    "map",
    "a key that others still update is forgotten",
    "const unused = references === 2 &&",
    "const unused = references >= 2 &&",
    "map: 2 update, 1 removes",
  ),
  mutant(
    "map",
    "an entry is in the table before it is complete",
    /store\(memory\.words, place, hash\);\s+store\(memory\.words, place \+ 1, entry\);/,
    "store(memory.words, place + 1, entry); store(memory.words, place, hash);",
    "map: who sets is killed",
    "map: who makes the table grow is killed",
    "map: 2 who set",
  ),
  mutant(
    "map",
    "nobody counts again after a death",
    "if (lockGuard(memory, stripe + MAP_STRIPE.guard))\n        recount",
    "if (lockGuard(memory, stripe + MAP_STRIPE.guard) && false)\n        recount",
    "map: who sets is killed",
    "map: who removes is killed",
  ),
  mutant(
    "map",
    "a table that grows forgets its first entry",
    "forEachEntry(memory, old, (entry) => {\n        const hash",
    "let first = true; forEachEntry(memory, old, (entry) => {\n        if (first) { first = false; return; }\n        const hash",
    "map: the table grows",
  ),
  mutant(
    "map",
    "a new table is there before its entries",
    /const table = allocZeroed\(memory, 2 \* capacity \+ 1\);\s+const mask = capacity - 1;\s+store\(memory\.words, table, mask\);/,
    "const table = allocZeroed(memory, 2 * capacity + 1); const mask = capacity - 1; store(memory.words, table, mask); store(memory.words, stripe + MAP_STRIPE.table, table);",
    "map: who makes the table grow is killed",
  ),
  mutant(
    "map",
    "a place that was freed ends the search",
    "if (there === 0)\n            return 0;",
    "if (there <= DELETED)\n            return 0;",
    "map: keys that begin at one place",
  ),
];

const endings: readonly Mutant[] = [
  mutant(
    "wait-list",
    "an interrupt overwrites a grant",
    /if \(compareExchange\(memory\.words, state, SLOT_STATE\.waiting, SLOT_STATE\.interrupted\) === SLOT_STATE\.waiting\)/,
    "if ((store(memory.words, state, SLOT_STATE.interrupted), true))",
    "cancel: who waits for a permit",
    "cancel: who waits for a lock",
  ),
  mutant(
    "wait-list",
    "an interrupt wakes nobody",
    /SLOT_STATE\.waiting\) \{\s+memory\.notify\(state, 1\);/,
    "SLOT_STATE.waiting) {",
    "cancel: a writer that waits",
  ),
  {
    name: "parker: who was interrupted does not wait on",
    edit: {
      file: "core/parker.js",
      find: /compareExchange\(memory\.words, state, SLOT_STATE\.interrupted, SLOT_STATE\.waiting\);\s+continue;/,
      replace: "return EXPIRED;",
    },
    scenarios: ["cancel: who waits for a permit is only interrupted"],
  },
  {
    name: "parker: who is cancelled does not look whether it was granted",
    edit: {
      file: "core/parker.js",
      find: /if \(this\.#cancel\(kind, object, slot, false\)\) \{\s+this\.#noticeCancel\(\);/,
      replace: "if (this.#cancel(kind, object, slot, false) || true) { this.#noticeCancel();",
    },
    scenarios: ["cancel: who waits for a permit", "cancel: who waits for a lock"],
  },
  {
    name: "parker: a cancelled wait stays in its list",
    edit: {
      file: "core/parker.js",
      find: /if \(this\.#cancel\(kind, object, slot, false\)\) \{\s+this\.#noticeCancel\(\);/,
      replace: "{ this.#noticeCancel();",
    },
    scenarios: ["cancel: who waits for a permit", "cancel: who waits for a lock"],
  },
  {
    name: "reaper: a dead thread's waits are left in their lists",
    edit: { file: "core/reaper.js", find: "passOnWait(memory, tid, slot);", replace: "void slot;" },
    scenarios: ["lock: 3 threads, who waits is killed", "semaphore: who waits is killed"],
  },
  {
    name: "reaper: who is buried half is not buried again",
    edit: {
      file: "core/reaper.js",
      find: "if (load(memory.words, record + RECORD.state) === THREAD_STATE.free)",
      replace: "if (load(memory.words, record + RECORD.state) !== THREAD_STATE.running)",
    },
    scenarios: ["deaths: of a lock's owner and of its reaper"],
  },
];

export const mutants: readonly Mutant[] = [
  ...guard,
  ...list,
  ...given,
  ...lock,
  ...woken,
  ...semaphore,
  ...rest,
  ...lookout,
  ...queue,
  ...channel,
  ...priority,
  ...rwlock,
  ...map,
  ...endings,
];
