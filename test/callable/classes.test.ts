import assert from "node:assert/strict";
/* oxlint-disable typescript/no-explicit-any -- TypeScript wants it for mixins */
import { test } from "node:test";

import { makeSecret, Shape } from "./fixtures/library.ts";
import { suite } from "./remote.ts";

suite((remote) => {
  test("exported classes keep their identity in both directions", async () => {
    const area = await remote.call((shape: Shape) => [shape instanceof Shape, shape.area()], new Shape(3));
    assert.deepEqual(area, [true, 9]);
    const back = await remote.call(Shape.unit);
    assert.ok(back instanceof Shape);
    assert.equal(back.area(), 1);
  });

  test("module-level classes that are not exported", async () => {
    assert.equal(await remote.call((shape: Shape) => shape.area(), makeSecret(3)), -9);
    const made = await remote.call(makeSecret, 4);
    assert.equal(made.constructor, makeSecret(1).constructor);
  });

  test("local classes: captured variables, parents, statics, private names", async () => {
    const factor = 10;
    const mixin = <T extends new (...args: any[]) => object>(Base: T) =>
      class extends Base {
        mixed = factor;
      };
    class Scaled extends Shape {
      static origin = new Map([["factor", factor]]);
      static {
        Scaled.origin.set("block", 1);
      }
      #hidden = 5;
      override area(): number {
        return super.area() * factor + this.#hidden;
      }
      clone(): Scaled {
        return new Scaled(this.size);
      }
    }
    class Mixed extends mixin(Scaled) {
      own = 1;
    }
    const result = await remote.call((Class: typeof Mixed) => {
      const shape = new Class(2);
      return [
        shape.area(),
        shape.clone().area(),
        shape.mixed,
        Scaled.origin.size,
        shape instanceof Shape,
        shape instanceof Scaled,
      ];
    }, Mixed);
    assert.deepEqual(result, [45, 45, 10, 2, true, true]);
  });

  test("a local class is one class in the other thread, and the original on its way back", async () => {
    const name = "local";
    class Local {
      label = name;
    }
    const first = await remote.call(
      (value: Local, Class: typeof Local) => [value instanceof Class, value.label],
      new Local(),
      Local,
    );
    assert.deepEqual(first, [true, "local"]);
    const remember = (Class: typeof Local): void => {
      (globalThis as { remembered?: unknown }).remembered = Class;
    };
    await remote.call(remember, Local);
    assert.equal(
      await remote.call((Class: typeof Local) => (globalThis as { remembered?: unknown }).remembered === Class, Local),
      true,
    );
    assert.equal(await remote.call((Class: typeof Local) => Class, Local), Local);
    assert.ok((await remote.call((Class: typeof Local) => new Class(), Local)) instanceof Local);
  });

  test("classes that refer to each other", async () => {
    class Leaf {
      grow(): Branch {
        return new Branch();
      }
    }
    class Branch extends Leaf {
      kind = "branch";
    }
    assert.equal(await remote.call((Class: typeof Leaf) => new Class().grow().kind, Leaf), "branch");
    assert.equal(await remote.call((Class: typeof Branch) => new Class().grow().kind, Branch), "branch");
  });

  test("private fields are reported", () => {
    class Safe {
      open = 1;
    }
    class Vault extends Safe {
      #code = 1;
      #open(): number {
        return this.#code;
      }
      use(): number {
        return this.#open();
      }
    }
    assert.deepEqual(remote.shipper.privateFields(new Safe()), []);
    assert.deepEqual(remote.shipper.privateFields({ a: "#" }), []);
    assert.deepEqual(remote.shipper.privateFields(new Vault()), ["#code"]);
  });
});
