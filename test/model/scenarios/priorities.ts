/** Priority queues: a skip list that must survive a kill between any two of its stores. */

import { GRANT, LIST, PRIORITY, QUEUE, SLOT } from "../../../src/core/layout.ts";
import type { Step } from "../engine.ts";
import { EXPIRED, type Kit, NEVER, QUEUED, SOON } from "../kit.ts";
import type { Scenario } from "../scenario.ts";

interface Store {
  readonly queue: number;
  /** The node of each item; its priority is the item. */
  readonly nodes: readonly number[];
  readonly received: readonly number[];
  readonly put: readonly number[];
}

/** `levels`: how high the node of each item stands. */
function store(kit: Kit, maxsize: number, levels: readonly number[]): Store {
  const nodes = levels.map((level, item) => kit.node(item, item, level));
  const words = (name: string): number[] => levels.map((_, i) => kit.word(`${name}[${i}]`));
  return { queue: kit.priorityQueue(maxsize), nodes, received: words("received"), put: words("put") };
}

function put(kit: Kit, s: Store, item: number, deadline: number = NEVER): Step {
  return () => {
    const result = kit.wait(kit.putWait(s.nodes[item]!), s.queue, deadline);
    if (result === GRANT.done) kit.note(s.put[item]!);
    else kit.expect(result === EXPIRED, `result ${result} of a put`);
  };
}

function get(kit: Kit, s: Store, deadline: number = NEVER): Step {
  return () => {
    const { GET, getCell, got, cancelGet } = kit.core.queue;
    let node = 0;
    const result = kit.wait(
      {
        name: "queue.get",
        enter: (memory, queue, slot) => {
          const entered = getCell(memory, queue, slot);
          node = got.cell;
          return entered === GET.queued ? QUEUED : GRANT.done;
        },
        cancel: cancelGet,
        take: (_, slot) => {
          node = kit.engine.load(slot + SLOT.payload);
        },
      },
      s.queue,
      deadline,
    );
    if (result === EXPIRED) return;
    kit.expect(result === GRANT.done, `result ${result} of a get`);
    const item = s.nodes.indexOf(node);
    kit.expect(item >= 0, `got ${node}, which is no node`);
    kit.note(s.received[item]!);
  };
}

/** Every level is sorted and part of the one below; each item is received once or there; the counters agree. */
function inOrder(kit: Kit, s: Store, lost = 0): string | undefined {
  const levels = [0, 1, 2].map((level) => {
    const items: number[] = [];
    for (let node = kit.value(s.queue + PRIORITY.heads + level); node !== 0; node = kit.value(node + 3 + level)) {
      items.push(s.nodes.indexOf(node));
      if (items.length > s.nodes.length) return [-1];
    }
    return items;
  });
  for (const [level, items] of levels.entries()) {
    if (items.some((item, i) => i > 0 && item <= items[i - 1]!)) return `level ${level} holds ${items.join(", ")}`;
    if (level > 0 && items.some((item) => !levels[level - 1]!.includes(item)))
      return `level ${level} is no part of the lower one`;
  }
  const there = levels[0]!;
  const counted = kit.value(s.queue + QUEUE.puts) - kit.value(s.queue + QUEUE.gets);
  const repaired = kit.value(s.queue + PRIORITY.operation) === 0;
  if (repaired && counted !== there.length) return `${counted} items are counted, ${there.length} are there`;
  let missing = 0;
  for (const item of s.nodes.keys()) {
    const seen = kit.value(s.received[item]!) + (there.includes(item) ? 1 : 0);
    if (seen > 1) return `item ${item} is there twice`;
    if (seen === 0 && kit.value(s.put[item]!) === 1) missing++;
  }
  if (missing > (kit.killed ? lost : 0)) return `${missing} items are lost`;
  for (const list of [QUEUE.getters, QUEUE.putters]) {
    if (kit.value(s.queue + list + LIST.head) !== 0) return "somebody stands in a list at the end";
  }
  return undefined;
}

export const priorityScenarios: readonly Scenario[] = [
  {
    name: "priority: 2 put, 1 gets 2",
    build(kit) {
      const s = store(kit, 0, [1, 2]);
      kit.thread("T1", put(kit, s, 1));
      kit.thread("T2", put(kit, s, 0));
      kit.thread("T3", get(kit, s), get(kit, s));
      kit.ready(() => inOrder(kit, s));
    },
    limits: { preemptions: 1 },
  },
  {
    name: "priority: of size 1, 2 put, 1 gets 2, with a timeout",
    build(kit) {
      const s = store(kit, 1, [1, 1]);
      kit.thread("T1", put(kit, s, 1));
      kit.thread("T2", put(kit, s, 0, SOON));
      kit.thread("T3", get(kit, s), get(kit, s, SOON));
      kit.ready(() => inOrder(kit, s));
    },
    limits: { preemptions: 1 },
  },
  {
    name: "priority: who puts is killed",
    build(kit) {
      const s = store(kit, 0, [2, 3, 2]);
      kit.victim("T1", put(kit, s, 2), put(kit, s, 1));
      kit.thread("T2", put(kit, s, 0), get(kit, s));
      kit.reaper();
      kit.ready(() => inOrder(kit, s));
    },
    limits: { preemptions: 1 },
  },
  {
    name: "priority: who gets is killed",
    build(kit) {
      const s = store(kit, 0, [3, 2]);
      kit.victim("T1", get(kit, s));
      kit.thread("T2", put(kit, s, 0), put(kit, s, 1), get(kit, s));
      kit.reaper();
      kit.ready(() => inOrder(kit, s, 1));
    },
    limits: { preemptions: 1 },
  },
  {
    name: "priority: of size 1, who gets is killed",
    build(kit) {
      const s = store(kit, 1, [1, 2]);
      kit.victim("T1", get(kit, s));
      kit.thread("T2", put(kit, s, 1), put(kit, s, 0, SOON));
      kit.reaper();
      kit.ready(() => inOrder(kit, s, 1));
    },
    limits: { preemptions: 1 },
  },
];
