/** Conformance of Listener and Client: LC-1 … LC-6. @module */

import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { once } from "node:events";
import { after, describe, test } from "node:test";
import {
  AuthenticationError,
  BrokenPipeError,
  type BufferTooShort,
  EOFError,
  FileNotFoundError,
  HeddleError,
  OSError,
  RuntimeError,
  TimeoutError,
  ValueError,
} from "heddle/errors";
import {
  type Address,
  Client,
  type Connection,
  connectionWait,
  Listener,
  Lock,
  SharedArray,
} from "heddle/multiprocessing";
import { int32 } from "heddle/shared";
import { type Backend, Kit, timed } from "./kit.ts";

const key = (text: string): Uint8Array => new TextEncoder().encode(text);
const secret = key("a secret that both have");

// ── What the other program does ──────────────────────────────────────────────────────────────────────────────────────

async function greet(address: Address, authkey: Uint8Array | undefined): Promise<string> {
  using connection = await Client(address, { authkey, timeout: 20_000 });
  await connection.send({ hello: "listener" });
  return String(await connection.recv());
}

async function echoUntilEnd(address: Address): Promise<number> {
  using connection = await Client(address);
  for (let n = 0; ; n++) {
    try {
      await connection.send(await connection.recv());
    } catch (error) {
      if (error instanceof EOFError) return n;
      throw error;
    }
  }
}

async function sendAndLeave(address: Address, values: unknown[]): Promise<void> {
  using connection = await Client(address);
  for (const value of values) await connection.send(value);
}

async function connectInVain(address: Address, authkey: Uint8Array | undefined): Promise<string> {
  try {
    (await Client(address, { authkey, timeout: 20_000 })).close();
    return "connected";
  } catch (error) {
    return (error as Error).name;
  }
}

async function holdOpen(address: Address): Promise<void> {
  const connection = await Client(address);
  await connection.send("here");
  await connection.recv();
}

export function listenerSuite(backend: Backend, kind: { readonly name: string; address(): Address | undefined }): void {
  const listen = (options?: ConstructorParameters<typeof Listener>[1]): Promise<Listener> =>
    new Listener(kind.address(), options).listening();

  /** Both ends, here. */
  async function pair(options?: { maxMessageSize?: number }): Promise<[Connection, Connection, Listener]> {
    const listener = await listen(options);
    const client = Client(listener.address, options);
    return [await listener.accept(), await client, listener];
  }

  describe(`Listener and Client over ${kind.name}, ${backend.name}`, () => {
    const kit = new Kit(backend);
    after(() => kit.close());

    for (const authkey of [undefined, secret]) {
      test(`LC-1 a conversation, then the end${authkey === undefined ? "" : ", with a key"}`, async () => {
        using listener = await listen({ authkey });
        assert.equal(listener.lastAccepted, undefined);
        const greeting = kit.run(greet, listener.address, authkey);
        using connection = await listener.accept();
        assert.deepEqual(await connection.recv(), { hello: "listener" });
        await connection.send("hello client");
        assert.equal(await greeting, "hello client");
        await assert.rejects(connection.recv(), EOFError);
        assert.equal(await connection.poll(), true);
        await assert.rejects(connection.send(1), BrokenPipeError);
        const from = listener.lastAccepted;
        if (typeof listener.address === "string") assert.equal(from, "");
        else assert.equal((from as unknown as [string, number])[0], "127.0.0.1");
      });
    }

    test("LC-1 values and bytes of all kinds and sizes", async () => {
      using listener = await listen();
      const echoing = kit.run(echoUntilEnd, listener.address);
      using connection = await listener.accept();
      const values = [0, -1.5, "text ü €", null, undefined, true, 2n ** 80n, [1, [], 3], { a: { b: [] } }, new Date(5)];
      for (const value of [...values, new Map([[{ k: 1 }, new Set([1])]]), new Float64Array([1, 2]), "x".repeat(1e6)]) {
        await connection.send(value);
        assert.deepEqual(await connection.recv(), value);
      }
      const error = Object.assign(new TypeError("wrong"), { extra: [1] });
      await connection.send(error);
      const back = (await connection.recv()) as typeof error;
      assert.ok(back instanceof TypeError && back.message === "wrong");
      assert.deepEqual(back.extra, [1]);
      const large = new Uint8Array(5_000_000).map((_, i) => i * 13);
      await connection.sendBytes(large);
      assert.equal(Buffer.compare((await connection.recv()) as Uint8Array, large), 0);
      await connection.sendBytes(large, 10, 5);
      assert.deepEqual(await connection.recv(), large.slice(10, 15));
      // Many at once keep their order, and none is merged.
      const sending = Array.from({ length: 500 }, (_, i) => connection.send(i));
      for (let i = 0; i < 500; i++) assert.equal(await connection.recv(), i);
      await Promise.all(sending);
      connection.close();
      assert.equal(await echoing, values.length + 3 + 1 + 2 + 500);
    });

    for (const [what, ours, theirs] of [
      ["another key", secret, key("another")],
      ["no key at the client", secret, undefined],
      ["no key at the listener", undefined, secret],
      ["a key that begins alike", secret, secret.slice(0, -1)],
    ] as const) {
      test(`LC-2 ${what}: neither side accepts`, async () => {
        using listener = await listen({ authkey: ours });
        const trying = kit.run(connectInVain, listener.address, theirs);
        await assert.rejects(listener.accept(), AuthenticationError);
        assert.equal(await trying, "AuthenticationError");
        // The listener goes on.
        const greeting = kit.run(greet, listener.address, ours);
        using connection = await listener.accept();
        await connection.send("ok");
        assert.equal(await greeting, "ok");
      });
    }

    test("LC-3 two cannot listen at one address", async () => {
      using listener = await listen();
      await assert.rejects(new Listener(listener.address).listening(), OSError);
      using second = new Listener(listener.address);
      await assert.rejects(second.accept(), OSError);
      // The first is as it was.
      const greeting = kit.run(greet, listener.address, undefined);
      using connection = await listener.accept();
      await connection.send("first");
      assert.equal(await greeting, "first");
    });

    test("LC-4 a closed listener accepts nobody", async () => {
      const listener = await listen();
      const accepting = listener.accept();
      const { address } = listener;
      listener.close();
      await assert.rejects(accepting, { name: "OSError", message: /listener is closed/ });
      await assert.rejects(listener.accept(), { name: "OSError", message: /listener is closed/ });
      listener.close();
      await assert.rejects(Client(address), OSError);
      if (typeof address === "string") await assert.rejects(Client(address), FileNotFoundError);
      using again = await new Listener(address).listening();
      assert.deepEqual(again.address, address);
    });

    test("LC-5 what is sent before it is accepted arrives after", async () => {
      using listener = await listen();
      await kit.run(sendAndLeave, listener.address, ["early", 2]);
      using connection = await listener.accept();
      assert.equal(await connection.recv(), "early");
      assert.equal(await connection.recv(), 2);
      await assert.rejects(connection.recv(), EOFError);
    });

    test("LC-6 addresses and options that make no sense", async () => {
      assert.throws(() => new Listener(String.raw`\\.\pipe\name`), ValueError);
      assert.throws(() => new Listener(undefined, { family: "AF_PIPE" as never }), ValueError);
      assert.throws(() => new Listener(undefined, { family: "AF_NONSENSE" as never }), ValueError);
      assert.throws(() => new Listener("/tmp/x", { family: "AF_INET" }), ValueError);
      assert.throws(() => new Listener(["127.0.0.1", 70_000]), ValueError);
      assert.throws(() => new Listener(5 as never), TypeError);
      assert.throws(() => new Listener(""), ValueError);
      assert.throws(() => new Listener(`/tmp/${"x".repeat(200)}`), ValueError);
      for (const authkey of ["text", [1], 5]) {
        assert.throws(() => new Listener(undefined, { authkey: authkey as never }), TypeError);
        await assert.rejects(Client("/tmp/x", { authkey: authkey as never }), TypeError);
      }
      assert.throws(() => new Listener(undefined, { authkey: new Uint8Array(0) }), ValueError);
      assert.throws(() => new Listener(undefined, { backlog: 0 }), ValueError);
      assert.throws(() => new Listener(undefined, { maxMessageSize: 0 }), ValueError);
      await assert.rejects(Client("/nowhere/socket"), FileNotFoundError);
    });

    test("waits end by timeout and signal, and leave nothing behind", async () => {
      using listener = await listen();
      const { took } = await timed(() => assert.rejects(listener.accept({ timeout: 20 }), TimeoutError));
      assert.ok(took >= 20);
      const abort = new AbortController();
      const accepting = listener.accept({ signal: abort.signal });
      abort.abort("enough");
      await assert.rejects(accepting, (reason) => reason === "enough");
      await assert.rejects(Client(listener.address, { signal: AbortSignal.abort("no") }), (reason) => reason === "no");
      const [ours, theirs, other] = await pair();
      await assert.rejects(ours.recv({ timeout: 10 }), TimeoutError);
      assert.equal(await ours.poll(), false);
      assert.equal(await ours.poll({ timeout: 10 }), false);
      const over = new AbortController();
      const waits = [ours.recv({ signal: over.signal }), ours.poll({ signal: over.signal })];
      over.abort("given up");
      for (const wait of waits) await assert.rejects(wait, (reason) => reason === "given up");
      const polled = ours.poll({ timeout: 20_000 });
      await theirs.send("whole");
      assert.equal(await polled, true);
      assert.equal(await ours.recv(), "whole");
      other.close();
    });

    test("nothing works after close; the other side sees the end", async () => {
      const [ours, theirs, listener] = await pair();
      await ours.send("last");
      const waiting = assert.rejects(ours.recv(), OSError);
      ours.close();
      ours.close();
      await waiting;
      const closed = { name: "OSError", message: /handle is closed/ };
      await assert.rejects(ours.recv(), closed);
      await assert.rejects(ours.send(1), closed);
      await assert.rejects(ours.poll(), closed);
      assert.equal(ours.closed, true);
      assert.equal(await theirs.recv(), "last");
      await assert.rejects(theirs.recv(), EOFError);
      theirs.close();
      listener.close();
    });

    test("the blocking forms name the others", async () => {
      const [ours, , listener] = await pair();
      for (const name of ["recvSync", "pollSync", "recvBytesSync"] as const) {
        assert.throws(
          () => ours[name](),
          (error: Error) => error instanceof RuntimeError && /await/.test(error.message),
        );
      }
      assert.throws(() => ours.sendSync(1), /await send\(\)/);
      ours.close();
      listener.close();
    });

    test("only data is sent", async () => {
      const [ours, theirs, listener] = await pair();
      class Point {
        x = 1;
      }
      const array = new SharedArray(int32, 4);
      for (const value of [
        () => 1,
        Point,
        new Point(),
        new Lock(),
        array,
        array.data,
        ours,
        new SharedArrayBuffer(8),
        Symbol("s"),
      ]) {
        await assert.rejects(theirs.send({ deep: [value] }), { name: "NotSendableError" });
      }
      // An error of a class of one's own arrives as the nearest that both sides know.
      class OwnError extends RangeError {
        override name = "OwnError";
      }
      await theirs.send(new OwnError("told"));
      const told = (await ours.recv()) as Error;
      assert.ok(told instanceof RangeError);
      assert.deepEqual([told.name, told.message], ["OwnError", "told"]);
      listener.close();
      ours.close();
    });

    test("bytes: buffers that are too short, limits", async () => {
      const [ours, theirs, listener] = await pair({ maxMessageSize: 1000 });
      await ours.sendBytes(key("0123456789"));
      await assert.rejects(
        theirs.recvBytesInto(new Uint8Array(3)),
        (error: BufferTooShort) => error.data?.length === 10,
      );
      await ours.sendBytes(key("0123"));
      const buffer = new Uint8Array(8);
      assert.equal(await theirs.recvBytesInto(buffer, 4), 4);
      assert.equal(new TextDecoder().decode(buffer.subarray(4)), "0123");
      await ours.send({ no: "bytes" });
      await assert.rejects(theirs.recvBytes(), RuntimeError);
      await assert.rejects(ours.sendBytes(new Uint8Array(1001)), ValueError);
      await ours.sendBytes(new Uint8Array(1000));
      await assert.rejects(theirs.recvBytes(999), OSError);
      assert.equal(theirs.readable, false);
      await assert.rejects(theirs.recv(), OSError);
      listener.close();
    });

    test("a side whose limit is lower does not take what is too long", async () => {
      using listener = await listen({ maxMessageSize: 1000 });
      using client = await Client(listener.address);
      using connection = await listener.accept();
      await client.sendBytes(new Uint8Array(2000));
      await assert.rejects(connection.recv(), { name: "OSError", message: /bad message length/ });
      await assert.rejects(client.recv(), EOFError);
    });

    test("a sender faster than its receiver waits", async () => {
      const [ours, theirs, listener] = await pair();
      const chunk = new Uint8Array(1 << 20);
      let sent = 0;
      const sending = (async () => {
        for (let i = 0; i < 64; i++) {
          await ours.sendBytes(chunk);
          sent++;
        }
      })();
      assert.equal((await theirs.recvBytes()).length, chunk.length);
      for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
      assert.ok(sent < 64, `${sent} were taken in though nobody received them`);
      for (let i = 1; i < 64; i++) assert.equal((await theirs.recvBytes()).length, chunk.length);
      await sending;
      listener.close();
      ours.close();
    });

    test("connectionWait: whichever is ready", async () => {
      const [ours, theirs, listener] = await pair();
      const [ours2, theirs2, listener2] = await pair();
      assert.deepEqual(await connectionWait([ours, ours2], { timeout: 10 }), []);
      const waiting = connectionWait([ours, ours2]);
      await theirs2.send(1);
      assert.deepEqual(await waiting, [ours2]);
      theirs.close();
      assert.deepEqual(await connectionWait([ours]), [ours]);
      listener.close();
      listener2.close();
      ours2.close();
      theirs2.close();
    });

    test("the other program is killed: the end", async () => {
      using listener = await listen();
      const other = backend.spawn(holdOpen, listener.address);
      const ended = other.join().catch(() => undefined);
      using connection = await listener.accept();
      assert.equal(await connection.recv(), "here");
      const waiting = assert.rejects(connection.recv(), EOFError);
      await other.terminate();
      await waiting;
      await ended;
    });

    test("strangers: neither side is harmed by what is no connection of heddle's", async () => {
      using listener = await listen({ authkey: secret });
      const talk = async (said: Uint8Array): Promise<void> => {
        const { address } = listener;
        const socket = typeof address === "string" ? connect(address) : connect(address[1], address[0]);
        socket.on("error", () => undefined);
        await once(socket, "connect");
        socket.end(said);
        socket.resume();
        await assert.rejects(listener.accept(), HeddleError);
        if (!socket.closed) await once(socket, "close");
      };
      await talk(key("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
      await talk(new Uint8Array(0));
      await talk(new Uint8Array(5000));
      await talk(new Uint8Array([255, 255, 255, 255, 2]));
      await talk(new Uint8Array([0, 0, 0, 66, 2, ...new Uint8Array(65)]));
      const greeting = kit.run(greet, listener.address, secret);
      using connection = await listener.accept();
      await connection.send("still here");
      assert.equal(await greeting, "still here");

      const impostor = createServer((socket: Socket) => socket.on("error", () => undefined).end("220 smtp ready\r\n"));
      impostor.listen(0, "127.0.0.1");
      await once(impostor, "listening");
      const { port } = impostor.address() as { port: number };
      await assert.rejects(Client(["127.0.0.1", port], { authkey: secret }), HeddleError);
      impostor.close();
    });

    test("who dawdles does not keep others waiting", async () => {
      using listener = await listen();
      const { address } = listener;
      const dawdler = typeof address === "string" ? connect(address) : connect(address[1], address[0]);
      await once(dawdler, "connect");
      await once(dawdler, "readable");
      const greeting = kit.run(greet, address, undefined);
      using connection = await listener.accept({ timeout: 20_000 });
      await connection.send("served");
      assert.equal(await greeting, "served");
      dawdler.destroy();
    });
  });
}
