/** Queues: bounded and unbounded, growing, joined, shut down, and with kills. */

import { GRANT, LIST, QUEUE, TAG } from "../../../src/core/layout.ts";
import type { Step } from "../engine.ts";
import { EXPIRED, type Kit, NEVER, QUEUED, SOON } from "../kit.ts";
import type { Scenario } from "../scenario.ts";

export interface Store {
  readonly queue: number;
  /** How often each item was received; items are 0, 1, 2 … and travel as odd cells. */
  readonly received: readonly number[];
  readonly put: readonly number[];
  /** Not 0: the getter that may be killed stood in the list. What it is given is not lost then. */
  readonly queued: number;
}

export function store(kit: Kit, maxsize: number, items: number, mask?: number, tag?: number): Store {
  const queue = kit.queue(maxsize, mask, tag);
  const words = (name: string): number[] => Array.from({ length: items }, (_, i) => kit.word(`${name}[${i}]`));
  return { queue, received: words("received"), put: words("put"), queued: kit.word("queued") };
}

export const cellOf = (item: number): number => 2 * item + 1;

function put(kit: Kit, s: Store, item: number, deadline: number = NEVER, onLoop = false): Step {
  return () => {
    const wait = onLoop ? kit.waitOnLoop.bind(kit) : kit.wait.bind(kit);
    const result = wait(kit.putWait(cellOf(item)), s.queue, deadline);
    if (result === GRANT.done) kit.note(s.put[item]!);
    else kit.expect(result === EXPIRED || result === GRANT.broken, `result ${result} of a put`);
  };
}

export function get(kit: Kit, s: Store, deadline: number = NEVER, onLoop = false): Step {
  return () => {
    const kind = kit.getWait();
    const enter = kind.enter.bind(kind);
    kind.enter = (memory, queue, slot, blocking) => {
      const result = enter(memory, queue, slot, blocking);
      if (result === QUEUED && kit.engine.current!.victim && !onLoop) kit.note(s.queued);
      return result;
    };
    // From then on it takes what it gets itself.
    kind.again = (memory, slot) => {
      if (kit.engine.current!.victim) kit.note(s.queued, -1);
      kit.core.list.askForHandOff(memory, slot);
    };
    const wait = onLoop ? kit.waitOnLoop.bind(kit) : kit.wait.bind(kit);
    const result = wait(kind, s.queue, deadline);
    if (result !== GRANT.done) {
      kit.expect(result === EXPIRED || result === GRANT.broken, `result ${result} of a get`);
      return;
    }
    received(kit, s, kind.cell);
  };
}

export function received(kit: Kit, s: Store, cell: number): void {
  const item = (cell - 1) / 2;
  kit.expect(Number.isInteger(item) && s.received[item] !== undefined, `got the cell ${cell}`);
  kit.note(s.received[item]!);
}

/** What is in the ring; the check must leave the memory as it is. */
function left(kit: Kit, { queue }: Store): number[] {
  const ring = kit.value(queue + QUEUE.ring);
  const size = kit.value(queue + QUEUE.puts) - kit.value(queue + QUEUE.gets);
  // A stack's cells begin with the ring.
  const first = kit.value(queue) === TAG.lifoQueue ? 0 : kit.value(queue + QUEUE.gets);
  return Array.from({ length: size }, (_, i) => (kit.value(ring + 1 + ((first + i) & kit.value(ring))) - 1) / 2);
}

/** Each item that was put is received once or still there; a dead getter may have taken `lost` with it. */
export function exactlyOnce(kit: Kit, s: Store, lost = 0): string | undefined {
  const there = left(kit, s);
  let missing = 0;
  for (const [item, word] of s.received.entries()) {
    const seen = kit.value(word) + there.filter((i) => i === item).length;
    if (seen > 1) return `item ${item} was received twice`;
    if (seen === 0 && kit.value(s.put[item]!) === 1) missing++;
  }
  const mayMiss = kit.killed && kit.value(s.queued) === 0 ? lost : 0;
  if (missing > mayMiss) return `${missing} items are lost`;
  const all = s.received.reduce((sum, word) => sum + kit.value(word), there.length);
  const puts = kit.value(s.queue + QUEUE.puts);
  if (lost === 0 && all !== puts) return `${puts} items count as put, ${all} are there or were received`;
  for (const list of [QUEUE.getters, QUEUE.putters, QUEUE.joiners]) {
    if (kit.value(s.queue + list + LIST.head) !== 0) return "somebody stands in a list at the end";
  }
  if (!kit.killed && kit.value(s.queue + QUEUE.woken) !== 0) return "somebody is still to look for an item";
  return undefined;
}

/** Who puts the only item that another waits for is killed: what counts as put must reach that one. */
function putterKilled(name: string, onLoop: boolean, preemptions: number): Scenario {
  return {
    name,
    limits: { preemptions },
    build(kit) {
      const s = store(kit, 0, 1);
      kit.victim("T1", put(kit, s, 0));
      const nothingPut = (): boolean => kit.killed && kit.value(s.queue + QUEUE.puts) === 0;
      kit.thread("T2", get(kit, s, NEVER, onLoop)).mayWait = nothingPut;
      kit.reaper();
      kit.ready(() => (nothingPut() ? undefined : exactlyOnce(kit, s)));
    },
  };
}

/** Two wait; who puts an item gets it back, if that is still possible, and puts others. */
function takenBack(name: string, onLoop: boolean, limits: Scenario["limits"]): Scenario {
  return {
    name,
    limits,
    build(kit) {
      const s = store(kit, 0, 3);
      const { GET, getCell, got } = kit.core.queue;
      kit.thread(
        "T1",
        put(kit, s, 0),
        (local) => {
          local["back"] = getCell(kit.memory, s.queue, 0) === GET.done ? 1 : 0;
          if (local["back"] === 1) kit.note(s.received[(got.cell - 1) / 2]!);
        },
        (local) => {
          if (local["back"] === 1) put(kit, s, 1)(local);
        },
        put(kit, s, 2),
      );
      kit.thread("T2", get(kit, s));
      kit.thread("T3", get(kit, s, NEVER, onLoop));
      kit.ready(() => exactlyOnce(kit, s));
    },
  };
}

export const queueScenarios: readonly Scenario[] = [
  takenBack("queue: 2 get, who put takes it back", false, { preemptions: 2 }),
  takenBack("queue: 1 of 2 gets on an event loop, who put takes it back", true, { preemptions: 1 }),
  {
    name: "queue: 2 get 1 item, who was woken is killed",
    long: true,
    build(kit) {
      const s = store(kit, 0, 1);
      const isGone = (): boolean => kit.value(s.queue + QUEUE.gets) === 1;
      kit.thread("T1", put(kit, s, 0));
      kit.victim("T2", get(kit, s)).mayWait = isGone;
      kit.thread("T3", get(kit, s)).mayWait = isGone;
      kit.reaper();
      kit.ready();
    },
    limits: { preemptions: 1 },
  },
  {
    name: "queue: 2 put, 1 gets 2",
    build(kit) {
      const s = store(kit, 0, 2);
      kit.thread("T1", put(kit, s, 0));
      kit.thread("T2", put(kit, s, 1));
      kit.thread("T3", get(kit, s), get(kit, s));
      kit.ready(() => exactlyOnce(kit, s));
    },
    limits: { preemptions: 3 },
  },
  {
    name: "queue: 1 puts 2, 2 get",
    build(kit) {
      const s = store(kit, 0, 2);
      kit.thread("T1", put(kit, s, 0), put(kit, s, 1));
      kit.thread("T2", get(kit, s));
      kit.thread("T3", get(kit, s));
      kit.ready(() => exactlyOnce(kit, s));
    },
    limits: { preemptions: 3 },
  },
  {
    name: "queue: of size 1, 1 puts 2, 1 gets 2",
    build(kit) {
      const s = store(kit, 1, 2);
      kit.thread("T1", put(kit, s, 0), put(kit, s, 1));
      kit.thread("T2", get(kit, s), get(kit, s));
      kit.ready(() => exactlyOnce(kit, s));
    },
  },
  {
    name: "queue: of size 1, 3 put, 1 with a timeout, 1 gets 2",
    long: true,
    build(kit) {
      const s = store(kit, 1, 3);
      kit.thread("T1", put(kit, s, 0));
      kit.thread("T2", put(kit, s, 1, SOON));
      kit.thread("T3", put(kit, s, 2));
      kit.thread("T4", get(kit, s), get(kit, s));
      // Three puts and two gets: the last item stays.
      kit.ready(() => exactlyOnce(kit, s));
      kit.engine.threads[3]!.mayWait = () => false;
    },
    limits: { preemptions: 1 },
  },
  {
    name: "queue: a get times out while an item comes",
    build(kit) {
      const s = store(kit, 0, 1);
      kit.thread("T1", get(kit, s, SOON));
      kit.thread("T2", put(kit, s, 0));
      kit.ready(() => exactlyOnce(kit, s));
    },
  },
  {
    name: "queue: on event loops, with timeouts",
    build(kit) {
      const s = store(kit, 1, 2);
      kit.thread("T1", put(kit, s, 0, NEVER, true));
      kit.thread("T2", get(kit, s, SOON, true));
      kit.ready(() => exactlyOnce(kit, s));
    },
  },
  {
    name: "queue: the ring grows while 2 put and 1 gets",
    build(kit) {
      const s = store(kit, 0, 4, 1);
      kit.thread("T1", put(kit, s, 0), put(kit, s, 1));
      kit.thread("T2", put(kit, s, 2), put(kit, s, 3));
      kit.thread("T3", get(kit, s));
      kit.ready(() => exactlyOnce(kit, s));
    },
    limits: { preemptions: 2 },
  },
  {
    name: "queue: join waits for every item",
    build(kit) {
      const s = store(kit, 0, 1);
      const { markDone } = kit.core.queue;
      const done = kit.word("done");
      kit.thread("T1", put(kit, s, 0), () => {
        kit.expect(kit.wait(kit.queueJoin, s.queue) === GRANT.done, "join failed");
        kit.expect(kit.note(done, 0) === 1, "join returned before the item was done");
      });
      kit.thread("T2", get(kit, s), () => {
        kit.note(done);
        kit.expect(markDone(kit.memory, s.queue), "there was nothing to be done");
      });
      kit.ready(() => exactlyOnce(kit, s));
    },
  },
  {
    name: "queue: shut down while 1 puts and 1 gets",
    build(kit) {
      const s = store(kit, 1, 2);
      kit.thread("T1", put(kit, s, 0), put(kit, s, 1));
      kit.thread("T2", get(kit, s));
      kit.thread("T3", () => kit.core.queue.shutDown(kit.memory, s.queue, false, () => undefined));
      kit.ready(() => exactlyOnce(kit, s));
    },
    limits: { preemptions: 2 },
  },
  {
    name: "queue: shut down, and nothing is put afterwards",
    build(kit) {
      const s = store(kit, 0, 1);
      const { PUT, putCell, shutDown } = kit.core.queue;
      const isDown = kit.word("isDown");
      kit.thread("T1", () => {
        kit.pause(s.queue + QUEUE.shut);
        const late = kit.note(isDown, 0) === 1;
        const result = putCell(kit.memory, s.queue, cellOf(0), 0);
        if (result === PUT.done) kit.note(s.put[0]!);
        kit.expect(!late || result === PUT.shut, `result ${result} of a put that came too late`);
      });
      kit.thread("T2", () => {
        shutDown(kit.memory, s.queue, false, () => undefined);
        kit.note(isDown);
      });
      kit.ready(() => exactlyOnce(kit, s));
    },
  },
  {
    name: "queue: shut down while 2 wait",
    build(kit) {
      const s = store(kit, 1, 1);
      kit.thread("T1", get(kit, s));
      kit.thread("T2", get(kit, s));
      kit.thread("T3", () => kit.core.queue.shutDown(kit.memory, s.queue, true, () => undefined));
      kit.ready(() => exactlyOnce(kit, s));
    },
    limits: { preemptions: 2 },
  },
  {
    name: "queue: at most 1 at once",
    build(kit) {
      const s = store(kit, 1, 2);
      const { PUT, putCell, queueSize } = kit.core.queue;
      for (const item of [0, 1]) {
        kit.thread(`T${item + 1}`, () => {
          if (putCell(kit.memory, s.queue, cellOf(item), 0) === PUT.done) kit.note(s.put[item]!);
        });
      }
      kit.ready(() => (queueSize(kit.memory, s.queue) === 1 ? exactlyOnce(kit, s) : "more than 1 item is in"));
    },
  },
  {
    name: "queue: a higher maxsize lets putters in",
    build(kit) {
      const s = store(kit, 1, 2);
      kit.thread("T1", put(kit, s, 0), put(kit, s, 1));
      kit.thread("T2", () => kit.core.queue.setMaxsize(kit.memory, s.queue, 2));
      kit.ready(() => exactlyOnce(kit, s));
    },
  },
  {
    name: "queue: of size 1, 1 puts 2 and is killed, 1 gets",
    long: true,
    build(kit) {
      const s = store(kit, 1, 2);
      kit.victim("T1", put(kit, s, 0), put(kit, s, 1));
      const getter = kit.thread("T2", get(kit, s), get(kit, s));
      getter.mayWait = () => kit.killed;
      kit.reaper();
      kit.ready(() => (kit.killed ? undefined : exactlyOnce(kit, s)));
    },
    limits: { preemptions: 2 },
  },
  {
    name: "queue: of size 1, 1 puts 2, 1 gets and is killed",
    long: true,
    build(kit) {
      const s = store(kit, 1, 2);
      const putter = kit.thread("T1", put(kit, s, 0), put(kit, s, 1));
      kit.victim("T2", get(kit, s));
      putter.mayWait = () => kit.killed;
      kit.reaper();
      kit.ready(() => (kit.value(s.queue + QUEUE.putters + LIST.head) === 0 ? exactlyOnce(kit, s, 1) : undefined));
    },
  },
  {
    name: "queue: who gets is killed",
    long: true,
    build(kit) {
      const s = store(kit, 0, 2);
      kit.victim("T1", get(kit, s));
      kit.thread("T2", get(kit, s));
      kit.thread("T3", put(kit, s, 0), put(kit, s, 1));
      kit.reaper();
      kit.ready(() => exactlyOnce(kit, s, 1));
    },
    limits: { preemptions: 1 },
  },
  putterKilled("queue: who puts for one who waits is killed", false, 2),
  putterKilled("queue: who puts for one who waits on an event loop is killed", true, 1),
  {
    name: "queue: who puts is killed, others get with a timeout",
    long: true,
    build(kit) {
      const s = store(kit, 0, 2);
      kit.victim("T1", put(kit, s, 0));
      kit.thread("T2", get(kit, s, SOON));
      kit.thread("T3", put(kit, s, 1));
      kit.reaper();
      kit.ready(() => exactlyOnce(kit, s));
    },
    limits: { preemptions: 1 },
  },
  {
    name: "queue: of size 1, who puts is killed",
    build(kit) {
      const s = store(kit, 1, 2);
      kit.victim("T1", put(kit, s, 0));
      kit.thread("T2", put(kit, s, 1));
      kit.thread("T3", get(kit, s));
      kit.reaper();
      kit.ready(() => exactlyOnce(kit, s));
      // T3 takes one item, which makes room for the other.
    },
    limits: { preemptions: 1 },
  },
  {
    name: "queue: of size 1, who gets is killed",
    long: true,
    build(kit) {
      const s = store(kit, 1, 2);
      kit.victim("T1", get(kit, s));
      kit.thread("T2", get(kit, s));
      kit.thread("T3", put(kit, s, 0), put(kit, s, 1));
      kit.reaper();
      kit.ready(() => exactlyOnce(kit, s, 1));
    },
    limits: { preemptions: 1 },
  },
  {
    name: "queue: who gets on an event loop is killed",
    build(kit) {
      const s = store(kit, 0, 2);
      kit.victim("T1", get(kit, s, NEVER, true));
      kit.thread("T2", get(kit, s, NEVER, true));
      kit.thread("T3", put(kit, s, 0), put(kit, s, 1));
      kit.reaper();
      kit.ready(() => exactlyOnce(kit, s, 1));
    },
    limits: { preemptions: 0 },
  },
  {
    name: "queue: who puts on an event loop is killed",
    long: true,
    build(kit) {
      const s = store(kit, 1, 2);
      kit.victim("T1", put(kit, s, 0, NEVER, true));
      kit.thread("T2", put(kit, s, 1, NEVER, true));
      kit.thread("T3", get(kit, s));
      kit.reaper();
      kit.ready(() => exactlyOnce(kit, s));
    },
    limits: { preemptions: 1 },
  },
  {
    name: "queue: last in first out, of size 1, who gets is killed",
    long: true,
    build(kit) {
      const s = store(kit, 1, 2, undefined, TAG.lifoQueue);
      kit.victim("T1", get(kit, s));
      kit.thread("T2", get(kit, s));
      kit.thread("T3", put(kit, s, 0), put(kit, s, 1));
      kit.reaper();
      kit.ready(() => exactlyOnce(kit, s, 1));
    },
    limits: { preemptions: 1 },
  },
  {
    name: "queue: last in first out, of size 1, who puts is killed",
    long: true,
    build(kit) {
      const s = store(kit, 1, 2, undefined, TAG.lifoQueue);
      kit.victim("T1", put(kit, s, 0));
      kit.thread("T2", put(kit, s, 1));
      kit.thread("T3", get(kit, s));
      kit.reaper();
      kit.ready(() => exactlyOnce(kit, s, 0));
    },
    limits: { preemptions: 1 },
  },
];
