/** The codec for what comes over a network: nothing but data is ever made of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NotSendableError, RuntimeError } from "../../src/errors.ts";
import { ADDRESS } from "../../src/core/address.ts";
import { dataCodec } from "../../src/core/wire/data-only.ts";
import { nodeStrings } from "../../src/host/node/strings.ts";
import * as tag from "../../src/core/wire/tags.ts";
import { wire } from "./support.ts";

const memory = new SharedArrayBuffer(64);
const codec = dataCodec((buffer) => buffer === memory, nodeStrings);

const roundTrip = (value: unknown): unknown => codec.decode(codec.encode(value, "value").bytes.slice());

class Point {
  x = 1;
}

test("data arrives", () => {
  const value = {
    list: [1, -1.5, "text €", null, undefined, true, 5n],
    map: new Map([[1, new Set(["a"])]]),
    bytes: new Uint8Array(5000).fill(7),
    date: new Date(5),
    pattern: /a+/gi,
    error: new RangeError("far"),
  };
  assert.deepEqual(roundTrip(value), value);
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  const back = roundTrip(cyclic) as unknown[];
  assert.equal(back[0], back);
});

test("what is no data is refused where it is sent", () => {
  const shared = Object.defineProperty(new Point(), ADDRESS, { value: 64 });
  const kept = Object.defineProperty(new Point(), ADDRESS, { value: "it stays here" });
  for (const value of [
    () => 1,
    Point,
    new Point(),
    shared,
    kept,
    memory,
    new Int32Array(memory),
    Symbol("s"),
    new Blob([]),
  ]) {
    assert.throws(
      () => codec.encode({ a: [value] }, "message"),
      (error: Error) => {
        assert.ok(error instanceof NotSendableError, String(error));
        assert.match(error.message, /^message\.a\[0\]/);
        return true;
      },
    );
  }
});

test("what another sender would send is refused where it arrives", () => {
  const w = wire();
  w.shipper.named(Point);
  let ran = 0;
  const call = w.shipper.named(function call() {
    ran++;
  });
  for (const value of [call, Point, new Point(), [new Point()], w.cells.cell(64), { call }]) {
    const bytes = w.codec.encode(value, "value").bytes.slice();
    assert.throws(() => codec.decode(bytes), RuntimeError);
  }
  // An error of a class that is not known here is told, without its class.
  class OwnError extends Error {}
  w.shipper.named(OwnError);
  const told = codec.decode(w.codec.encode(new OwnError("told"), "value").bytes.slice()) as Error;
  assert.deepEqual([told.name, told.message], ["OwnError", "told"]);
  assert.equal(ran, 0);
});

test("no key gives an object another prototype, nor any copy of it", () => {
  const w = wire();
  const value = JSON.parse('{ "__proto__": { "isAdmin": true }, "ok": 1 }') as object;
  const decoded = codec.decode(w.codec.encode(value, "value").bytes.slice()) as { ok: number };
  assert.deepEqual(Object.getOwnPropertyNames(decoded), ["ok"]);
  assert.equal((Object.assign({}, decoded) as { isAdmin?: boolean }).isAdmin, undefined);
  const error = Object.defineProperty(new Error("e"), "__proto__", { value: { isAdmin: true }, enumerable: true });
  const restored = codec.decode(w.codec.encode(error, "value").bytes.slice()) as Error;
  assert.equal(Object.hasOwn(restored, "__proto__"), false);
});

test("a few bytes do not stand for much", () => {
  const varint = (n: number): number[] => (n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))]);
  const messages: Record<string, number[]> = {
    "an array of 4 billion elements": [0, tag.ARRAY_SPARSE, ...varint(2 ** 32 - 1), 0],
    "an array of 10 million elements": [0, tag.ARRAY_SPARSE, ...varint(1e7), 0],
    "a buffer that could grow to 1 TiB": [0, tag.RESIZABLE_BUFFER, ...varint(2 ** 40), 0],
    "a map of a billion entries": [0, tag.MAP, ...varint(1e9)],
    "a list of a billion": [0, tag.ARRAY, ...varint(1e9)],
    "numbers of a billion": [0, tag.ARRAY_FLOAT64, ...varint(1e9)],
    "a string of a billion": [0, tag.LATIN1, ...varint(1e9)],
    "bytes of a billion": [0, tag.ARRAY_BUFFER, ...varint(1e9)],
  };
  for (const [what, bytes] of Object.entries(messages)) {
    assert.throws(() => codec.decode(Uint8Array.from(bytes)), RuntimeError, what);
  }
  const nested = Uint8Array.from([0, ...Array.from({ length: 100_000 }, () => [tag.ARRAY, 1]).flat(), tag.NULL]);
  assert.throws(() => codec.decode(nested), RuntimeError);
  const sparse: unknown[] = [];
  sparse[1000] = 1;
  assert.equal((roundTrip(sparse) as unknown[]).length, 1001);
});

test("whatever comes is a value or an error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      let value: unknown;
      try {
        value = codec.decode(bytes);
      } catch (error) {
        assert.ok(error instanceof RuntimeError, String(error));
        return;
      }
      assert.notEqual(typeof value, "function");
    }),
    { numRuns: 5000 },
  );
});
