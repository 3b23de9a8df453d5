/** Readers-writer locks, with timeouts and kills. */

import { GRANT, LIST, RWLOCK } from "../../../src/core/layout.ts";
import type { Step } from "../engine.ts";
import { EXPIRED, type Kit, NEVER, SOON } from "../kit.ts";
import type { Scenario } from "../scenario.ts";

const READ = 1;
const WRITE = 2;

interface Words {
  readonly lock: number;
  /** Inside now, of those who cannot be killed. */
  readonly readers: number;
  readonly writers: number;
  readonly passed: number;
}

function setUp(kit: Kit): Words {
  return { lock: kit.rwlock(), readers: kit.word("readers"), writers: kit.word("writers"), passed: kit.word("passed") };
}

interface User {
  readonly deadline?: number;
  readonly onLoop?: boolean;
}

/** One pass through the lock; one whose writer died is recovered. */
function pass(kit: Kit, words: Words, way: number, { deadline = NEVER, onLoop = false }: User = {}): Step {
  const { recoverRw, releaseRw } = kit.core.rwlock;
  return () => {
    const wait = onLoop ? kit.waitOnLoop.bind(kit) : kit.wait.bind(kit);
    let result = wait(kit.rwWait(way), words.lock, deadline);
    let held = way;
    if (result === GRANT.ownerDied) {
      kit.expect(kit.killed, "a lock is marked, and nobody died");
      // Another may be faster: then it is intact again, and this thread goes without it.
      if (!recoverRw(kit.memory, words.lock)) return;
      [result, held] = [GRANT.done, WRITE];
    }
    if (result === EXPIRED) return;
    kit.expect(result === GRANT.done, `result ${result}`);
    const counted = !kit.engine.current!.victim;
    const inside = held === READ ? words.readers : words.writers;
    if (counted) {
      kit.note(inside);
      const [readers, writers] = [kit.value(words.readers), kit.value(words.writers)];
      kit.expect(writers <= 1 && (writers === 0 || readers === 0), `${readers} readers and ${writers} writers`);
    }
    kit.pause(words.lock + RWLOCK.word);
    if (counted) {
      kit.note(inside, -1);
      kit.note(words.passed);
    }
    kit.expect(releaseRw(kit.memory, words.lock, held), "what was held could not be released");
  };
}

function isFree(kit: Kit, { lock }: Words): string | undefined {
  if (kit.value(lock + RWLOCK.list + LIST.head) !== 0) return "somebody stands in the list at the end";
  const word = kit.value(lock + RWLOCK.word);
  if (word !== 0 && !kit.killed) return `the word is ${word} at the end`;
  const table = kit.value(lock + RWLOCK.readers);
  for (let i = 0; table !== 0 && i < kit.value(table + 1); i++) {
    const [tid, shares] = [kit.value(table + 2 + 2 * i), kit.value(table + 3 + 2 * i)];
    if (shares !== 0 && !(kit.killed && kit.engine.dead.includes(tid))) return `${tid} has ${shares} shares at the end`;
  }
  return undefined;
}

function scenario(
  name: string,
  users: readonly (readonly [way: number, user?: User])[],
  limits?: Scenario["limits"],
): Scenario {
  return {
    name: `rwlock: ${name}`,
    build(kit) {
      const words = setUp(kit);
      for (const [i, [way, user]] of users.entries()) kit.thread(`T${i + 1}`, pass(kit, words, way, user));
      const all = users.every(([, user]) => user?.deadline === undefined) ? users.length : 0;
      kit.ready(() => (kit.value(words.passed) < all ? "somebody never came through" : isFree(kit, words)));
    },
    ...(limits && { limits }),
  };
}

function withKill(name: string, victim: number, others: readonly number[]): Scenario {
  return {
    name: `rwlock: ${name}`,
    long: others.length > 1,
    build(kit) {
      const words = setUp(kit);
      kit.victim("T1", pass(kit, words, victim));
      for (const [i, way] of others.entries()) kit.thread(`T${i + 2}`, pass(kit, words, way));
      kit.reaper();
      kit.ready(() => isFree(kit, words));
    },
    limits: { preemptions: 1 },
  };
}

export const rwlockScenarios: readonly Scenario[] = [
  scenario("a reader and a writer", [[READ], [WRITE]]),
  scenario("2 writers", [[WRITE], [WRITE]]),
  scenario("2 readers and a writer", [[READ], [READ], [WRITE]], { preemptions: 2 }),
  scenario("a reader and 2 writers", [[READ], [WRITE], [WRITE]], { preemptions: 2 }),
  scenario("a writer gives up between readers", [[READ], [WRITE, { deadline: SOON }], [READ]], { preemptions: 2 }),
  {
    name: "rwlock: a writer gives up before a reader, while another reads on",
    build(kit) {
      const words = setUp(kit);
      kit.core.rwlock.acquireRw(kit.memory, words.lock, READ, 0);
      kit.thread("T1", pass(kit, words, WRITE, { deadline: SOON }));
      kit.thread("T2", pass(kit, words, READ));
      kit.ready(() => (kit.value(words.passed) === 1 ? undefined : "the reader never came through"));
    },
  },
  scenario("on event loops", [[WRITE], [READ, { onLoop: true }], [WRITE, { onLoop: true }]], { preemptions: 1 }),
  withKill("a reader is killed, a writer waits", READ, [WRITE]),
  withKill("a writer is killed, a writer waits", WRITE, [WRITE]),
  withKill("a writer is killed, a reader waits", WRITE, [READ]),
  withKill("a reader is killed, others wait", READ, [WRITE, READ]),
  withKill("a writer is killed, others wait", WRITE, [READ, WRITE]),
];
