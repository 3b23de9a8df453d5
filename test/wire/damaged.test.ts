import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RuntimeError } from "../../src/errors.ts";
import { wire } from "./support.ts";

class Box {
  n = 1;
}

function rich(w: ReturnType<typeof wire>): Uint8Array[] {
  w.shipper.named(Box);
  const f = w.shipper.closure("f", { a: [1, 2], b: { c: 1 } }, (s) => () => s["a"]);
  const cell = w.cells.cell(64);
  let deep: unknown = 1;
  for (let i = 0; i < 250; i++) deep = [deep];
  const sparse: unknown[] = [];
  sparse[99] = 1;
  const values: unknown[] = [
    [1, -5, 300, 1.5, "text", "€".repeat(9), "x".repeat(90), 12n ** 30n, true, null, undefined],
    [{ id: 1, name: "a" }, { id: 2, name: "b" }, Object.assign(Object.create(null) as object, { k: 1 })],
    [Array.from({ length: 40 }, (_, i) => i), Array.from({ length: 40 }, (_, i) => i / 3), sparse],
    [new Map([["k", new Set([1, 2])]]), new Date(1), /a(b)/g, Object(5)],
    [
      new Uint8Array(20),
      new Float64Array(3),
      new ArrayBuffer(9),
      new Uint16Array(new ArrayBuffer(12), 4, 2),
      Buffer.from("ab"),
    ],
    [new ArrayBuffer(8, { maxByteLength: 64 }), new Uint8Array(3000), new Uint8Array(2000)],
    [f, new Box(), cell, { again: f }],
    [
      Object.assign(new TypeError("t", { cause: new Error("c") }), { code: "E" }),
      new AggregateError([1, new Box()], "m"),
    ],
    deep,
  ];
  // The class of each is copied, since the scratch buffer is used again.
  return values.map((value) => w.codec.encode(value, "value").bytes.slice());
}

/** Errors of the table of functions and of the cells, which a damaged message may ask for something unknown. */
const FOREIGN = /^cannot load |^no cell at /;

function decodeDamaged(w: ReturnType<typeof wire>, bytes: Uint8Array): void {
  try {
    w.codec.references(bytes);
    w.codec.decode(bytes);
  } catch (error) {
    if (error instanceof RuntimeError) assert.match(error.message, /^the message is damaged: /);
    else assert.match((error as Error).message, FOREIGN);
  }
}

test("a damaged message is an error, never a hang or a crash", () => {
  const w = wire();
  const messages = rich(w);
  fc.assert(
    fc.property(
      fc.nat(messages.length - 1),
      fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(0x7f, 0x80, 0xff, 0xd0, 0xe3))), {
        minLength: 1,
        maxLength: 6,
      }),
      (which, edits) => {
        const bytes = (messages[which] as Uint8Array).slice();
        for (const [at, value] of edits) bytes[at % bytes.length] = value;
        decodeDamaged(w, bytes);
      },
    ),
    { numRuns: 4000 },
  );
});

test("a message cut short at any place, or with something behind it, is an error", () => {
  const w = wire();
  for (const bytes of rich(w)) {
    for (let size = 0; size < Math.min(bytes.length, 600); size++) {
      assert.throws(() => w.codec.decode(bytes.subarray(0, size)), RuntimeError);
    }
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    assert.throws(() => w.codec.decode(longer), RuntimeError);
  }
});

test("random bytes are an error", () => {
  const w = wire();
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 80 }), (bytes) => decodeDamaged(w, bytes)),
    { numRuns: 4000 },
  );
});

test("a few bytes cannot claim much memory", () => {
  const w = wire();
  const huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
  for (const tag of [0xc8, 0xc9, 0xd0, 0xd1, 0xd2, 0xd4, 0xd5, 0xd9, 0xda, 0xdb, 0xdd, 0xce, 0xcc, 0xdf]) {
    for (const extra of [[], [0, 0, 0, 0], [1, ...huge]]) {
      const before = process.memoryUsage();
      assert.throws(() => w.codec.decode(new Uint8Array([0, tag, ...huge, ...extra])), RuntimeError, `tag ${tag}`);
      const after = process.memoryUsage();
      const grown = after.heapTotal + after.arrayBuffers - before.heapTotal - before.arrayBuffers;
      assert.ok(grown < 64e6, `tag ${tag} took ${grown} bytes`);
    }
  }
  // A sparse array may claim any length, if that costs nothing. The engine would allocate for this one.
  const before = process.memoryUsage().heapTotal;
  const sparse = w.codec.decode(new Uint8Array([0, 0xd3, 0x80, 0x87, 0xa7, 0x0e, 0])) as unknown[];
  assert.equal(sparse.length, 30_000_000);
  assert.ok(process.memoryUsage().heapTotal - before < 64e6);
  const deep = new Uint8Array(100_000).fill(0xd0).map((byte, i) => (i === 0 ? 0 : i % 2 === 1 ? byte : 1));
  assert.throws(() => w.codec.decode(deep), /nested too deeply/);
});

test("a message cannot smuggle a __proto__ key into a shape", () => {
  const w = wire();
  const { bytes } = w.codec.encode([{ aproto__x: 1, admin: true }], "v");
  const damaged = bytes.slice();
  const at = Buffer.from(damaged).indexOf("aproto__x");
  damaged.set(Buffer.from("__proto__"), at);
  assert.throws(() => w.codec.decode(damaged), /a key is not allowed/);
});

test("attachments that were not delivered are an error", () => {
  const w = wire();
  const { bytes } = w.codec.encode([new SharedArrayBuffer(4)], "v");
  assert.throws(() => w.codec.decode(bytes), /an attachment is missing/);
});

test("after damage the codec still works", () => {
  const w = wire();
  assert.throws(() => w.codec.decode(new Uint8Array([0, 0xd0, 5, 1])), RuntimeError);
  assert.deepStrictEqual(w.send([{ a: 1 }, { a: 2 }]), [{ a: 1 }, { a: 2 }]);
});
