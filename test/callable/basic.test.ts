import assert from "node:assert/strict";
import { test } from "node:test";

import defaultExport, * as library from "./fixtures/library.ts";
import { suite } from "./remote.ts";

suite((remote) => {
  test("exported functions, by every name", async () => {
    assert.equal(await remote.call(library.double, 21), 42);
    assert.equal(await remote.call(library.renamed, 21), 42);
    assert.equal(await remote.call(library.triple, 5), 15);
    assert.equal(await remote.call(defaultExport, 1), 1.5);
    assert.equal(await remote.call(library.api.deep.quadruple, 2), 8);
    assert.equal(await remote.call(library.api.method, 2), 3);
    assert.deepEqual(JSON.parse(remote.shipper.describe(library.Shape.prototype.area).reference).p, [
      "Shape",
      "prototype",
      "area",
    ]);
    assert.equal(await remote.call(library.hash, "a"), library.hash("a"));
    assert.equal(await remote.call(library.clash), "other, exported as clash");
  });

  test("functions that are not exported, with the names of their module", async () => {
    assert.equal(await remote.call(library.getHidden(), 4), 1008);
    assert.equal(await remote.call(library.getClash()), "local clash");
    assert.equal(await remote.call(library.getCount()), 1);
    assert.equal(await remote.call(library.getCount()), 2);
  });

  test("closures", async () => {
    const { add, nested, fib, even } = library.closures(7);
    assert.equal(await remote.call(add, 10), 27);
    assert.equal(await remote.call(fib, 10), 55);
    assert.equal(await remote.call(even, 10), true);
    const inner = await remote.call(nested, 3);
    assert.equal(inner(), 10);
    const local = 5;
    assert.equal(await remote.call((x: number) => library.double(x) + local, 1), 7);
  });
});
