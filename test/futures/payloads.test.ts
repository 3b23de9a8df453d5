/** Large arguments and results: copied through shared memory, or moved beside it. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isMain, transfer } from "heddle";
import { ThreadPoolExecutor } from "heddle/futures";

const MIB = 1 << 20;

function filled(length: number, seed: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => i * 31 + seed);
}

function swap([a, b]: [Uint8Array, Float64Array]): [Float64Array, Uint8Array] {
  return [b, a];
}

function moveBack(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  bytes[0]!++;
  return transfer(bytes, [bytes.buffer]);
}

if (isMain(import.meta)) {
  describe("copied", () => {
    test("buffers of all lengths, several in a message, arrive as they were, and stay", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      // Around the size from which they lie apart from the rest of the message, and around multiples of a word.
      const lengths = [0, 1, 7, 1023, 1024, 1025, 1031, 8191, MIB - 1, MIB + 3];
      for (const length of lengths) {
        const bytes = filled(length, length);
        const numbers = Float64Array.from({ length: 129 + (length % 5) }, (_, i) => i / 3 - length);
        const [b, a] = await pool.submit(swap, [bytes, numbers]);
        assert.deepEqual([a, b], [bytes, numbers]);
        assert.equal(bytes.length, length);
      }
    });

    test("views that begin anywhere in their buffer", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const echo = (value: Uint8Array): Uint8Array => value;
      const whole = filled(5000, 3);
      for (const start of [1, 3, 8, 1021]) {
        const part = whole.subarray(start, start + 2049);
        assert.deepEqual(await pool.submit(echo, part), part);
      }
    });
  });

  describe("moved", () => {
    test("there and back, one at a time: no copy stays behind", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      let bytes = filled(MIB, 5);
      const expected = bytes.slice();
      for (let i = 0; i < 20; i++) {
        const sent = bytes;
        bytes = (await pool.submit(moveBack, transfer(sent, [sent.buffer]))) as typeof bytes;
        assert.equal(sent.length, 0);
      }
      expected[0]! += 20;
      assert.deepEqual(bytes, expected);
    });

    test("many at once, to both workers", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 2 });
      const futures = Array.from({ length: 60 }, (_, i) => {
        const bytes = filled(20_000 + i, i);
        return pool.submit(moveBack, transfer(bytes, [bytes.buffer]));
      });
      for (const [i, bytes] of (await Promise.all(futures)).entries()) {
        const expected = filled(20_000 + i, i);
        expected[0]!++;
        assert.deepEqual(bytes, expected);
      }
    });

    test("while the caller is blocked", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      for (let i = 0; i < 10; i++) {
        const bytes = filled(5000, i);
        assert.equal(pool.submit(moveBack, transfer(bytes, [bytes.buffer])).resultSync()[0], i + 1);
      }
    });

    test("what was moved for a call that is cancelled is gone; the pool goes on", async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const bytes = filled(5000, 1);
      const gate = new Int32Array(new SharedArrayBuffer(4));
      const busy = pool.submit(
        (words: Int32Array) => void Atomics.wait(words as Int32Array<SharedArrayBuffer>, 0, 0),
        gate,
      );
      const future = pool.submit(moveBack, transfer(bytes, [bytes.buffer]));
      assert.equal(future.cancel(), true);
      assert.equal(bytes.length, 0);
      Atomics.store(gate, 0, 1);
      Atomics.notify(gate, 0);
      await busy;
      assert.equal(await pool.submit(Math.abs, -1), 1);
    });
  });
}
