/** The trie against a Map, with random changes and keys that share places deep down. @module */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Numbered, Trie } from "../../src/contextvars/trie.ts";

/** Numbers that meet in the same places of one, two and many branches, up to the last bit. */
const ids = [0, 1, 31, 32, 33, 1024, 1025, 2 ** 30, 2 ** 31, 2 ** 32 - 1, 2 ** 31 + 1024, ...Array(40).keys()];
const keys: readonly Numbered[] = [...new Set(ids)].map((id) => ({ id }));

interface Change {
  readonly key: number;
  readonly value: number | undefined;
}

function contents(trie: Trie<Numbered>): Map<number, unknown> {
  return new Map([...trie].map(({ key, value }) => [key.id, value]));
}

test("a trie holds what a Map holds, and no version changes another", () => {
  const change = fc.record({
    key: fc.integer({ min: 0, max: keys.length - 1 }),
    value: fc.option(fc.integer(), { nil: undefined, freq: 3 }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes: Change[]) => {
      let trie: Trie<Numbered> = Trie.empty as Trie<Numbered>;
      const map = new Map<number, unknown>();
      const versions: [Trie<Numbered>, Map<number, unknown>][] = [];
      for (const { key, value } of changes) {
        if (value === undefined) {
          trie = trie.without(keys[key]!);
          map.delete(keys[key]!.id);
        } else {
          trie = trie.with(keys[key]!, value);
          map.set(keys[key]!.id, value);
        }
        versions.push([trie, new Map(map)]);
      }
      for (const [version, expected] of versions) {
        assert.equal(version.size, expected.size);
        assert.deepEqual(contents(version), expected);
      }
      for (const key of keys) assert.equal(trie.find(key)?.value, map.get(key.id));
    }),
  );
});

test("an empty trie after the last is taken out, and another key of the same number is another key", () => {
  const [a, b] = [{ id: 5 }, { id: 5 }];
  const one = Trie.empty.with(a as never, 1);
  assert.equal(one.find(b as never), undefined);
  assert.equal(one.without(a as never).size, 0);
  assert.deepEqual([...one.without(a as never)], []);
});
