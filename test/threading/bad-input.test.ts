import assert from "node:assert/strict";
import { createServer, Socket } from "node:net";
import { test } from "node:test";
import { isMain } from "heddle";
import { NotSendableError, RuntimeError, ThreadDiedError, ValueError } from "heddle/errors";
import { activeCount, currentThread, Event, mainThread, spawn, Thread } from "heddle/threading";

class Secretive extends Thread<[], number> {
  readonly #secret = 42;

  override run(): number {
    return this.#secret;
  }
}

class Unsendable extends Thread<[], void> {
  readonly waiting: Promise<void> = Promise.resolve();
}

class Result extends Thread<[], number> {
  found: unknown;

  override run(): number {
    this.found = Promise.resolve(1);
    return 1;
  }
}

if (isMain(import.meta)) {
  const echo = (...args: unknown[]): unknown[] => args;

  test("a target that is no function, options that are none, args that are no array", () => {
    for (const target of [5, "f", {}, null]) assert.throws(() => new Thread({ target: target as never }), TypeError);
    for (const options of [5, "f", null]) assert.throws(() => new Thread(options as never), TypeError);
    assert.throws(() => new Thread({ target: echo, args: new Set() as never }), TypeError);
    assert.throws(() => new Thread({ worker: 5 as never }), TypeError);
    assert.throws(() => spawn(undefined as never), TypeError);
  });

  test("an argument that cannot be sent: the error at the call names the path, and nothing has started", () => {
    const socket = new Socket();
    const thread = new Thread({ target: echo, args: [{ db: socket }] });
    assert.throws(
      () => thread.start(),
      (error: Error) => {
        assert.ok(error instanceof NotSendableError);
        assert.match(error.message, /^args\[0\]\.db: Socket cannot be sent to another thread/);
        assert.match(error.stack ?? "", /bad-input/);
        return true;
      },
    );
    assert.equal(thread.ident, undefined);
    assert.equal(activeCount(), 1);
    socket.destroy();
    assert.throws(() => spawn(echo, [Promise.resolve()]), { message: /^args\[0\]\[0\]: / });
    assert.throws(() => spawn(echo, new WeakMap()), NotSendableError);
    assert.throws(() => spawn(echo, Symbol("local")), NotSendableError);
    const server = createServer();
    assert.throws(() => spawn(echo, 1, { server }), { message: /^args\[1\]\.server: Server cannot be sent/ });
  });

  test("a thread whose start failed can be started once the reason is gone", async () => {
    const args: unknown[] = [Promise.resolve()];
    const thread = new Thread({ target: echo, args });
    assert.throws(() => thread.start(), NotSendableError);
    args[0] = "sendable";
    assert.deepEqual(await thread.start().join(), ["sendable"]);
  });

  test("a captured variable that cannot be sent is named", () => {
    const socket = new Socket();
    const captures = (): unknown => socket.bytesRead;
    assert.throws(() => spawn(captures), { code: "ERR_HEDDLE_NOT_SENDABLE", message: /socket.*Socket/ });
    socket.destroy();
  });

  test("a subclass with a private field, or a field that cannot be sent", () => {
    assert.throws(() => new Secretive().start(), { code: "ERR_HEDDLE_NOT_SENDABLE", message: /^this\.#secret: / });
    assert.throws(() => new Unsendable().start(), { code: "ERR_HEDDLE_NOT_SENDABLE", message: /^this\.waiting: / });
  });

  test("a field assigned in the thread that cannot come back is the thread's error", async () => {
    await assert.rejects(new Result().start().join(), { code: "ERR_HEDDLE_NOT_SENDABLE", message: /^this\.found: / });
  });

  test("terminate: before the start a RuntimeError, the main thread never, a bad grace a ValueError", async () => {
    await assert.rejects(new Thread().terminate(), RuntimeError);
    await assert.rejects(mainThread().terminate(), RuntimeError);
    const thread = spawn(() => 1);
    await assert.rejects(thread.terminate({ grace: -1 }), ValueError);
    assert.equal(await thread.join(), 1);
    await thread.terminate();
    assert.equal(await thread.join(), 1);
  });

  test("terminate at every moment of a start: it ends, and whoever joins is told", async () => {
    for (let i = 0; i < 12; i++) {
      const ready = new Event();
      const thread = spawn((ready: Event) => {
        ready.set();
        for (;;);
      }, ready);
      await ready.wait({ timeout: 8 * i });
      const joined = thread.join();
      joined.catch(() => undefined);
      if (i % 2 === 0) await thread.terminate();
      else void thread.terminate();
      if (i % 3 === 0) assert.throws(() => thread.joinSync(), ThreadDiedError);
      await assert.rejects(joined, ThreadDiedError);
      assert.equal(thread.isAlive, false);
    }
    assert.equal(activeCount(), 1);
  });

  test("terminate with grace: a thread that listens ends by itself", async () => {
    const ready = new Event();
    const thread = spawn(async (ready: Event) => {
      ready.set();
      while (!currentThread().cancelRequested) await new Promise((resolve) => setImmediate(resolve));
      return "tidied up";
    }, ready);
    await ready.wait();
    await thread.terminate({ grace: 20_000 });
    assert.equal(await thread.join(), "tidied up");
  });

  test("terminate by another thread than the one that started it", async () => {
    const ready = new Event();
    const victim = spawn((ready: Event) => {
      ready.set();
      for (;;);
    }, ready);
    await ready.wait();
    const killer = spawn(async (victim: Thread<unknown[], unknown>) => {
      await victim.terminate();
      return victim.isAlive;
    }, victim as never);
    // Main blocks: it must do what it is asked all the same.
    assert.equal(killer.joinSync(), false);
    await assert.rejects(victim.join(), ThreadDiedError);
  });

  test("an object whose class the thread's own modules do not load still arrives", async () => {
    const { plain } = await import("./programs/plain.ts");
    assert.equal(await spawn(plain, new Event()).join(), "<Event unset>");
    const { Queue } = await import("heddle/queue");
    assert.equal(await spawn(plain, new Queue(3)).join(), "<Queue qsize=0 maxsize=3>");
  });
}
