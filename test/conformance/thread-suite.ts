/**
 * Conformance of threads and timers: MOD-1 … MOD-7, THR-1 … THR-15, TMR-1 … TMR-7. What needs a process of its own (the
 * output of the default hook, the end of a program) is tested with the program it is about.
 *
 * @module
 */

import assert from "node:assert/strict";
import { after, afterEach, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { DeadlockError, RuntimeError, ValueError } from "heddle/errors";
import type * as threading from "heddle/threading";
import { type Backend, Kit, timed, watch } from "./kit.ts";
import type { Deaf, Doubler } from "./subclasses.ts";

export interface ThreadKind extends Pick<
  typeof threading,
  | "Thread"
  | "Timer"
  | "Event"
  | "spawn"
  | "currentThread"
  | "mainThread"
  | "enumerate"
  | "activeCount"
  | "getIdent"
  | "setExcepthook"
> {
  Doubler: typeof Doubler;
  Deaf: typeof Deaf;
}

function waitFor(event: threading.Event): boolean {
  return event.waitSync();
}

/** What a thread sees of itself and the others; run inside. */
function look(api: { names: string[]; self: string; ident: number; daemon: boolean; main: string }): typeof api {
  return api;
}

export function threadSuite(backend: Backend, kind: ThreadKind): void {
  const { Thread, Timer, Event } = kind;

  describe(`Thread over ${backend.name}`, () => {
    const kit = new Kit(backend);
    after(() => kit.close());
    afterEach(() => kind.setExcepthook());

    test("MOD-1 an error nobody joins reaches the excepthook with exactly that thread, type and value", async () => {
      const seen: threading.ExceptHookArgs[] = [];
      kind.setExcepthook((args) => void seen.push(args));
      const thread = new Thread({
        target: () => {
          throw new RangeError("nobody joins me");
        },
      }).start();
      await kit.until(
        () => seen.length > 0,
        () => "the hook was never called",
      );
      assert.equal(seen.length, 1);
      assert.equal(seen[0]!.thread, thread);
      assert.equal(seen[0]!.excType, RangeError);
      assert.equal((seen[0]!.excValue as Error).message, "nobody joins me");
      assert.match(seen[0]!.excTraceback, /RangeError: nobody joins me[^]*thread-suite/);
      await assert.rejects(thread.join(), RangeError, "it can still be joined");
    });

    test("MOD-3 a hook that throws does not prevent join", async () => {
      let called = 0;
      kind.setExcepthook((args) => {
        called++;
        if (called === 1) throw new TypeError(`hook of ${args.thread.name}`);
      });
      const thread = kind.spawn(() => {
        throw new RangeError("for the hook");
      });
      await kit.until(
        () => called > 0,
        () => "the hook was never called",
      );
      await assert.rejects(thread.join(), RangeError);
      assert.equal(called, 1);
    });

    test("MOD-4 heddle: join throws the thread's error, every time; the hook hears nothing of it", async () => {
      let called = 0;
      kind.setExcepthook(() => called++);
      const thread = kind.spawn(() => {
        throw new RangeError("joined");
      });
      await assert.rejects(thread.join(), new RangeError("joined"));
      assert.equal(thread.isAlive, false);
      assert.throws(() => thread.joinSync(), new RangeError("joined"));
      const later = kind.spawn(() => 1);
      assert.equal(await later.join(), 1);
      assert.equal(called, 0);
    });

    test("MOD-5 enumerate() right after join never lists the joined thread", async () => {
      for (let i = 0; i < 10; i++) {
        const thread = kind.spawn(() => undefined);
        if (i % 2 === 0) await thread.join();
        else thread.joinSync();
        assert.ok(!kind.enumerate().includes(thread as never));
        assert.equal(thread.isAlive, false);
      }
    });

    test("MOD-6 activeCount() is the length of enumerate(); an unstarted thread is in neither", async () => {
      const before = kind.activeCount();
      const go = new Event();
      const thread = new Thread({ target: waitFor, args: [go] });
      assert.equal(kind.activeCount(), before);
      thread.start();
      assert.equal(kind.activeCount(), before + 1);
      assert.equal(kind.enumerate().length, before + 1);
      assert.ok(kind.enumerate().includes(thread as never));
      assert.ok(kind.enumerate().includes(kind.mainThread()));
      go.set();
      assert.equal(await thread.join(), true);
      assert.equal(kind.activeCount(), before);
    });

    test("MOD-7 currentThread() in a thread is its object, and mainThread() another", async () => {
      assert.equal(kind.currentThread(), kind.mainThread());
      assert.deepEqual([kind.mainThread().name, kind.mainThread().daemon], ["MainThread", false]);
      const thread = new Thread({
        name: "looker",
        target: () => {
          const self = kind.currentThread();
          const main = kind.mainThread();
          return look({
            names: kind.enumerate().map(({ name }) => name),
            self: self.name,
            ident: kind.getIdent(),
            daemon: self.daemon,
            main: `${main.name} ${main === self} ${main.isAlive}`,
          });
        },
      }).start();
      const seen = await thread.join();
      assert.equal(seen.self, "looker");
      assert.equal(seen.ident, thread.ident);
      assert.equal(seen.main, "MainThread false true");
      assert.ok(seen.names.includes("looker") && seen.names.includes("MainThread"), seen.names.join());
    });

    test("THR-1 a second start() is a RuntimeError, while it runs and after its end", async () => {
      const go = new Event();
      const thread = new Thread({ target: waitFor, args: [go] }).start();
      assert.throws(() => thread.start(), RuntimeError);
      go.set();
      assert.equal(await thread.join(), true);
      assert.throws(() => thread.start(), RuntimeError);
    });

    test("THR-2 joining an unstarted thread is a RuntimeError, joining oneself a DeadlockError", async () => {
      const thread = new Thread({ target: () => 1 });
      assert.throws(() => thread.joinSync(), RuntimeError);
      await assert.rejects(thread.join(), RuntimeError);
      await assert.rejects(kind.currentThread().join(), DeadlockError);
      assert.throws(() => kind.currentThread().joinSync(), DeadlockError);
      await assert.rejects(kind.spawn(() => kind.currentThread().joinSync()).join(), DeadlockError);
      await assert.rejects(kind.spawn(async () => await kind.currentThread().join()).join(), DeadlockError);
      thread.start();
      assert.equal(await thread.join(), 1);
    });

    test("THR-3 join with timeout 0 returns at once; heddle: a negative timeout is a ValueError", async () => {
      const go = new Event();
      const thread = new Thread({ target: waitFor, args: [go] }).start();
      assert.equal(thread.joinSync({ timeout: 0 }), undefined);
      assert.equal(await thread.join({ timeout: 0 }), undefined);
      assert.equal(thread.isAlive, true);
      assert.throws(() => thread.joinSync({ timeout: -5 }), ValueError);
      await assert.rejects(thread.join({ timeout: NaN }), ValueError);
      go.set();
      assert.equal(thread.joinSync(), true);
      assert.equal(thread.joinSync({ timeout: 0 }), true);
    });

    test("THR-4 join with a timeout shorter than the work: undefined, not early, and the thread lives on", async () => {
      const go = new Event();
      const thread = new Thread({ target: waitFor, args: [go] }).start();
      for (const join of [() => thread.join({ timeout: 30 }), async () => thread.joinSync({ timeout: 30 })]) {
        const { took, value } = await timed(join);
        assert.equal(value, undefined);
        assert.ok(took >= 30, `after ${took} ms`);
        assert.equal(thread.isAlive, true);
      }
      go.set();
      assert.equal(await thread.join(), true);
    });

    test("THR-5 default names count unnamed threads only, and tell the target's name", () => {
      const number = (name: string): number => Number(/^Thread-(\d+)/.exec(name)?.[1]);
      const first = new Thread({ target: waitFor as never });
      const n = number(first.name);
      assert.equal(first.name, `Thread-${n} (waitFor)`);
      assert.equal(new Thread({ name: "mine", target: waitFor as never }).name, "mine");
      assert.equal(new Thread().name, `Thread-${n + 1}`);
      assert.equal(new Thread({ name: "" }).name, `Thread-${n + 2}`);
      assert.equal(new Timer(1, () => undefined).name.startsWith(`Thread-${n + 3}`), true);
      assert.equal(
        new Thread({
          target: (
            () => () =>
              undefined
          )(),
        }).name,
        `Thread-${n + 4}`,
      );
    });

    test("THR-5 a name may be changed at any time, and by any thread", async () => {
      const [renamed, seen, go] = [new Event(), new Event(), new Event()];
      const thread = new Thread({
        name: "before",
        target: (renamed: threading.Event, seen: threading.Event, go: threading.Event) => {
          renamed.waitSync();
          const there = kind.currentThread().name;
          kind.currentThread().name = "from inside";
          seen.set();
          go.waitSync();
          return there;
        },
        args: [renamed, seen, go],
      }).start();
      thread.name = "after";
      renamed.set();
      await seen.wait();
      assert.equal(thread.name, "from inside");
      go.set();
      assert.equal(await thread.join(), "after");
      (thread as { name: unknown }).name = 7;
      assert.equal(thread.name, "7");
    });

    test("THR-6 arguments arrive as they were, nested lists too; heddle: args must be an array", async () => {
      const list = [1, [2, [3]], { four: 5 }];
      const echo = (...args: unknown[]): unknown[] => args;
      assert.deepEqual(await new Thread({ target: echo, args: [list, "x"] }).start().join(), [list, "x"]);
      assert.deepEqual(await new Thread({ target: echo }).start().join(), []);
      assert.throws(() => new Thread({ target: echo, args: 5 as never }), TypeError);
      assert.throws(() => new Thread({ target: echo, args: "abc" as never }), TypeError);
    });

    test("THR-7 run() of a subclass goes before the target; super.run() calls it", async () => {
      assert.equal(await new kind.Deaf().start().join(), "run ran");
      const doubler = new kind.Doubler(21).start();
      assert.equal(await doubler.join(), -1);
      assert.equal(doubler.output, 42);
    });

    test("THR-7 fields of a subclass go there and come back, and this is currentThread()", async () => {
      const doubler = new kind.Doubler(4);
      doubler.name = "doubler";
      doubler.input = 5;
      doubler.start().joinSync();
      assert.deepEqual(doubler.ranAs, ["true", "false", "doubler"]);
      assert.deepEqual([doubler.input, doubler.output], [5, 8]);
    });

    test("THR-7 run() called directly runs in the calling thread, once", () => {
      const thread = new Thread({ target: (n: number) => [n, kind.currentThread() === kind.mainThread()], args: [7] });
      assert.deepEqual(thread.run(), [7, true]);
      assert.equal(thread.ident, undefined);
      assert.equal(thread.isAlive, false);
    });

    test("THR-8 daemon is inherited from the creating thread; an explicit false wins", async () => {
      const parent = (): boolean[] => [
        new Thread({ target: () => 1 }).daemon,
        new Thread({ target: () => 1, daemon: false }).daemon,
        new Thread({ target: () => 1, daemon: true }).daemon,
      ];
      assert.deepEqual(await new Thread({ target: parent, daemon: true }).start().join(), [true, false, true]);
      assert.deepEqual(await new Thread({ target: parent }).start().join(), [false, false, true]);
    });

    test("THR-9 setting daemon on a started or finished thread is a RuntimeError", async () => {
      const thread = new Thread({ target: () => kind.currentThread().daemon });
      thread.daemon = true;
      thread.start();
      assert.throws(() => (thread.daemon = false), RuntimeError);
      assert.equal(await thread.join(), true);
      assert.throws(() => (thread.daemon = false), RuntimeError);
      assert.throws(() => (kind.mainThread().daemon = true), RuntimeError);
    });

    test("THR-10 ident is undefined before start, a number after, the same after the end", async () => {
      const thread = new Thread({ target: () => kind.getIdent() });
      assert.equal(thread.ident, undefined);
      thread.start();
      const { ident } = thread;
      assert.equal(typeof ident, "number");
      assert.notEqual(ident, kind.getIdent());
      assert.equal(await thread.join(), ident);
      assert.equal(thread.ident, ident);
    });

    test("THR-13 many join the same thread, from all kinds of places; all return", async () => {
      const go = new Event();
      const thread = new Thread({ target: waitFor, args: [go] }).start();
      const joins = [
        watch(thread.join()),
        watch(kit.run((t: typeof thread) => t.joinSync(), thread)),
        watch(kit.run(async (t: typeof thread) => await t.join(), thread)),
        watch(thread.join({ timeout: 60_000 })),
      ];
      await kit.waiting(thread, 4);
      go.set();
      for (const { promise } of joins) assert.equal(await promise, true);
    });

    test("THR-13 an error is thrown to every joiner, whole", async () => {
      const go = new Event();
      const thread = new Thread({
        target: (go: threading.Event) => {
          go.waitSync();
          throw Object.assign(new RangeError("for all"), { detail: [1] });
        },
        args: [go],
      }).start();
      const joins = [watch(thread.join()), watch(kit.run((t: typeof thread) => t.joinSync(), thread))];
      await kit.waiting(thread, 2);
      go.set();
      for (const { promise } of joins) {
        await assert.rejects(promise, { name: "RangeError", message: "for all", detail: [1] });
      }
    });

    test("THR-15 target and arguments are not kept alive by the thread object once it has run", async () => {
      setFlagsFromString("--expose-gc");
      const gc = runInNewContext("gc") as () => void;
      const make = (): [InstanceType<typeof Thread>, WeakRef<object>] => {
        const big = { bytes: new Uint8Array(1000) };
        return [new Thread({ target: (o: object) => Object.keys(o), args: [big] }) as never, new WeakRef(big)];
      };
      const [thread, ref] = make();
      thread.start();
      assert.deepEqual(await thread.join(), ["bytes"]);
      await kit.until(
        () => (gc(), ref.deref() === undefined),
        () => "the argument is still alive",
      );
      assert.equal(thread.isAlive, false);
    });

    test("THR a signal ends a join, not the thread", async () => {
      const go = new Event();
      const thread = new Thread({ target: waitFor, args: [go] }).start();
      const aborter = new AbortController();
      const joining = watch(thread.join({ signal: aborter.signal }));
      await kit.waiting(thread, 1);
      aborter.abort(new RangeError("enough"));
      await assert.rejects(joining.promise, RangeError);
      assert.equal(thread.isAlive, true);
      go.set();
      assert.equal(await thread.join(), true);
    });

    test("THR its text shows name and state", async () => {
      const thread = new Thread({ name: "shown", target: () => 1, daemon: true });
      assert.equal(String(thread), "<Thread(shown, initial daemon)>");
      thread.start();
      assert.equal(String(thread), `<Thread(shown, started daemon ${thread.ident})>`);
      await thread.join();
      assert.equal(String(thread), `<Thread(shown, stopped daemon ${thread.ident})>`);
    });
  });

  describe(`Timer over ${backend.name}`, () => {
    const kit = new Kit(backend);
    after(() => kit.close());

    test("TMR-1 it fires once, not before the interval; join waits for the callback's end", async () => {
      const words = backend.words(1);
      const start = performance.now();
      const timer = new Timer(
        40,
        (words: Int32Array) => {
          Atomics.add(words, 0, 1);
          return "fired";
        },
        [words],
      ).start();
      assert.equal(await timer.join(), "fired");
      assert.ok(performance.now() - start >= 40);
      assert.equal(words[0], 1);
      assert.equal(timer.isAlive, false);
    });

    test("TMR-2 cancelled while it waits: the function is never called, the thread ends", async () => {
      const words = backend.words(1);
      const timer = new Timer(3_600_000, (words: Int32Array) => Atomics.add(words, 0, 1), [words]).start();
      assert.equal(await timer.join({ timeout: 1 }), undefined);
      timer.cancel();
      assert.equal(await timer.join(), undefined);
      assert.equal(words[0], 0);
    });

    test("TMR-3 cancelled, then started: runs nothing", async () => {
      const words = backend.words(1);
      const timer = new Timer(0, (words: Int32Array) => Atomics.add(words, 0, 1), [words]);
      timer.cancel();
      timer.start();
      assert.equal(await timer.join(), undefined);
      assert.equal(words[0], 0);
    });

    test("TMR-4 cancelled after it fired: harmless, twice", async () => {
      const timer = new Timer(0, () => 5).start();
      assert.equal(await timer.join(), 5);
      timer.cancel();
      timer.cancel();
      assert.equal(await timer.join(), 5);
    });

    test("TMR-5 timers without args share nothing", async () => {
      const collect = (...args: unknown[]): number => args.push("mine");
      const timers = [new Timer(0, collect).start(), new Timer(0, collect).start()];
      assert.deepEqual(await Promise.all(timers.map((timer) => timer.join())), [1, 1]);
    });

    test("TMR-6 join waits for the end of an async callback, and throws its error", async () => {
      const go = new Event();
      const timer = new Timer(0, async (go: threading.Event) => await go.wait(), [go]).start();
      await kit.waiting(go, 1);
      assert.equal(await timer.join({ timeout: 1 }), undefined);
      go.set();
      assert.equal(timer.joinSync(), true);
      const failing = new Timer(0, () => Promise.reject(new RangeError("late"))).start();
      await assert.rejects(failing.join(), RangeError);
    });

    test("TMR-7 a timer started twice is a RuntimeError", async () => {
      const timer = new Timer(0, () => 1).start();
      assert.throws(() => timer.start(), RuntimeError);
      await timer.join();
      assert.throws(() => timer.start(), RuntimeError);
    });

    test("TMR a negative interval fires at once; a broken one, and no function, are errors", async () => {
      assert.equal(await new Timer(-5, () => "now").start().join(), "now");
      assert.throws(() => new Timer(NaN, () => 1), ValueError);
      assert.throws(() => new Timer("5" as never, () => 1), TypeError);
      assert.throws(() => new Timer(5, "f" as never), TypeError);
    });

    test("TMR another thread may cancel it", async () => {
      const timer = new Timer(3_600_000, () => "fired").start();
      await kit.run((timer: threading.Timer) => timer.cancel(), timer as never);
      assert.equal(await timer.join(), undefined);
    });
  });
}
