import assert from "node:assert/strict";
import { createSecretKey } from "node:crypto";
import { EventEmitter } from "node:events";
import { statSync } from "node:fs";
import { Socket } from "node:net";
import { Readable } from "node:stream";
import { suite, test } from "node:test";
import type { MessagePort as Port } from "node:worker_threads";
import { NotSendableError, ValueError } from "../../src/errors.ts";
import { transfer } from "../../src/core/wire/transfer.ts";
import { wire } from "./support.ts";

function messageOf(value: unknown, path = "args[0]", w = wire()): string {
  try {
    w.codec.encode(value, path);
  } catch (error) {
    assert.ok(error instanceof NotSendableError, String(error));
    assert.equal(error.code, "ERR_HEDDLE_NOT_SENDABLE");
    return error.message;
  }
  return assert.fail("it was sent");
}

suite("what cannot be sent", () => {
  test("the message names path, type and reason", () => {
    const socket = new Socket();
    assert.match(messageOf({ db: socket }), /^args\[0\]\.db: Socket cannot be sent to another thread: /);
    assert.match(messageOf([[socket]], "items[3]"), /^items\[3\]\[0\]\[0\]: Socket cannot/);
    assert.match(messageOf({ "a b": socket }), /^args\[0\]\["a b"\]: Socket /);
    assert.match(messageOf(new Map([["key", { socket }]])), /^args\[0\]\.get\("key"\)\.socket: Socket /);
    assert.match(messageOf(new Map([[1, socket]])), /^args\[0\]\.get\(1\): /);
    assert.match(messageOf(new Map([[socket, 1]])), /^args\[0\]\.keys\(\)\[0\]: /);
    assert.match(messageOf(new Set([1, socket])), /^args\[0\]\.values\(\)\[1\]: /);
    assert.match(messageOf(socket, "result"), /^result: Socket /);
    const far = [1, 2, 3, 4, 5, 6, 7, 8, 9, socket];
    assert.match(messageOf(far), /^args\[0\]\[9\]: Socket /);
    const sparse: unknown[] = [];
    sparse[5000] = socket;
    assert.match(messageOf(sparse), /^args\[0\]\[5000\]: Socket /);
  });

  test("a long path is shortened, also where the data is too deep for one go", () => {
    let value: unknown = new WeakMap();
    for (let i = 0; i < 60; i++) value = { next: value };
    assert.match(messageOf(value), /^args\[0\](\.next){6}…(\.next){3}: WeakMap /);
    for (let i = 0; i < 3000; i++) value = { next: value };
    assert.match(messageOf(value), /^args\[0\]….*\.next: WeakMap /);
  });

  test("captured variables are named", () => {
    const w = wire();
    const work = w.shipper.closure("work", { n: 1, db: { socket: new Socket() } }, () => function work() {});
    assert.match(
      messageOf(work, "target", w),
      /^target \(function work\): captured variable "db"\.socket: Socket cannot be sent to another thread: /,
    );
  });

  test("functions and classes that cannot be named", () => {
    assert.match(
      messageOf(function work() {}),
      /^args\[0\]: function work cannot be sent to another thread: no module/,
    );
    class Account {}
    assert.match(messageOf([Account]), /^args\[0\]\[0\]: class Account cannot be sent/);
    assert.match(
      messageOf(new Account()),
      /^args\[0\]: Account cannot be sent to another thread: no module exports it$/,
    );
    assert.match(messageOf({ f: () => 1 }), /^args\[0\]\.f: function f cannot/);
  });

  const refused: Readonly<Record<string, () => unknown>> = {
    Promise: () => Promise.resolve(1),
    WeakMap: () => new WeakMap(),
    WeakSet: () => new WeakSet(),
    WeakRef: () => new WeakRef({}),
    FinalizationRegistry: () => new FinalizationRegistry(() => {}),
    "Symbol\\(s\\)": () => Symbol("s"),
    Symbol: () => Object(Symbol("s")) as unknown,
    EventEmitter: () => new EventEmitter(),
    Readable: () => new Readable(),
    Timeout: () => {
      const timer = setTimeout(() => {}, 1);
      clearTimeout(timer);
      return timer;
    },
    AbortController: () => new AbortController(),
    AbortSignal: () => AbortSignal.abort(),
    Collator: () => new Intl.Collator(),
    URL: () => new URL("https://example.org"),
    MessagePort: () => {
      const { port1, port2 } = new MessageChannel();
      port2.close();
      return port1;
    },
  };
  for (const [name, make] of Object.entries(refused)) {
    test(`${name} is refused`, () => {
      assert.match(messageOf({ it: make() }), new RegExp(`^args\\[0\\]\\.it: ${name} cannot be `));
    });
  }

  test("iterators and generators are refused, each by some name", () => {
    const generator = (function* numbers() {
      yield 1;
    })();
    for (const it of [generator, [1][Symbol.iterator](), new Map().entries(), (async function* () {})()]) {
      assert.match(messageOf(it), /^args\[0\]: .* cannot be sent to another thread: collect it/);
    }
  });

  test("impostors are refused", () => {
    for (const prototype of [Map.prototype, Set.prototype, Date.prototype, RegExp.prototype, Number.prototype]) {
      assert.match(messageOf(Object.create(prototype)), /inherits from a built-in class without being one/);
    }
    assert.match(messageOf(new Proxy(new Map(), {})), /without being one/);
  });

  test("a detached buffer is refused", () => {
    const buffer = new ArrayBuffer(8);
    const view = new Uint8Array(buffer);
    structuredClone(buffer, { transfer: [buffer] });
    assert.match(messageOf(buffer), /ArrayBuffer cannot be sent .* already transferred/);
    assert.match(messageOf([view]), /Uint8Array cannot be sent .* already transferred/);
  });

  test("what a getter throws passes as it is", () => {
    const error = new ValueError("mine");
    const value = {
      get bad(): never {
        throw error;
      },
    };
    assert.throws(
      () => wire().codec.encode(value, "args"),
      (thrown) => thrown === error,
    );
  });

  test("functions nested without end are refused with a message", () => {
    const w = wire();
    let f: Function | undefined;
    for (let i = 0; i < 2000; i++) {
      const inner = f;
      f = w.shipper.closure(`f${i}`, { inner }, (s) => () => s["inner"]);
    }
    assert.match(messageOf(f, "args[0]", w), /nested too deeply/);
  });

  test("too little stack is an error about sending", () => {
    const w = wire();
    let value: unknown = 1;
    for (let i = 0; i < 190; i++) value = { value };
    let seen: unknown;
    const descend = (): void => {
      try {
        descend();
      } catch {
        // The deepest frames have no room at all; the first one out that can run the codec decides.
        if (seen === undefined) {
          try {
            w.codec.encode(value, "args");
            seen = "sent";
          } catch (error) {
            if (error instanceof NotSendableError) seen = error;
            else if (!(error instanceof RangeError)) seen = error;
            if (seen === undefined) throw error;
          }
        }
      }
    };
    descend();
    assert.ok(seen === "sent" || seen instanceof NotSendableError, String(seen));
    assert.deepStrictEqual(w.send([1, { a: 2 }]), [1, { a: 2 }], "the codec is usable afterwards");
  });

  test("after a failure the next message is whole", () => {
    const w = wire();
    const shape = { id: 1, name: "x" };
    for (let i = 0; i < 5; i++) {
      assert.throws(() => w.codec.encode([shape, { deep: [shape, Symbol("no")] }], "args"), NotSendableError);
      assert.deepStrictEqual(w.send([shape, shape]), [shape, shape]);
    }
  });

  test("file status is data", () => {
    const w = wire();
    assert.equal(w.send(statSync(process.execPath)).size, statSync(process.execPath).size);
  });
});

suite("what the platform carries", () => {
  test("is attached, not encoded", () => {
    const w = wire();
    const shared = new SharedArrayBuffer(16);
    const key = createSecretKey(Buffer.from("k"));
    const blob = new Blob(["x"]);
    const { WebAssembly } = globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } };
    const module = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
    const message = w.codec.encode({ shared, view: new Int32Array(shared, 4, 2), key, blob, module }, "args");
    assert.deepStrictEqual(message.attachments, [shared, key, blob, module]);
    assert.deepStrictEqual(message.transferList, []);
    const received = w.codec.decode(message.bytes, message.attachments) as { view: Int32Array; shared: unknown };
    assert.equal(received.view.buffer, shared);
    assert.equal(received.view.byteOffset, 4);
    assert.equal(received.view.length, 2);
  });

  test("a real port carries moved memory and ports", async () => {
    const w = wire();
    const { port1, port2 } = new MessageChannel();
    const extra = new MessageChannel();
    const pixels = new Uint8Array(5000).fill(9);
    const copied = new Uint8Array(3000).fill(3);
    const message = w.codec.encode(
      [transfer({ pixels, port: extra.port1 }, [pixels.buffer, extra.port1]), pixels, copied],
      "args",
    );
    assert.deepStrictEqual(message.transferList, [pixels.buffer, extra.port1]);
    const arrived = new Promise<unknown>((resolve) =>
      port2.addEventListener("message", resolve as never, { once: true }),
    );
    port2.start();
    port1.postMessage({ bytes: message.bytes, attachments: message.attachments }, message.transferList as never);
    assert.equal(pixels.byteLength, 0, "it moved");
    assert.equal(copied.byteLength, 3000);
    const { bytes, attachments } = ((await arrived) as MessageEvent).data as {
      bytes: Uint8Array;
      attachments: unknown[];
    };
    const [first, again, copy] = w.codec.decode(bytes, attachments) as [
      { pixels: Uint8Array; port: Port },
      Uint8Array,
      Uint8Array,
    ];
    assert.equal(first.pixels, again);
    assert.equal(again.length, 5000);
    assert.equal(again[4999], 9);
    assert.equal(copy[2999], 3);
    assert.ok(first.port instanceof MessagePort);
    for (const port of [port1, port2, extra.port2, first.port]) port.close();
  });

  test("a mark holds for one message, and is kept when that one fails", () => {
    const w = wire();
    const bytes = new Uint8Array(10);
    transfer(bytes, [bytes.buffer]);
    assert.throws(() => w.codec.encode([bytes, Symbol("no")], "args"), NotSendableError);
    assert.deepStrictEqual(w.codec.encode([bytes], "args").transferList, [bytes.buffer]);
    assert.deepStrictEqual(w.codec.encode([bytes], "args").transferList, []);
  });

  test("transfer() checks its arguments", () => {
    assert.throws(() => transfer(5, []), TypeError);
    assert.throws(() => transfer({}, [new SharedArrayBuffer(1)]), TypeError);
    assert.throws(() => transfer({}, [new Uint8Array(1)]), TypeError);
    assert.throws(() => transfer({}, [5 as never]), TypeError);
  });
});
