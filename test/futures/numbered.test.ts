import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Gamble } from "../../src/core/gamble.ts";
import { Numbered } from "../../src/futures/numbered.ts";

test("Numbered: what is taken out is gone, numbers are not mistaken for each other, the order is kept", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20 }), { maxLength: 200 }), (steps) => {
      const numbered = new Numbered<string>();
      const expected = new Map<number, string>();
      const old: number[] = [];
      for (const [i, step] of steps.entries()) {
        const numbers = [...expected.keys()];
        if (step < 12 || numbers.length === 0) {
          const number = numbered.add(`value ${i}`);
          assert.ok(number > 0 && number < 2 ** 31 && !expected.has(number));
          expected.set(number, `value ${i}`);
        } else {
          const number = numbers[step % numbers.length]!;
          assert.equal(numbered.take(number), expected.get(number));
          expected.delete(number);
          old.push(number);
        }
        assert.equal(numbered.size, expected.size);
      }
      for (const number of old) assert.equal(numbered.get(number), undefined);
      for (const number of old) assert.equal(numbered.take(number), undefined);
      for (const [number, value] of expected) assert.equal(numbered.get(number), value);
      assert.deepEqual(numbered.entries(), [...expected]);
    }),
  );
});

test("Numbered: a place that is used thousands of times never gives the number 0 or the last one", () => {
  const numbered = new Numbered<number>();
  let last = 0;
  for (let i = 0; i < 2000; i++) {
    const number = numbered.add(i);
    assert.ok(number > 0 && number !== last);
    assert.equal(numbered.take(number), i);
    last = number;
  }
});

test("Gamble: passes up twice as many chances after each loss, some at most, and none after a win", () => {
  const gamble = new Gamble();
  const passedUp = (): number => {
    let n = 0;
    while (!gamble.worthTrying()) n++;
    return n;
  };
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    gamble.settle(false);
    waits.push(passedUp());
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
  gamble.settle(true);
  assert.equal(passedUp(), 0);
  gamble.settle(false);
  assert.equal(passedUp(), 1);
});
