/** Python's cases for werkzeug's LocalProxy (LPROXY), by number, as far as JavaScript lets a Proxy see. @module */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { isMain } from "heddle";
import { ContextVar, copyContext } from "heddle/contextvars";
import { getCurrentObject, isBound, Local, LocalProxy, localProxy, LocalStack } from "heddle/local";
import { Lock, NotSendableError, RuntimeError, spawn } from "heddle/threading";

/** A proxy, and what puts an object behind it. */
function holder<T>(value?: T): { proxy: T; stack: LocalStack<T> } {
  const stack = new LocalStack<T>();
  if (value !== undefined) stack.push(value);
  return { proxy: stack.proxy(), stack };
}

if (isMain(import.meta)) {
  test("LPROXY-1 numbers: what JavaScript converts is the number", () => {
    const { proxy: n, stack } = holder(5);
    assert.deepEqual(
      [n + 1, 1 + n, n * 2, 7 - n, n / 2, n % 3, n ** 2, -n, +n, n | 8],
      [6, 6, 10, 2, 2.5, 2, 25, -5, 5, 13],
    );
    assert.deepEqual([n < 6, n >= 5, `${n}`, Number(n), Math.max(n, 3)], [true, true, "5", 5, 5]);
    assert.equal(n.toFixed(1), "5.0");
    stack.push(0);
    assert.equal(n + 1, 1);
    // oxlint-disable-next-line eqeqeq -- == converts, === does not
    assert.ok((n as unknown) == 0 && n !== 0);
  });

  test("LPROXY-2 arrays: length, elements, in, delete, methods, spread", () => {
    const { proxy: list, stack } = holder([1, 2, 3]);
    assert.deepEqual([list.length, list[0], list.at(-1), 1 in list, 7 in list], [3, 1, 3, true, false]);
    list.push(4);
    list[0] = 10;
    assert.ok(Reflect.deleteProperty(list, "1"));
    assert.deepEqual(stack.top, [10, , 3, 4]); // oxlint-disable-line no-sparse-arrays -- deleted
    assert.deepEqual([...list].length, 4);
    assert.deepEqual(
      list.toSpliced(1, 1).map((n) => n * 2),
      [20, 6, 8],
    );
    assert.deepEqual(Object.keys(list), ["0", "2", "3"]);
    list.length = 1;
    assert.deepEqual(stack.top, [10]);
    assert.equal(JSON.stringify({ list }), '{"list":[10]}');
    for (const n of list) assert.equal(n, 10);
  });

  test("LPROXY-3 strings", () => {
    const { proxy: text } = holder("hello");
    assert.deepEqual(
      [`${text} you`, text + "!", text.toUpperCase(), text.length, text[1]],
      ["hello you", "hello!", "HELLO", 5, "e"],
    );
    assert.equal(JSON.stringify([text]), '["hello"]');
  });

  test("LPROXY-4 instanceof follows the object; a proxy is known as one by LocalProxy", () => {
    class Thing {
      #secret = 1;
      n = 2;
      get secret(): number {
        return this.#secret;
      }
      set secret(value: number) {
        this.#secret = value;
      }
      add(n: number): number {
        return this.#secret + n;
      }
    }
    const { proxy: thing, stack } = holder(new Thing());
    assert.ok(thing instanceof Thing && (thing as unknown) instanceof LocalProxy);
    assert.ok(!((new Thing() as unknown) instanceof LocalProxy));
    assert.equal(thing.constructor, Thing);
    assert.equal(Object.getPrototypeOf(thing), Thing.prototype);
    // Private fields and setters work, since methods are called on the object itself.
    thing.secret = 5;
    assert.deepEqual([thing.secret, thing.add(1), stack.top!.secret], [5, 6, 5]);
    assert.equal(thing.add, thing.add);
    assert.equal(typeof thing, "function");
    assert.deepEqual(Object.entries(thing), [["n", 2]]);
    Object.defineProperty(thing, "m", { value: 3, enumerable: true, configurable: true });
    assert.equal((stack.top as unknown as { m: number }).m, 3);
    assert.throws(() => Object.defineProperty(thing, "o", { value: 3, configurable: false }), TypeError);
    assert.throws(() => Object.freeze(thing), TypeError);
    assert.equal("o" in stack.top!, false);
  });

  test("LPROXY-4 objects with internal slots", () => {
    const { proxy: map } = holder(new Map([["a", 1]]));
    map.set("b", 2);
    assert.deepEqual([map.get("a"), map.size, [...map.keys()]], [1, 2, ["a", "b"]]);
    const { proxy: date } = holder(new Date(0));
    assert.deepEqual(
      [date.toISOString(), JSON.stringify(date), +date],
      ["1970-01-01T00:00:00.000Z", '"1970-01-01T00:00:00.000Z"', 0],
    );
    const { proxy: url } = holder(new URL("http://localhost/a?b=1"));
    assert.deepEqual([url.pathname, url.searchParams.get("b"), String(url)], ["/a", "1", "http://localhost/a?b=1"]);
    const { proxy: promise } = holder(Promise.resolve(1));
    assert.equal(typeof promise.then, "function");
  });

  test("LPROXY-5 nothing bound: every use is a RuntimeError, but a look at it", () => {
    const { proxy: nothing } = holder<Record<string, unknown>>();
    const told = localProxy<{ n: number }>(() => undefined, { unboundMessage: "no request" });
    assert.throws(() => told.n, /^RuntimeError: no request$/);
    const uses: (() => unknown)[] = [
      () => nothing["n"],
      () => (nothing["n"] = 1),
      () => delete nothing["n"],
      () => "n" in nothing,
      () => Object.keys(nothing),
      () => `${nothing as unknown as string}`,
      () => JSON.stringify(nothing),
      () => (nothing as unknown as () => void)(),
      () => new (nothing as unknown as new () => object)(),
      () => nothing instanceof Object,
      () => getCurrentObject(nothing),
    ];
    for (const use of uses) assert.throws(use, RuntimeError, use.toString());
    assert.equal(isBound(nothing), false);
    assert.equal(inspect(nothing), "<LocalProxy unbound>");
    assert.throws(() => getCurrentObject({}), TypeError);
    assert.throws(() => isBound({}), TypeError);
  });

  test("LPROXY-6 a function is asked at each use; its own errors pass", () => {
    let calls = 0;
    const proxy = new LocalProxy(() => ({ n: ++calls }));
    assert.deepEqual([proxy.n, proxy.n], [1, 2]);
    const failing = localProxy<{ n: number }>(() => {
      throw new RangeError("mine");
    });
    assert.throws(() => failing.n, RangeError);
    assert.throws(() => isBound(failing), RangeError);
  });

  test("LPROXY-7 a property of what a stack, a variable, a function or a Local gives", () => {
    const stack = new LocalStack<{ name: string }>();
    const name = stack.proxy("name");
    assert.equal(isBound(name), false);
    stack.push({ name: "top" });
    assert.equal(name.toUpperCase(), "TOP");
    const variable = new ContextVar<{ name: string }>("user");
    const [user, userName] = [localProxy(variable), localProxy(variable, "name")];
    assert.equal(isBound(user), false);
    copyContext().run(() => {
      variable.set({ name: "ada" });
      assert.deepEqual([user.name, `${userName}`], ["ada", "ada"]);
    });
    assert.equal(`${localProxy(() => ({ name: "fn" }), "name")}`, "fn");
    const local = new Local<{ user: { name: string } }>();
    const inLocal = new LocalProxy(local, "user", { unboundMessage: "nobody" });
    assert.throws(() => inLocal.name, /nobody/);
    local.user = { name: "local" };
    assert.equal(inLocal.name, "local");
    assert.throws(() => localProxy(local as never), /name it/);
    assert.throws(() => localProxy(5 as never), /Don't know how to proxy/);
  });

  test("LPROXY-8 copies are copies of the object", () => {
    const { proxy, stack } = holder({ a: { b: 1 } });
    assert.deepEqual({ ...proxy }, { a: { b: 1 } });
    assert.deepEqual(structuredClone(getCurrentObject(proxy)), stack.top);
    assert.throws(() => structuredClone(proxy), { name: "DataCloneError" });
  });

  test("LPROXY-9 using and await using dispose of the object", async () => {
    const disposed: string[] = [];
    const { proxy } = holder({
      [Symbol.dispose]: () => void disposed.push("sync"),
      [Symbol.asyncDispose]: async () => void disposed.push("async"),
    });
    {
      using _ = proxy;
    }
    {
      await using _ = proxy;
    }
    assert.deepEqual(disposed, ["sync", "async"]);
  });

  test("LPROXY-10 += on a variable gives the plain result, on a property changes the object", () => {
    const { proxy: counter, stack } = holder({ n: 1 });
    counter.n += 2;
    assert.equal(stack.top!.n, 3);
    let { proxy: n } = holder(5);
    n += 1;
    assert.equal(n, 6);
    assert.ok(!((n as unknown) instanceof LocalProxy));
  });

  test("LPROXY-12 a class behind a proxy: new, instanceof, static members", () => {
    class Animal {
      static kinds = 1;
      readonly name: string;
      constructor(name: string) {
        this.name = name;
      }
    }
    const { proxy: Kind } = holder<typeof Animal>(Animal);
    const cat = new Kind("cat");
    assert.ok(cat instanceof Animal && cat instanceof Kind);
    assert.deepEqual([cat.name, Kind.kinds, Kind.name], ["cat", 1, "Animal"]);
    const { proxy: fn } = holder((a: number, b: number) => a + b);
    assert.deepEqual([fn(1, 2), fn.length, fn.call(undefined, 3, 4), fn.apply(undefined, [1, 1])], [3, 2, 7, 2]);
    const { proxy: plain } = holder({});
    assert.throws(() => (plain as () => void)(), TypeError);
  });

  test("LPROXY-13 await and for await", async () => {
    const { proxy: promise } = holder(Promise.resolve("value"));
    assert.equal(await promise, "value");
    const { proxy: stream } = holder({
      async *[Symbol.asyncIterator]() {
        yield 1;
        yield 2;
      },
    });
    const items = [];
    for await (const item of stream) items.push(item);
    assert.deepEqual(items, [1, 2]);
    const { proxy: object } = holder({ n: 1 });
    assert.equal((await Promise.resolve(object)).n, 1);
  });

  test("conversions as the object has them", () => {
    const { proxy } = holder({ valueOf: () => 7, toString: () => "seven" });
    assert.deepEqual([`${proxy as unknown as string}`, (proxy as unknown as number) + 1], ["seven", 8]);
    const { proxy: own } = holder({ [Symbol.toPrimitive]: (hint: string) => hint });
    assert.deepEqual(
      [`${own as unknown as string}`, +(own as unknown as number), `${inspect(own).includes("toPrimitive")}`],
      ["string", NaN, "true"],
    );
    const { proxy: custom } = holder({ toJSON: () => "json" });
    assert.equal(JSON.stringify(custom), '"json"');
    assert.equal(inspect(holder({ a: 1 }).proxy), "{ a: 1 }");
  });

  test("a proxy does not go to another thread; the object does, and a module's proxy is that module's", async () => {
    const { proxy } = holder({ n: 1 });
    assert.throws(() => spawn(() => proxy.n), NotSendableError);
    assert.equal(await spawn((o: { n: number }) => o.n, getCurrentObject(proxy)).join(), 1);
    const { proxy: lock, stack } = holder(new Lock());
    stack.top!.acquireSync();
    assert.equal(await spawn((l: Lock) => l.locked, lock).join(), true);
  });
}
