/** Conformance of Pipe and Connection: PIPE-1 … PIPE-12. @module */

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { load } from "#atomics";
import { BrokenPipeError, BufferTooShort, EOFError, OSError, TimeoutError, ValueError } from "heddle/errors";
import { type Connection, connectionWait, type PipeConnection } from "heddle/multiprocessing";
import { ADDRESS, DOMAIN } from "../../src/core/handles.ts";
import { CONNECTION } from "../../src/core/layout.ts";
import { type Backend, Kit, timed } from "./kit.ts";

type Pipe = (options?: { duplex?: boolean }) => [PipeConnection, PipeConnection];

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

// ── What the other side does ─────────────────────────────────────────────────────────────────────────────────────────

async function echo(end: Connection, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await end.send(await end.recv());
  end.close();
}

function echoBytesSync(end: Connection, count: number): void {
  for (let i = 0; i < count; i++) end.sendBytesSync(end.recvBytesSync());
  end.close();
}

function sendAll(end: Connection, messages: readonly unknown[]): void {
  for (const message of messages) end.sendSync(message);
  end.close();
}

async function receiveAll(end: Connection): Promise<unknown[]> {
  const messages: unknown[] = [];
  try {
    for (;;) messages.push(await end.recv());
  } catch (error) {
    if (!(error instanceof EOFError)) throw error;
  }
  end.close();
  return messages;
}

function receiveAllSync(end: Connection): unknown[] {
  const messages: unknown[] = [];
  try {
    for (;;) messages.push(end.recvSync());
  } catch (error) {
    if (!(error instanceof EOFError)) throw error;
  }
  end.close();
  return messages;
}

function holdForEver(end: Connection): void {
  end.sendSync("holding");
  end.recvSync();
}

function useAndReturn(end: PipeConnection): string {
  end.sendSync("was here");
  const kind = String(end);
  end.close();
  return kind;
}

export function pipeSuite(backend: Backend, Pipe: Pipe): void {
  /** The channel that the end receives from, which is what one waits for. */
  function channelOf(end: PipeConnection, which: "reads" | "writes"): object {
    const { [ADDRESS]: address, [DOMAIN]: domain } = end;
    return { [ADDRESS]: load(domain.memory.words, address + CONNECTION[which]), [DOMAIN]: domain };
  }

  describe(`Pipe over ${backend.name}`, () => {
    const kit = new Kit(backend);
    after(() => kit.close());

    test("PIPE-1 values make the round trip", async () => {
      const [ours, theirs] = Pipe();
      const values = [1, -1.5, "text", null, undefined, true, 2n ** 70n, [1, [2]], { a: { b: 1 } }, new Map([[1, 2]])];
      const done = kit.run(echo, theirs, values.length);
      for (const value of values) {
        await ours.send(value);
        assert.deepEqual(await ours.recv(), value);
      }
      await done;
      theirs.close();
      ours.close();
    });

    test("PIPE-2 bytes make the round trip, also none and 16 MiB", async () => {
      const [ours, theirs] = Pipe();
      const large = new Uint8Array(16 * 2 ** 20).map((_, i) => i * 7);
      const messages = [bytes("hello"), new Uint8Array(0), large];
      const done = kit.run(echoBytesSync, theirs, messages.length);
      for (const message of messages) {
        await ours.sendBytes(message);
        const back = await ours.recvBytes();
        assert.equal(Buffer.compare(back, message), 0);
      }
      await done;
    });

    test("PIPE-3 messages never merge", async () => {
      const [reader, writer] = Pipe({ duplex: false });
      const done = kit.run(sendAll, writer, [bytes("a"), bytes("b"), bytes("cd")]);
      for (const each of ["a", "b", "cd"]) assert.equal(text(await reader.recvBytes()), each);
      await done;
    });

    test("PIPE-4 poll looks, waits, and takes nothing", async () => {
      const [ours, theirs] = Pipe();
      assert.equal(await ours.poll(), false);
      assert.equal(ours.pollSync(), false);
      const { took, value } = await timed(() => ours.poll({ timeout: 50 }));
      assert.equal(value, false);
      assert.ok(took >= 50, `${took} ms`);
      const start = performance.now();
      assert.equal(ours.pollSync({ timeout: 20 }), false);
      assert.ok(performance.now() - start >= 20);
      await kit.run(sendAll, theirs, [1, 2]);
      for (let i = 0; i < 2; i++) assert.equal(await ours.poll(), true);
      assert.equal(ours.pollSync({ timeout: 1000 }), true);
      assert.equal(ours.recvSync(), 1);
      assert.equal(await ours.poll({}), true);
      assert.equal(ours.recvSync(), 2);
      // A message of nothing is one as well.
      assert.equal(await ours.poll(), false);
      theirs.sendBytesSync(new Uint8Array(0));
      assert.equal(await ours.poll(), true);
    });

    for (const form of ["poll", "pollSync"] as const) {
      test(`PIPE-4 ${form} that waits is told of a message, and of the end`, async () => {
        const [ours, theirs] = Pipe();
        const wait = (): Promise<boolean> =>
          form === "poll" ? theirs.poll({}) : kit.run(pollThere, ours as Connection, theirs as Connection);
        const polled = wait();
        await kit.waiting(channelOf(theirs, "reads"), 1);
        ours.sendSync("there");
        assert.equal(await polled, true);
        assert.equal(theirs.recvSync(), "there");
        const again = wait();
        await kit.waiting(channelOf(theirs, "reads"), 1);
        ours.close();
        assert.equal(await again, true);
        await assert.rejects(theirs.recv(), EOFError);
      });
    }

    test("PIPE-4 one message, several who watch: each is told, one receives", async () => {
      const [ours, theirs] = Pipe();
      const watching = [theirs.poll({}), theirs.poll({}), theirs.poll({ timeout: 60_000 })];
      await kit.waiting(channelOf(theirs, "reads"), 3);
      ours.sendSync(1);
      assert.deepEqual(await Promise.all(watching), [true, true, true]);
      assert.equal(theirs.recvSync(), 1);
      assert.equal(theirs.pollSync(), false);
    });

    test("PIPE-4 who watches does not take from who receives", async () => {
      const [ours, theirs] = Pipe();
      const received = theirs.recv();
      await kit.waiting(channelOf(theirs, "reads"), 1);
      const watched = theirs.poll({ timeout: 30 });
      await kit.waiting(channelOf(theirs, "reads"), 2);
      ours.sendSync("for the receiver");
      assert.equal(await received, "for the receiver");
      assert.equal(await watched, false);
    });

    test("PIPE-5 what was sent comes before the end", async () => {
      const [reader, writer] = Pipe({ duplex: false });
      const done = kit.run(sendAll, writer, ["last"]);
      await done;
      writer.close();
      assert.equal(await reader.poll(), true);
      assert.equal(reader.recvSync(), "last");
      for (let i = 0; i < 2; i++) {
        assert.equal(reader.pollSync(), true);
        assert.throws(() => reader.recvSync(), EOFError);
        await assert.rejects(reader.recv(), EOFError);
        await assert.rejects(reader.recvBytes(), EOFError);
      }
    });

    for (const receive of [receiveAll, receiveAllSync]) {
      test(`PIPE-5 the end reaches who waits for it: ${receive.name}`, async () => {
        const [reader, writer] = Pipe({ duplex: false });
        const received = kit.run(receive, reader as Connection);
        reader.close();
        for (let i = 0; i < 3; i++) await writer.send(i);
        await kit.waiting(channelOf(writer, "writes"), 1);
        writer.close();
        assert.deepEqual(await received, [0, 1, 2]);
      });
    }

    test("PIPE-6 each end of a simplex pipe has one direction", async () => {
      const [reader, writer] = Pipe({ duplex: false });
      assert.deepEqual([reader.readable, reader.writable], [true, false]);
      assert.deepEqual([writer.readable, writer.writable], [false, true]);
      const [one] = Pipe();
      assert.deepEqual([one.readable, one.writable], [true, true]);
      await assert.rejects(reader.send(1), { name: "OSError", message: /read-only/ });
      assert.throws(() => reader.sendBytesSync(bytes("x")), /read-only/);
      await assert.rejects(writer.recv(), { name: "OSError", message: /write-only/ });
      assert.throws(() => writer.recvBytesSync(), /write-only/);
      assert.throws(() => writer.pollSync(), OSError);
      await assert.rejects(writer.poll(), OSError);
    });

    test("PIPE-7 the part of the bytes that is sent", async () => {
      const [ours, theirs] = Pipe();
      const message = bytes("abcdefghijklmnopqrstuvwxyz");
      const sent = async (...args: [number?, number?]): Promise<string> => {
        await ours.sendBytes(message, ...args);
        return text(theirs.recvBytesSync());
      };
      assert.equal(await sent(), text(message));
      assert.equal(await sent(5), text(message.subarray(5)));
      assert.equal(await sent(7, 8), "hijklmno");
      assert.equal(await sent(26), "");
      assert.equal(await sent(26, 0), "");
      ours.sendBytesSync(message, { offset: 7, size: 8 });
      assert.equal(text(theirs.recvBytesSync()), "hijklmno");
      ours.sendBytesSync(new DataView(message.buffer, 2, 3));
      assert.equal(text(theirs.recvBytesSync()), "cde");
      for (const args of [[27], [22, 5], [-1], [4, -1], [1.5], [Number.NaN]] as [number, number?][]) {
        await assert.rejects(ours.sendBytes(message, ...args), ValueError, String(args));
        assert.throws(() => ours.sendBytesSync(message, ...args), ValueError, String(args));
      }
      await assert.rejects(ours.sendBytes("text" as never), TypeError);
      await assert.rejects(ours.sendBytes(message, "1" as never), TypeError);
      assert.equal(theirs.pollSync(), false);
    });

    test("PIPE-8 a buffer that is too short: the error has the message", async () => {
      const [ours, theirs] = Pipe();
      for (let i = 0; i < 2; i++) ours.sendBytesSync(bytes("0123456789"));
      const buffer = new Uint8Array(8);
      await assert.rejects(theirs.recvBytesInto(buffer), (error: BufferTooShort) => {
        assert.ok(error instanceof BufferTooShort);
        assert.equal(text(error.data!), "0123456789");
        return true;
      });
      assert.throws(() => theirs.recvBytesIntoSync(new Uint8Array(12), 3), BufferTooShort);
      assert.equal(theirs.pollSync(), false);
      ours.sendBytesSync(bytes("0123"));
      assert.equal(theirs.recvBytesIntoSync(buffer, 4), 4);
      assert.equal(text(buffer.subarray(4)), "0123");
      ours.sendBytesSync(bytes("xy"));
      assert.equal(await theirs.recvBytesInto(new Uint16Array(buffer.buffer, 0, 1)), 2);
      assert.equal(text(buffer.subarray(0, 2)), "xy");
      await assert.rejects(theirs.recvBytesInto(buffer, 9), ValueError);
      await assert.rejects(theirs.recvBytesInto(buffer, -1), ValueError);
    });

    test("PIPE-8 maxlength: a longer message ends receiving", async () => {
      const [ours, theirs] = Pipe();
      for (let i = 0; i < 3; i++) ours.sendBytesSync(bytes("0123456789"));
      assert.equal((await theirs.recvBytes(10)).length, 10);
      await assert.rejects(theirs.recvBytes(-1), ValueError);
      await assert.rejects(theirs.recvBytes({ maxlength: 9 }), { name: "OSError", message: /bad message length/ });
      assert.equal(theirs.readable, false);
      assert.throws(() => theirs.recvBytesSync(), OSError);
      theirs.sendSync("still writable");
      assert.equal(ours.recvSync(), "still writable");
      const [reader, writer] = Pipe({ duplex: false });
      writer.sendBytesSync(bytes("0123456789"));
      assert.throws(() => reader.recvBytesSync(9), OSError);
      assert.equal(reader.closed, true);
      await assert.rejects(writer.send(1), BrokenPipeError);
    });

    test("PIPE-9 the end comes when every copy of the other end is closed", async () => {
      const [reader, writer] = Pipe({ duplex: false });
      assert.match(await kit.run(useAndReturn, writer), /write-only/);
      assert.equal(reader.recvSync(), "was here");
      // This copy is still open.
      assert.equal(await reader.poll({ timeout: 30 }), false);
      const ended = reader.recv();
      writer.close();
      await assert.rejects(ended, EOFError);
    });

    test("PIPE-9 a copy on its way in a pipe keeps the end open", async () => {
      const [reader, writer] = Pipe({ duplex: false });
      const [give, take] = Pipe();
      await give.send(writer);
      writer.close();
      assert.equal(reader.pollSync(), false);
      const arrived = (await take.recv()) as Connection;
      arrived.sendSync("by the copy");
      assert.equal(reader.recvSync(), "by the copy");
      arrived.close();
      assert.throws(() => reader.recvSync(), EOFError);
      const [reader2, writer2] = Pipe({ duplex: false });
      await give.send(writer2);
      writer2.close();
      // Nobody will receive it: it is closed with the pipe it is in.
      take.close();
      await assert.rejects(reader2.recv(), EOFError);
    });

    test("PIPE-10 nobody receives any more", async () => {
      const [reader, writer] = Pipe({ duplex: false });
      reader.close();
      await assert.rejects(writer.send(1), BrokenPipeError);
      assert.throws(() => writer.sendSync(1), BrokenPipeError);
      assert.throws(() => writer.sendBytesSync(bytes("x")), OSError);
      const [ours, theirs] = Pipe();
      await fill(ours);
      const waiting = ours.send("no room");
      await kit.waiting(channelOf(ours, "writes"), 1);
      theirs.close();
      await assert.rejects(waiting, BrokenPipeError);
    });

    test("PIPE-11 nothing works after close, but close", async () => {
      const [ours, theirs] = Pipe();
      ours.close();
      ours.close();
      assert.equal(ours.closed, true);
      assert.match(String(ours), /closed/);
      const closed = { name: "OSError", message: /handle is closed/ };
      await assert.rejects(ours.send(1), closed);
      await assert.rejects(ours.recv(), closed);
      await assert.rejects(ours.poll(), closed);
      assert.throws(() => ours.sendSync(1), closed);
      assert.throws(() => ours.recvBytesSync(), closed);
      assert.throws(() => ours.pollSync({ timeout: 5 }), closed);
      assert.throws(() => theirs.recvSync(), EOFError);
      await assert.rejects(backend.mailbox<Connection>().put(ours), { name: "NotSendableError", message: /closed/ });
      {
        using scoped = Pipe()[0];
        assert.equal(scoped.closed, false);
      }
    });

    test("PIPE-11 close ends the waits of its own end", async () => {
      const [ours] = Pipe();
      const waits = [ours.recv(), ours.poll({}), ours.recvBytes({ timeout: 60_000 })];
      await kit.waiting(channelOf(ours, "reads"), 3);
      ours.close();
      for (const wait of waits) await assert.rejects(wait, OSError);
    });

    test("PIPE-12 connectionWait gives those that are ready", async () => {
      const pipes = Array.from({ length: 3 }, () => Pipe());
      const readers = pipes.map(([end]) => end);
      const { took, value } = await timed(() => connectionWait(readers, { timeout: 30 }));
      assert.deepEqual(value, []);
      assert.ok(took >= 30);
      assert.deepEqual(await connectionWait([], { timeout: 0 }), []);
      await assert.rejects(connectionWait([]), ValueError);
      await assert.rejects(connectionWait([1 as never]), TypeError);
      const waiting = connectionWait(readers);
      await kit.waiting(channelOf(readers[2]!, "reads"), 1);
      await kit.run(sendAll, pipes[2]![1], ["x"]);
      assert.deepEqual(await waiting, [readers[2]]);
      pipes[0]![1].close();
      assert.deepEqual(await connectionWait(readers), [readers[0], readers[2]]);
      const abort = new AbortController();
      const given = connectionWait([readers[1]!], { signal: abort.signal });
      abort.abort(new Error("enough"));
      await assert.rejects(given, /enough/);
      await kit.waiting(channelOf(readers[1]!, "reads"), 0);
    });

    test("a wait that ends by timeout or signal has taken nothing", async () => {
      const [ours, theirs] = Pipe();
      await assert.rejects(theirs.recv({ timeout: 10 }), TimeoutError);
      assert.throws(() => theirs.recvSync({ timeout: 10 }), TimeoutError);
      await assert.rejects(theirs.recv({ timeout: -1 }), ValueError);
      await assert.rejects(theirs.recv({ signal: AbortSignal.abort("no") }), (reason) => reason === "no");
      const abort = new AbortController();
      const waiting = theirs.recv({ signal: abort.signal });
      abort.abort("given up");
      await assert.rejects(waiting, (reason) => reason === "given up");
      ours.sendSync("whole");
      assert.equal(theirs.recvSync(), "whole");
      await fill(ours);
      assert.throws(() => ours.sendSync("more", { timeout: 10 }), TimeoutError);
      await assert.rejects(ours.send("more", { timeout: 10 }), TimeoutError);
    });

    test("a full pipe lets its sender go on as room comes", async () => {
      const [ours, theirs] = Pipe();
      const sent = await fill(ours);
      const more = ours.send("one more");
      await kit.waiting(channelOf(ours, "writes"), 1);
      for (let i = 0; i < sent; i++) assert.equal(theirs.recvSync(), i);
      await more;
      assert.equal(theirs.recvSync(), "one more");
    });

    test("messages of another kind than asked for", async () => {
      const [ours, theirs] = Pipe();
      ours.sendSync({ a: 1 });
      await assert.rejects(theirs.recvBytes(), { name: "RuntimeError", message: /recv\(\)/ });
      ours.sendBytesSync(bytes("raw"));
      assert.equal(text((await theirs.recv()) as Uint8Array), "raw");
      await assert.rejects(ours.send(new WeakMap()), { name: "NotSendableError" });
      assert.equal(theirs.pollSync(), false);
      assert.throws(() => Pipe(false as never), TypeError);
    });

    test("an end whose holders are killed is closed", async () => {
      const [ours, theirs] = Pipe();
      const holder = backend.spawn(holdForEver, theirs as Connection);
      const ended = holder.join().then(
        () => assert.fail("it was killed"),
        () => undefined,
      );
      theirs.close();
      assert.equal(await ours.recv(), "holding");
      const waiting = assert.rejects(ours.recv(), EOFError);
      await holder.terminate();
      await waiting;
      await assert.rejects(ours.send(1), BrokenPipeError);
      await ended;
    });
  });

  async function fill(end: Connection): Promise<number> {
    for (let i = 0; ; i++) {
      try {
        await end.send(i, { timeout: 0 });
      } catch (error) {
        assert.ok(error instanceof TimeoutError);
        return i;
      }
    }
  }
}

/** Both ends go along, so that the kit's own copy of the other one does not matter. */
function pollThere(other: Connection, end: Connection): boolean {
  other.close();
  const result = end.pollSync({});
  end.close();
  return result;
}
