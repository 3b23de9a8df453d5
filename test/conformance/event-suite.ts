/** Conformance of Event: EVT-1 … EVT-7. @module */

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { ValueError } from "heddle/errors";
import { type Backend, forms, Kit, timed, watch } from "./kit.ts";

export interface EventLike {
  toString(): string;
  set(): void;
  clear(): void;
  readonly isSet: boolean;
  wait(options?: object): Promise<boolean>;
  waitSync(options?: object): boolean;
}

export interface EventKind {
  make(): EventLike;
}

export function eventSuite(backend: Backend, kind: EventKind): void {
  describe(`Event over ${backend.name}`, () => {
    const kit = new Kit(backend);
    after(() => kit.close());

    for (const form of forms) {
      test(`EVT-1 one set() releases five waiters, ${form.name}; a second wait is over at once`, async () => {
        const event = kind.make();
        const waits = [0, 1, 2, 3, 4].map((i) => form.wait(kit, i, event, "wait"));
        await kit.waiting(event, 5);
        event.set();
        assert.deepEqual(await Promise.all(waits), [true, true, true, true, true]);
        assert.deepEqual(await Promise.all([0, 1].map((i) => form.wait(kit, i, event, "wait"))), [true, true]);
      });

      test(`EVT-1 a set() in another thread releases them too, ${form.name}`, async () => {
        const event = kind.make();
        const waits = [0, 1].map((i) => form.wait(kit, i, event, "wait"));
        await kit.waiting(event, 2);
        await kit.run((event: EventLike) => event.set(), event);
        assert.deepEqual(await Promise.all(waits), [true, true]);
      });

      test(`EVT-2 wait with timeout 0, ${form.name}: false when clear, true when set`, async () => {
        const event = kind.make();
        assert.equal(await form.wait(kit, 0, event, "wait", { timeout: 0 }), false);
        event.set();
        assert.equal(await form.wait(kit, 0, event, "wait", { timeout: 0 }), true);
      });

      test(`EVT-3 wait with a timeout, ${form.name}: false, not early`, async () => {
        const event = kind.make();
        const { took, value } = await timed(() => form.wait(kit, 0, event, "wait", { timeout: 30 }));
        assert.equal(value, false);
        assert.ok(took >= 30, `after ${took} ms`);
        assert.equal(kit.backend.waiting(event), 0);
      });

      test(`EVT-4 set() and clear() at once still release all who wait, ${form.name}`, async () => {
        const event = kind.make();
        const waits = [0, 1, 2].map((i) => form.wait(kit, i, event, "wait"));
        await kit.waiting(event, 3);
        event.set();
        event.clear();
        assert.deepEqual(await Promise.all(waits), [true, true, true]);
        assert.equal(event.isSet, false);
      });

      test(`EVT-6 after clear() a new wait waits, ${form.name}`, async () => {
        const event = kind.make();
        event.set();
        event.clear();
        const wait = watch(form.wait(kit, 0, event, "wait"));
        await kit.waiting(event, 1);
        assert.equal(wait.state, "pending");
        event.set();
        assert.equal(await wait.promise, true);
      });
    }

    test("EVT-2 heddle: a negative timeout is a ValueError", async () => {
      const event = kind.make();
      assert.throws(() => event.waitSync({ timeout: -1 }), ValueError);
      await assert.rejects(event.wait({ timeout: -1 }), ValueError);
      event.set();
      assert.throws(() => event.waitSync({ timeout: -1 }), ValueError);
    });

    test("EVT-5 set and clear twice are harmless, and seen by all threads", async () => {
      const event = kind.make();
      const seen = (): Promise<boolean> => kit.run((event: EventLike) => event.isSet, event);
      event.set();
      event.set();
      assert.deepEqual([event.isSet, await seen()], [true, true]);
      event.clear();
      event.clear();
      assert.deepEqual([event.isSet, await seen()], [false, false]);
    });

    test("EVT-7 its text shows whether it is set", () => {
      const event = kind.make();
      assert.match(String(event), /unset/);
      event.set();
      assert.doesNotMatch(String(event), /unset/);
      assert.match(String(event), /set/);
    });

    test("EVT a signal ends one wait, and no other", async () => {
      const event = kind.make();
      const aborter = new AbortController();
      const [given, other] = [watch(event.wait({ signal: aborter.signal })), watch(event.wait())];
      await kit.waiting(event, 2);
      aborter.abort(new RangeError("enough"));
      await assert.rejects(given.promise, RangeError);
      assert.equal(kit.backend.waiting(event), 1);
      event.set();
      assert.equal(await other.promise, true);
    });
  });
}
