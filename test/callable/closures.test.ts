import assert from "node:assert/strict";
import { test } from "node:test";

import { NotSendableError } from "../../src/errors.ts";
import { closures, double } from "./fixtures/library.ts";
import { suite } from "./remote.ts";

suite((remote) => {
  function refuse(fn: Function, message: RegExp): void {
    assert.throws(
      () => remote.shipper.describe(fn),
      (error) => error instanceof NotSendableError && message.test(error.message),
    );
  }

  test("only the variables a function uses travel", () => {
    const used = 1;
    const unused = { socket: true };
    const sibling = (): unknown => unused;
    const fn = (): number => used + { unused: 1 }.unused;
    assert.deepEqual(remote.shipper.describe(fn), {
      ...remote.shipper.describe(fn),
      names: ["used"],
      values: [1],
    });
    assert.deepEqual(remote.shipper.describe(sibling).names, ["unused"]);
  });

  test("captured variables are read each time", () => {
    let n = 0;
    const fn = (): number => n;
    assert.deepEqual(remote.shipper.describe(fn).values, [0]);
    n = 5;
    assert.deepEqual(remote.shipper.describe(fn).values, [5]);
  });

  test("assigning to a captured variable changes the thread's copy only", async () => {
    let n = 1;
    assert.equal(await remote.call(() => ++n), 2);
    assert.equal(n, 1);
  });

  test("scopes hide each other, and a local name hides the module's", async () => {
    const double = (x: number): number => x * 20;
    {
      const x = 3;
      const fn = (): number => double(x);
      assert.equal(await remote.call(fn), 60);
    }
    for (let i = 0; i < 2; i++) assert.equal(await remote.call(() => i), i);
    try {
      throw new Error("caught");
    } catch (error) {
      const { message } = error as Error;
      assert.equal(await remote.call(() => message), "caught");
    }
  });

  test("parameters, defaults, destructuring, template literals and comments", async () => {
    const a = 1;
    const b = 2;
    const c = 3;
    // Names in strings and comments do not count.
    const fn = ({ x = a } = {}, [y = b] = [] as number[]): string => /* c */ `${x}${y}${((z = a) => z)()}` + "c";
    assert.equal(await remote.call(fn), "121c");
    assert.deepEqual(remote.shipper.describe(fn).names.toSorted(), ["a", "b"]);
    assert.equal(c, 3);
  });

  test("async functions, generators and methods", async () => {
    const by = 2;
    const object = {
      async later(x: number) {
        await Promise.resolve();
        return x * by;
      },
      *count(n: number) {
        for (let i = 0; i < n; i++) yield i * by;
      },
      async *stream(n: number) {
        for (let i = 0; i < n; i++) yield i * by;
      },
      ["computed" + by](x: number) {
        return x - by;
      },
      "quoted name"(x: number) {
        return x + by;
      },
      get value() {
        return by;
      },
    };
    assert.equal(await remote.call(object.later, 4), 8);
    assert.deepEqual(await remote.call((make: typeof object.count) => [...make(3)], object.count), [0, 2, 4]);
    const collect = async (make: typeof object.stream): Promise<number[]> => {
      const all: number[] = [];
      for await (const x of make(3)) all.push(x);
      return all;
    };
    assert.deepEqual(await remote.call(collect, object.stream), [0, 2, 4]);
    assert.equal(await remote.call(object.computed2 as (x: number) => number, 4), 2);
    assert.equal(await remote.call(object["quoted name"], 4), 6);
    const getter = Object.getOwnPropertyDescriptor(object, "value")?.get as () => number;
    assert.equal(await remote.call(getter), 2);
    assert.equal(await remote.call((f: Function) => f.name, object.computed2 as Function), "computed2");
  });

  test("recursion, and functions that refer to each other", async () => {
    const { fib, even } = closures(0);
    assert.equal(await remote.call(fib, 12), 144);
    assert.equal(await remote.call(even, 7), false);
    const expression = function fact(n: number): number {
      return n < 2 ? 1 : n * fact(n - 1);
    };
    assert.equal(await remote.call(expression, 5), 120);
  });

  test("own properties of a closure travel with it", async () => {
    const by = 3;
    const fn = Object.assign((x: number): number => x * by + fn.offset, { offset: 10, inner: { deep: true } });
    assert.equal(await remote.call(fn, 2), 16);
    assert.deepEqual(await remote.call((f: typeof fn) => f.inner, fn), { deep: true });
  });

  test("the same reference for every function of one piece of code", () => {
    const make = (n: number) => (): number => n;
    assert.equal(remote.shipper.describe(make(1)).reference, remote.shipper.describe(make(2)).reference);
    const plain = (): number => 1;
    assert.equal(remote.shipper.describe(plain), remote.shipper.describe(plain));
  });

  test("functions made by another function but held by the module keep the module's name", async () => {
    assert.match(remote.shipper.describe(double).reference, /"k":"name"/);
  });

  test("built-in modules captured as objects are found again", async () => {
    const os = await import("node:os");
    const { default: path } = await import("node:path");
    assert.equal(await remote.call(() => os.EOL + path.posix.basename("/a/b")), `${os.EOL}b`);
  });

  test("what cannot be rebuilt says why", () => {
    class Outer {
      #secret = 1;
      field = 2;
      arrow = (): number => this.field;
      method(): () => unknown {
        return () => this.#secret;
      }
      static peek(outer: Outer): number {
        return outer.#secret;
      }
      own(): number {
        return this.field;
      }
    }
    class Inner extends Outer {
      override own(): number {
        return super.own();
      }
      lifted(): () => number {
        return () => super.own();
      }
    }
    const outer = new Outer();
    refuse(outer.arrow, /`this` of the function around it/);
    refuse(outer.method(), /private #names/);
    refuse(Outer.peek, /private #names/);
    refuse(new Inner().own, /`super`/);
    refuse(new Inner().lifted(), /`super`/);
    assert.equal(typeof remote.shipper.describe(outer.own).reference, "string");
    (function (this: unknown) {
      refuse(() => new.target, /new\.target/);
      // eslint-disable-next-line prefer-rest-params
      refuse(() => arguments.length, /arguments/);
      const text = "this";
      assert.deepEqual(remote.shipper.describe(() => [text, "this", { this: 1 }]).names, ["text"]);
      const usesOwn = () =>
        function (this: unknown) {
          return this ?? text;
        };
      assert.deepEqual(remote.shipper.describe(usesOwn).names, ["text"]);
    }).call({});
  });

  test(
    "a variable that is not initialised yet is refused by name",
    { skip: process.versions.node.startsWith("20.") && "Node 20 shows undefined" },
    () => {
      const early = (): number => late;
      refuse(early, /captured variable "late" is not initialised yet/);
      const late = 1;
      assert.deepEqual(remote.shipper.describe(early).values, [1]);
    },
  );
});
