/** Rings whose getters look out for cells before they sleep. */

import { TAG } from "../../../src/core/layout.ts";
import type { Step } from "../engine.ts";
import type { Kit } from "../kit.ts";
import type { Scenario } from "../scenario.ts";
import { cellOf, exactlyOnce, get, received, type Store, store } from "./queues.ts";

function put(kit: Kit, s: Store, item: number): Step {
  return () => {
    kit.core.lookout.putWatched(kit.memory, s.queue, cellOf(item));
    kit.note(s.put[item]!);
  };
}

/** As a worker of a pool gets its next task. */
function lookAndGet(kit: Kit, s: Store): Step {
  const wait = get(kit, s);
  return (engine) => {
    const { lookout, queue } = kit.core;
    if (lookout.lookOut(kit.memory, s.queue, 0)) {
      const result = queue.getCell(kit.memory, s.queue, 0);
      const { cell } = queue.got;
      lookout.serveOthers(kit.memory, s.queue);
      if (result === queue.GET.done) {
        received(kit, s, cell);
        return;
      }
    }
    wait(engine);
  };
}

export const lookoutScenarios: readonly Scenario[] = [
  {
    name: "lookout: 1 puts 2, 2 look and get",
    build(kit) {
      const s = store(kit, 0, 2, undefined, TAG.ring);
      kit.thread("T1", put(kit, s, 0), put(kit, s, 1));
      kit.thread("T2", lookAndGet(kit, s));
      kit.thread("T3", lookAndGet(kit, s));
      kit.ready(() => exactlyOnce(kit, s));
    },
    limits: { preemptions: 2 },
  },
  {
    name: "lookout: 2 put, 1 looks and gets 2",
    build(kit) {
      const s = store(kit, 0, 2, undefined, TAG.ring);
      kit.thread("T1", put(kit, s, 0));
      kit.thread("T2", put(kit, s, 1));
      kit.thread("T3", lookAndGet(kit, s), lookAndGet(kit, s));
      kit.ready(() => exactlyOnce(kit, s));
    },
    limits: { preemptions: 2 },
  },
  {
    name: "lookout: who looks is killed",
    long: true,
    build(kit) {
      const s = store(kit, 0, 2, undefined, TAG.ring);
      const victim = kit.victim("T1", lookAndGet(kit, s));
      kit.thread("T2", get(kit, s));
      kit.thread("T3", put(kit, s, 0), put(kit, s, 1));
      kit.reaper(0, () => kit.core.lookout.relieve(kit.memory, s.queue, victim.tid));
      kit.ready(() => exactlyOnce(kit, s, 1));
    },
    limits: { preemptions: 1 },
  },
  {
    name: "lookout: who puts is killed",
    build(kit) {
      const s = store(kit, 0, 2, undefined, TAG.ring);
      kit.victim("T1", put(kit, s, 0));
      kit.thread("T2", put(kit, s, 1));
      kit.thread("T3", lookAndGet(kit, s));
      kit.reaper();
      kit.ready(() => exactlyOnce(kit, s));
    },
    limits: { preemptions: 1 },
  },
];
