import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { NotSendableError } from "../../src/errors.ts";
import { wire } from "./support.ts";

class Point {
  x: number;
  y: number;

  constructor(x: number, y: number) {
    this.x = x;
    this.y = y;
  }

  get length(): number {
    return Math.hypot(this.x, this.y);
  }
}

class Registry extends Map<string, number> {
  label = "r";

  total(): number {
    return [...this.values()].reduce((a, b) => a + b, 0);
  }
}

class Stack extends Array<number> {
  get top(): number | undefined {
    return this.at(-1);
  }
}

class Samples extends Float64Array {
  unit = "mV";

  get mean(): number {
    return this.reduce((a, b) => a + b, 0) / this.length;
  }
}

class Day extends Date {
  get day(): string {
    return this.toISOString().slice(0, 10);
  }
}

class Names extends Set<string> {
  joined(): string {
    return [...this].join();
  }
}

class Guarded {
  name = "own";

  static get instances(): number {
    return 0;
  }
}

suite("functions", () => {
  test("a function arrives by reference, once per message", () => {
    const w = wire();
    const double = w.shipper.named((n: number) => 2 * n, "double");
    const message = w.codec.encode([double, double, { f: double }], "args");
    assert.deepStrictEqual(message.references, ["double"]);
    assert.deepStrictEqual(w.codec.references(message.bytes), ["double"]);
    const received = w.codec.decode(message.bytes) as [Function, Function, { f: Function }];
    assert.equal(received[0], double);
    assert.equal(received[1], double);
    assert.equal(received[2].f, double);
    assert.deepStrictEqual(w.codec.references(w.codec.encode([1, "x"], "args").bytes), []);
  });

  test("captured variables travel, copied", () => {
    const w = wire();
    const scope = { base: { n: 40 }, step: 2 };
    const add = w.shipper.closure("add", scope, (s) => () => (s["base"] as { n: number }).n + (s["step"] as number));
    const received = w.send(add);
    assert.notEqual(received, add);
    scope.base.n = 0;
    assert.equal(received(), 42);
  });

  test("a function that captures itself, and two that capture each other", () => {
    const w = wire();
    const scope: Record<string, unknown> = { fib: undefined };
    const fib = w.shipper.closure("fib", scope, (s) => (n: number): number => {
      const again = s["fib"] as (n: number) => number;
      return n < 2 ? n : again(n - 1) + again(n - 2);
    });
    scope["fib"] = fib;
    assert.equal(w.send(fib)(10), 55);

    const pair: Record<string, unknown> = { even: undefined, odd: undefined };
    const even = w.shipper.closure(
      "even",
      pair,
      (s) =>
        (n: number): boolean =>
          n === 0 || (s["odd"] as typeof even)(n - 1),
    );
    const odd = w.shipper.closure(
      "odd",
      pair,
      (s) =>
        (n: number): boolean =>
          n !== 0 && (s["even"] as typeof odd)(n - 1),
    );
    Object.assign(pair, { even, odd });
    const [receivedEven, receivedOdd] = w.send([even, odd]);
    assert.equal(receivedEven?.(10), true);
    assert.equal(receivedOdd?.(10), false);
  });

  test("a captured object that holds the function", () => {
    const w = wire();
    const scope: Record<string, unknown> = { api: undefined };
    const call = w.shipper.closure("call", scope, (s) => () => s["api"]);
    scope["api"] = { call, list: [call] };
    const received = w.send({ call }).call;
    const api = received() as { call: unknown; list: unknown[] };
    assert.equal(api.call, received);
    assert.equal(api.list[0], received);
  });

  test("a deep captured value", () => {
    const w = wire();
    let list: object | null = null;
    for (let i = 0; i < 3000; i++) list = { next: list };
    const f = w.shipper.closure("deep", { list }, (s) => () => s["list"]);
    let length = 0;
    for (let node = w.send({ a: { f } }).a.f() as { next: unknown } | null; node; node = node.next as never) length++;
    assert.equal(length, 3000);
  });

  test("an error while restoring is the program's own, and shared objects are given back", () => {
    const w = wire();
    const f = w.shipper.named(() => 1, "gone");
    const cell = w.cells.cell(8);
    w.shipper.unloadable.add("gone");
    const { bytes } = w.codec.encode([f, cell], "args");
    assert.equal(w.cells.count(8), 1);
    assert.throws(() => w.codec.decode(bytes), SyntaxError);
    assert.equal(w.cells.count(8), 0);
  });
});

suite("instances", () => {
  test("arrive with their prototype and fields", () => {
    const w = wire();
    w.shipper.named(Point);
    const point = new Point(3, 4);
    const received = w.send([point, { point }, new Point(0, 1)]) as [Point, { point: Point }, Point];
    assert.ok(received[0] instanceof Point);
    assert.equal(received[0].length, 5);
    assert.equal(received[1].point, received[0]);
    assert.equal(received[2].length, 1);
  });

  test("of classes that extend built-in ones keep contents, fields and prototype", () => {
    const w = wire();
    for (const constructor of [Registry, Stack, Samples, Day, Names]) w.shipper.named(constructor);
    const registry = new Registry([
      ["a", 1],
      ["b", 2],
    ]);
    registry.label = "changed";
    const samples = Samples.from([1, 2, 3]);
    const received = w.send({
      registry,
      stack: Stack.from([1, 2, 9]),
      samples,
      day: new Day(0),
      names: new Names(["x", "y"]),
    });
    assert.ok(received.registry instanceof Registry);
    assert.equal(received.registry.total(), 3);
    assert.equal(received.registry.label, "changed");
    assert.ok(Array.isArray(received.stack));
    assert.equal((received.stack as Stack).top, 9);
    assert.equal(received.stack.length, 3);
    assert.equal((received.samples as Samples).mean, 2);
    assert.equal((received.samples as Samples).unit, "mV");
    assert.equal(received.day.day, "1970-01-01");
    assert.equal(received.names.joined(), "x,y");
  });

  test("cycles through a subclass of a built-in class", () => {
    const w = wire();
    w.shipper.named(Registry);
    const registry = new Registry();
    const holder = { registry };
    (registry as Map<string, unknown>).set("holder", holder);
    const received = w.send(holder);
    assert.equal((received.registry as Map<string, unknown>).get("holder"), received);
    assert.ok(received.registry instanceof Registry);
  });

  test("deep lists of instances", () => {
    const w = wire();
    class Node_ {
      next: Node_ | null = null;
    }
    w.shipper.named(Node_, "Node");
    let list: Node_ | null = null;
    for (let i = 0; i < 20_000; i++) {
      const node = new Node_();
      node.next = list;
      list = node;
    }
    let length = 0;
    for (let node: Node_ | null | undefined = w.send(list); node; node = node.next) {
      assert.ok(node instanceof Node_);
      length++;
    }
    assert.equal(length, 20_000);
  });

  test("fields do not run setters of the class", () => {
    const w = wire();
    let ran = 0;
    class Watched {
      set level(_: number) {
        ran++;
      }
    }
    w.shipper.named(Watched);
    const watched = Object.defineProperty(new Watched(), "level", { value: 5, enumerable: true, writable: true });
    const received = w.send(watched);
    assert.equal((received as { level: unknown }).level, 5);
    assert.equal(ran, 0);
  });

  test("a class that captured its own instance", () => {
    const w = wire();
    const scope: Record<string, unknown> = { instance: undefined };
    const Single = w.shipper.closure("Single", scope, (s) => {
      return class {
        tag = "t";
        static get instance(): unknown {
          return s["instance"];
        }
      };
    });
    const instance = new Single();
    scope["instance"] = instance;
    const received = w.send(instance);
    assert.equal((received.constructor as typeof Single).instance, received);
    assert.equal(received.tag, "t");
  });

  test("private fields refuse, by name", () => {
    const w = wire();
    w.shipper.named(Guarded);
    w.shipper.hide(Guarded, "#secret");
    assert.throws(() => w.codec.encode({ g: new Guarded() }, "args[1]"), {
      constructor: NotSendableError,
      message: /^args\[1\]\.g: Guarded cannot be sent to another thread: its private field #secret cannot travel/,
    });
  });
});

test("a class with a static member called name", () => {
  const w = wire();
  class Odd {
    static name = { not: "a string" };
    field = 1;
  }
  assert.throws(() => w.codec.encode(new Odd(), "args"), /^NotSendableError: args: .* cannot be sent/);
  w.shipper.named<Function>(Odd as never, "Odd");
  assert.equal(w.send(new Odd()).field, 1);
});

suite("shared objects", () => {
  test("arrive as the same object, with one reference for the message", () => {
    const w = wire();
    const cell = w.cells.cell(2 ** 40 + 4);
    const message = w.codec.encode({ a: cell, b: [cell] }, "args");
    assert.deepStrictEqual(message.addresses, [2 ** 40 + 4]);
    assert.equal(w.cells.count(2 ** 40 + 4), 1);
    const received = w.codec.decode(message.bytes) as { a: unknown; b: unknown[] };
    assert.equal(received.a, cell);
    assert.equal(received.b[0], cell);
    assert.equal(w.cells.count(2 ** 40 + 4), 1, "the message's reference is the handle's now");
  });

  test("are given back when encoding fails, and when a message is discarded", () => {
    const w = wire();
    const cell = w.cells.cell(4);
    assert.throws(() => w.codec.encode([cell, Symbol("no")], "args"), NotSendableError);
    assert.equal(w.cells.count(4), 0);
    const getter = {
      cell,
      get boom(): never {
        throw new EvalError("mine");
      },
    };
    assert.throws(() => w.codec.encode(getter, "args"), EvalError);
    assert.equal(w.cells.count(4), 0);
    assert.throws(
      () =>
        w.codec.encodeInto([cell], "args", () => {
          throw new RangeError("no room");
        }),
      RangeError,
    );
    assert.equal(w.cells.count(4), 0);
    const { bytes } = w.codec.encode([cell], "args");
    assert.equal(w.cells.count(4), 1);
    w.codec.discard(bytes);
    assert.equal(w.cells.count(4), 0);
  });

  test("are given back when an error's field is left out", () => {
    const w = wire();
    const cell = w.cells.cell(4);
    const error = Object.assign(new Error("e"), { bad: [cell, Symbol("no")], good: 1 });
    const received = w.send(error) as Error & { bad?: unknown; good: number };
    assert.equal(received.bad, undefined);
    assert.equal(received.good, 1);
    assert.equal(w.cells.count(4), 0);
  });
});
