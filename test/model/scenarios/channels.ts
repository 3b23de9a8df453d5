/** Channels: queues that are also watched. Whoever watches is told, and takes nothing. */

import { GRANT, LIST, QUEUE, TAG } from "../../../src/core/layout.ts";
import type { WaitKind } from "../../../src/core/parker.ts";
import type { Step } from "../engine.ts";
import { EXPIRED, type Kit, NEVER, QUEUED, SOON } from "../kit.ts";
import type { Scenario } from "../scenario.ts";

const ITEM = 3;

function watch(kit: Kit, channel: number, deadline: number = NEVER, onLoop = false): Step {
  const kind: WaitKind = {
    name: "channel.watch",
    enter: (memory, queue, slot) => (kit.core.queue.readyOrEnqueue(memory, queue, slot) ? GRANT.done : QUEUED),
  };
  return () => {
    const wait = onLoop ? kit.waitOnLoop.bind(kit) : kit.wait.bind(kit);
    const result = wait(kind, channel, deadline);
    kit.expect(result === GRANT.done || (result === EXPIRED && deadline === SOON), `result ${result} of a watch`);
  };
}

function put(kit: Kit, channel: number): Step {
  return () => {
    const result = kit.wait(kit.putWait(ITEM), channel, NEVER);
    kit.expect(result === GRANT.done || result === GRANT.broken, `result ${result} of a put`);
  };
}

function get(kit: Kit, channel: number): Step {
  return () => {
    const kind = kit.getWait();
    const result = kit.wait(kind, channel, NEVER);
    kit.expect(result === GRANT.broken || (result === GRANT.done && kind.cell === ITEM), `result ${result} of a get`);
  };
}

/** As an end of a pipe does that nobody has any more. */
function hangUp(kit: Kit, channel: number): Step {
  const { shutDown, settleQueue } = kit.core.queue;
  return () => {
    shutDown(kit.memory, channel, false, () => undefined);
    settleQueue(kit.memory, channel);
  };
}

function empty(kit: Kit, channel: number): string | undefined {
  for (const list of [QUEUE.getters, QUEUE.putters, QUEUE.joiners]) {
    if (kit.value(channel + list + LIST.head) !== 0) return "somebody stands in a list at the end";
  }
  return undefined;
}

function scenario(name: string, build: (kit: Kit, channel: number) => void, preemptions = 2, maxsize = 0): Scenario {
  return {
    name: `channel: ${name}`,
    build(kit) {
      const channel = kit.queue(maxsize, undefined, TAG.channel);
      build(kit, channel);
      kit.ready(() => empty(kit, channel));
    },
    limits: { preemptions },
  };
}

export const channelScenarios: readonly Scenario[] = [
  scenario("1 watches and gets, 1 puts", (kit, channel) => {
    kit.thread("T1", watch(kit, channel), get(kit, channel));
    kit.thread("T2", put(kit, channel));
  }),
  scenario("2 watch, 1 puts", (kit, channel) => {
    kit.thread("T1", watch(kit, channel));
    kit.thread("T2", watch(kit, channel, NEVER, true));
    kit.thread("T3", put(kit, channel));
  }),
  scenario("1 watches, 1 gets what 1 puts, another comes", (kit, channel) => {
    kit.thread("T1", watch(kit, channel));
    kit.thread("T2", get(kit, channel));
    kit.thread("T3", put(kit, channel), put(kit, channel));
  }),
  scenario(
    "of size 1, 1 watches while 1 puts 2 and 1 gets",
    (kit, channel) => {
      kit.thread("T1", watch(kit, channel));
      kit.thread("T2", put(kit, channel), put(kit, channel));
      kit.thread("T3", get(kit, channel));
    },
    1,
    1,
  ),
  scenario("a watch times out while an item comes", (kit, channel) => {
    kit.thread("T1", watch(kit, channel, SOON));
    kit.thread("T2", put(kit, channel));
  }),
  scenario("1 hangs up while 1 watches and 1 gets", (kit, channel) => {
    kit.thread("T1", watch(kit, channel));
    kit.thread("T2", get(kit, channel));
    kit.thread("T3", hangUp(kit, channel));
  }),
  scenario(
    "who puts is killed, 1 watches",
    (kit, channel) => {
      kit.victim("T1", put(kit, channel));
      kit.thread("T2", watch(kit, channel));
      kit.thread("T3", put(kit, channel));
      kit.reaper();
    },
    1,
  ),
  scenario(
    "who watches is killed, another watches",
    (kit, channel) => {
      kit.victim("T1", watch(kit, channel));
      kit.thread("T2", watch(kit, channel));
      kit.thread("T3", put(kit, channel));
      kit.reaper();
    },
    0,
  ),
  scenario(
    "who hangs up is killed, and another hangs up after it",
    (kit, channel) => {
      kit.victim("T1", hangUp(kit, channel));
      kit.thread("T2", watch(kit, channel));
      kit.reaper(0, hangUp(kit, channel));
    },
    1,
  ),
];
