/** SharedMap's table: values set, taken out, read and updated, a table that grows; with timeouts and kills. */

import {
  GRANT,
  LOCK,
  LOCK_WORDS,
  MAP,
  MAP_ENTRY,
  MAP_STRIPE,
  MAP_STRIPE_WORDS,
  OBJECT,
  STRIPES,
  TAG,
} from "../../../src/core/layout.ts";
import { encoded, encodeKey } from "../../../src/core/raw/map-key.ts";
import type { Step } from "../engine.ts";
import { EXPIRED, type Kit, NEVER, SOON } from "../kit.ts";
import type { Scenario } from "../scenario.ts";

/** Keys of one stripe, so that all of them meet. */
const KEYS: readonly number[] = keysOfOneStripe(8);

/** Two that also begin at the same place of its smallest table. */
const [X = 0, Y = 0]: readonly number[] = keysOfOneStripe(2, 8);

function keysOfOneStripe(n: number, places = 1): number[] {
  const bits = STRIPES * places - 1;
  const hashOf = (key: number): number => {
    encodeKey(key);
    return encoded.hash & bits;
  };
  const keys: number[] = [];
  for (let key = 0; keys.length < n; key++) if (hashOf(key) === hashOf(0)) keys.push(key);
  return keys;
}

const [A = 0, B = 0, C = 0] = KEYS;

/** Small numbers are their own cells. */
const small = (n: number): number => 2 * n + 1;

interface Words {
  readonly map: number;
  /** Values that lie in blocks of their own. */
  readonly boxes: number[];
  /** How many update the key now. */
  readonly inside: number;
}

function setUp(kit: Kit, boxes = 0): Words {
  const map = kit.map();
  // Entries with their keys, locks, and tables.
  kit.blocks = [MAP_ENTRY.data + 2, LOCK_WORDS, 2 * 8 + 1, 2 * 16 + 1];
  return { map, inside: kit.word("inside"), boxes: Array.from({ length: boxes }, (_, i) => kit.box(`box ${i}`)) };
}

/** Gives back a reference to a value that lies in a block. */
function giveBack(kit: Kit, cell: number): void {
  if (cell !== 0 && (cell & 1) === 0) kit.core.references.release(kit.memory, cell);
}

function set(kit: Kit, { map }: Words, key: number, cell: number): Step {
  return () => {
    const { setCell, found, ANY, SET } = kit.core.map;
    kit.expect(setCell(kit.memory, map, key, cell, ANY) === SET.done, "the value was refused");
    giveBack(kit, found.cell);
  };
}

function remove(kit: Kit, { map }: Words, key: number): Step {
  return () => {
    const { removeCell, found } = kit.core.map;
    if (!removeCell(kit.memory, map, key)) return;
    const { cell, lock } = found;
    giveBack(kit, cell);
    if (lock !== 0) kit.core.references.release(kit.memory, lock);
  };
}

/** Reads, and looks at the value outside of the guard, as decoding does. */
function read(kit: Kit, { map }: Words, key: number): Step {
  return () => {
    const cell = kit.core.map.readCell(kit.memory, map, key);
    if (cell === 0 || (cell & 1) === 1) return;
    kit.pause(cell + OBJECT.references);
    kit.expect(kit.note(cell + OBJECT.tag, 0) === TAG.box, "the value was freed while it was being read");
    giveBack(kit, cell);
  };
}

function size(kit: Kit, { map }: Words): Step {
  return () => void kit.core.map.mapSize(kit.memory, map);
}

/** As SharedMap.updateSync: adds 1 under the key's lock, again if the value changed meanwhile. */
function increase(kit: Kit, { map, inside }: Words, key: number, added: number, deadline = NEVER): Step[] {
  const { memory } = kit;
  return [
    (local) => {
      local.lock = kit.core.map.lockOfKey(memory, map, key);
    },
    (local) => {
      local.expired = lockKey(kit, local.lock!, deadline) ? 0 : 1;
      if (local.expired === 0) kit.expect(kit.note(inside) === 1 || kit.killed, "two update the key at once");
    },
    ({ lock, expired }) => {
      const { readCell, setCell, found, SET } = kit.core.map;
      if (expired === 1) return;
      for (;;) {
        kit.engine.label(lock);
        const cell = readCell(memory, map, key);
        const { version } = found;
        const n = cell === 0 ? 0 : (cell - 1) / 2;
        const set = setCell(memory, map, key, small(n + 1), version);
        if (set === SET.done) break;
        kit.expect(set === SET.changed, "the value was refused");
      }
      kit.note(added);
    },
    ({ lock, expired }) => {
      if (expired === 1) return;
      kit.note(inside, -1);
      kit.core.lock.unlock(memory, lock!);
    },
    ({ lock }) => {
      if (kit.core.map.forgetKey(memory, map, key, lock!)) kit.core.references.release(memory, lock!);
    },
  ];
}

/** False: the deadline passed. */
function lockKey(kit: Kit, lock: number, deadline: number): boolean {
  const { tryLock, recoverLock, LOCK_RESULT } = kit.core.lock;
  let result: number = tryLock(kit.memory, lock);
  for (;;) {
    if (result === LOCK_RESULT.acquired) return true;
    if (result === LOCK_RESULT.ownerDied) {
      kit.expect(kit.killed, "OwnerDied, although nobody died");
      if (recoverLock(kit.memory, lock)) return true;
    }
    const granted = kit.wait(kit.lockWait, lock, deadline);
    if (granted !== GRANT.ownerDied) return granted !== EXPIRED;
    result = LOCK_RESULT.ownerDied;
  }
}

// ── What must hold at the end ────────────────────────────────────────────────────────────────────────────────────────

interface Entry {
  readonly key: number;
  readonly cell: number;
  readonly lock: number;
}

interface Stripe {
  readonly entries: Entry[];
  readonly used: number;
}

const halves = new Int32Array(2);
const number = new Float64Array(halves.buffer);

function stripeAt(kit: Kit, stripe: number): Stripe {
  const table = kit.value(stripe + MAP_STRIPE.table);
  const entries: Entry[] = [];
  let used = 0;
  if (table === 0) return { entries, used };
  for (let i = 0; i <= kit.value(table); i++) {
    const entry = kit.value(table + 2 + 2 * i);
    if (entry !== 0) used++;
    if (entry <= 1) continue;
    halves[0] = kit.value(entry + MAP_ENTRY.data);
    halves[1] = kit.value(entry + MAP_ENTRY.data + 1);
    entries.push({
      key: number[0]!,
      cell: kit.value(entry + MAP_ENTRY.cell),
      lock: kit.value(entry + MAP_ENTRY.lock),
    });
  }
  return { entries, used };
}

/**
 * Each key stands there once, the counters are right, what is in the map is referred to once, and what is not is freed. Of
 * the dead, `lost` blocks may be left over.
 */
function intact(kit: Kit, { map, boxes }: Words, lost = 0): string | undefined {
  const inMap: number[] = [];
  for (let i = 0; i < STRIPES; i++) {
    const stripe = map + MAP.first + i * MAP_STRIPE_WORDS;
    const { entries, used } = stripeAt(kit, stripe);
    if (new Set(entries.map(({ key }) => key)).size < entries.length) return "a key stands in the map twice";
    for (const { key, cell, lock } of entries) {
      if (cell !== 0 && (cell & 1) === 0) inMap.push(cell);
      if (!kit.killed && cell === 0) return `the key ${key} was not forgotten`;
      if (lock === 0) continue;
      if (kit.value(lock) !== TAG.lock) return `the lock of ${key} was freed`;
      if (!kit.killed && kit.value(lock + OBJECT.references) !== 1) return `the lock of ${key} is still in use`;
      if (!kit.killed && kit.value(lock + LOCK.word) >>> 2 !== 0) return `the lock of ${key} is held`;
    }
    // Whoever comes next counts again.
    if (kit.value(stripe + MAP_STRIPE.guard) !== 0) continue;
    const live = entries.filter(({ cell }) => cell !== 0).length;
    if (kit.value(stripe + MAP_STRIPE.live) !== live)
      return `${live} values, counted as ${kit.value(stripe + MAP_STRIPE.live)}`;
    if (kit.value(stripe + MAP_STRIPE.used) !== used)
      return `${used} places, counted as ${kit.value(stripe + MAP_STRIPE.used)}`;
  }
  let left = 0;
  for (const [i, box] of boxes.entries()) {
    const isThere = inMap.includes(box);
    const references = kit.value(box + OBJECT.references);
    if (isThere && kit.value(box) !== TAG.box) return `box ${i} is in the map, and was freed`;
    if (isThere && references < 1) return `box ${i} is in the map, with ${references} references`;
    if (kit.value(box) === TAG.box && references !== (isThere ? 1 : 0)) left++;
  }
  const mayBe = kit.killed ? lost : 0;
  return left > mayBe ? `${left} values are referred to by nobody, and were not freed` : undefined;
}

function cellOf(kit: Kit, { map }: Words, key: number): number {
  for (let i = 0; i < STRIPES; i++) {
    const { entries } = stripeAt(kit, map + MAP.first + i * MAP_STRIPE_WORDS);
    const entry = entries.find((each) => each.key === key);
    if (entry !== undefined) return entry.cell;
  }
  return 0;
}

// ── Scenarios ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface MapThread {
  readonly steps: (kit: Kit, words: Words) => Step[];
  readonly killed?: boolean;
}

interface Rest extends Partial<Scenario> {
  readonly boxes?: number;
  /** Numbers that are there from the start. */
  readonly keys?: readonly number[];
  readonly check?: (kit: Kit, words: Words) => string | undefined;
  readonly lost?: number;
  /** What the number may be at the end, if others than those who count change it. */
  readonly allowed?: readonly number[];
}

function maps(name: string, threads: readonly MapThread[], rest: Rest = {}): Scenario {
  return {
    name: `map: ${name}`,
    ...(rest.limits !== undefined && { limits: rest.limits }),
    ...(rest.long !== undefined && { long: rest.long }),
    build(kit) {
      const words = setUp(kit, rest.boxes);
      const { setCell, ANY } = kit.core.map;
      for (const key of rest.keys ?? []) setCell(kit.memory, words.map, key, small(key), ANY);
      kit.nameMap(words.map);
      for (const [i, { steps, killed }] of threads.entries()) {
        if (killed === true) kit.victim(`T${i + 1}`, ...steps(kit, words));
        else kit.thread(`T${i + 1}`, ...steps(kit, words));
      }
      const deaths = threads.filter(({ killed }) => killed === true).length;
      kit.engine.kills = deaths;
      for (let n = 0; n < deaths; n++) kit.reaper(n);
      kit.ready(() => intact(kit, words, rest.lost ?? 2) ?? rest.check?.(kit, words));
    },
  };
}

const setBox =
  (key: number, box: number) =>
  (kit: Kit, words: Words): Step =>
    set(kit, words, key, words.boxes[box]!);
const setSmall =
  (key: number, n: number) =>
  (kit: Kit, words: Words): Step =>
    set(kit, words, key, small(n));
const removeKey =
  (key: number) =>
  (kit: Kit, words: Words): Step =>
    remove(kit, words, key);
const readKey =
  (key: number) =>
  (kit: Kit, words: Words): Step =>
    read(kit, words, key);

function thread(...steps: ((kit: Kit, words: Words) => Step)[]): MapThread {
  return { steps: (kit, words) => steps.map((step) => step(kit, words)) };
}

function victim(...steps: ((kit: Kit, words: Words) => Step)[]): MapThread {
  return { ...thread(...steps), killed: true };
}

/** Threads that count under one key; others may interfere. */
function counting(
  name: string,
  counters: readonly { readonly times: number; readonly deadline?: number; readonly killed?: boolean }[],
  others: readonly MapThread[] = [],
  rest: Rest = {},
): Scenario {
  return {
    name: `map: ${name}`,
    ...(rest.limits !== undefined && { limits: rest.limits }),
    ...(rest.long !== undefined && { long: rest.long }),
    build(kit) {
      const words = setUp(kit, rest.boxes);
      const added = kit.word("added");
      for (const key of rest.keys ?? []) kit.core.map.setCell(kit.memory, words.map, key, small(0), kit.core.map.ANY);
      kit.nameMap(words.map);
      for (const [i, { times, deadline, killed }] of counters.entries()) {
        const steps = Array.from({ length: times }, () => increase(kit, words, A, added, deadline)).flat();
        if (killed === true) kit.victim(`T${i + 1}`, ...steps);
        else kit.thread(`T${i + 1}`, ...steps);
      }
      for (const [i, { steps }] of others.entries()) kit.thread(`T${counters.length + i + 1}`, ...steps(kit, words));
      if (counters.some(({ killed }) => killed === true)) kit.reaper();
      kit.ready(() => {
        const wrong = intact(kit, words, rest.lost ?? 2);
        if (wrong !== undefined) return wrong;
        const cell = cellOf(kit, words, A);
        const n = cell === 0 ? 0 : (cell - 1) / 2;
        if (rest.allowed !== undefined) return rest.allowed.includes(n) ? undefined : `it is ${n} at the end`;
        const counted = kit.value(added);
        // One that died may have added without saying so.
        const isRight = n === counted || (kit.killed && n === counted + 1);
        return isRight ? undefined : `${counted} were added, and ${n} counted`;
      });
    },
  };
}

export const mapScenarios: readonly Scenario[] = [
  maps("2 set a value and remove it", [thread(setBox(A, 0), removeKey(A)), thread(setBox(A, 1), removeKey(A))], {
    boxes: 2,
  }),
  maps("2 set, 1 reads", [thread(setBox(A, 0)), thread(setBox(A, 1)), thread(readKey(A))], { boxes: 2 }),
  maps("1 sets, 1 removes, 1 reads", [thread(setBox(A, 0)), thread(removeKey(A)), thread(readKey(A))], {
    boxes: 1,
  }),
  maps("2 replace what 2 read", [thread(setBox(A, 0), setBox(A, 1)), thread(readKey(A), readKey(A))], { boxes: 2 }),
  maps(
    "the table grows while others look",
    [
      thread(setSmall(KEYS[6]!, 6), setSmall(KEYS[7]!, 7)),
      thread(readKey(A), removeKey(B)),
      thread((kit, words) => size(kit, words)),
    ],
    {
      keys: KEYS.slice(0, 6),
      check: (kit, words) => {
        const there = KEYS.filter((key) => cellOf(kit, words, key) !== 0);
        return there.length === KEYS.length - 1 ? undefined : `${there.length} keys are there`;
      },
    },
  ),
  maps("keys that begin at one place", [thread(setSmall(X, 1), removeKey(X)), thread(setSmall(Y, 2), setSmall(Y, 3))]),
  maps("who sets is killed", [victim(setBox(A, 0)), thread(setBox(A, 1), readKey(A))], { boxes: 2 }),
  maps("who removes is killed", [victim(removeKey(A)), thread(setBox(A, 0), readKey(B))], { boxes: 1, keys: [A, B] }),
  maps("who reads is killed", [victim(setBox(A, 0), readKey(A)), thread(removeKey(A))], { boxes: 1 }),
  maps(
    "who makes the table grow is killed",
    [victim(setSmall(KEYS[6]!, 6)), thread(setSmall(KEYS[7]!, 7), readKey(C))],
    {
      keys: KEYS.slice(0, 6),
      check: (kit, words) => {
        const lost = KEYS.filter((key) => key !== KEYS[6] && cellOf(kit, words, key) === 0);
        return lost.length === 0 ? undefined : `${lost.length} keys are lost`;
      },
    },
  ),
  maps("2 who set are killed at once", [victim(setBox(A, 0)), victim(setBox(A, 1)), thread(removeKey(A))], {
    boxes: 2,
    lost: 2,
    long: true,
    limits: { preemptions: 0 },
  }),
  counting("2 update x 2", [{ times: 2 }, { times: 2 }], [], { limits: { preemptions: 3 } }),
  counting("3 update", [{ times: 1 }, { times: 1 }, { times: 1 }], [], { limits: { preemptions: 2 } }),
  counting("3 update, 1 with a timeout", [{ times: 1 }, { times: 1, deadline: SOON }, { times: 1 }], [], {
    limits: { preemptions: 2 },
  }),
  counting("2 update, 1 sets", [{ times: 1 }, { times: 1 }], [thread(setSmall(A, 5))], {
    limits: { preemptions: 3 },
    allowed: [5, 6, 7],
  }),
  counting("2 update, 1 removes", [{ times: 2 }, { times: 1 }], [thread(removeKey(A))], {
    limits: { preemptions: 2 },
    allowed: [0, 1, 2, 3],
  }),
  counting("1 updates, 1 sets", [{ times: 1 }], [thread(setSmall(A, 5))], { keys: [A], allowed: [5, 6] }),
  counting("1 updates, 1 removes, 1 sets", [{ times: 1 }], [thread(removeKey(A)), thread(setSmall(A, 5))], {
    limits: { preemptions: 3 },
    allowed: [0, 1, 5, 6],
  }),
  counting("2 update, 1 is killed", [{ times: 1, killed: true }, { times: 1 }], [], { limits: { preemptions: 2 } }),
  counting("3 update, 1 is killed", [{ times: 1, killed: true }, { times: 1 }, { times: 1 }], [], {
    long: true,
    limits: { preemptions: 1 },
  }),
];
