import assert from "node:assert/strict";
import { Socket } from "node:net";
import { suite, test } from "node:test";
import { types } from "node:util";
import * as errors from "../../src/errors.ts";
import { appendCallerStack } from "../../src/core/wire/error-envelope.ts";
import { wire } from "./support.ts";

class HttpError extends Error {
  status: number;

  constructor(request: { url: string }, status: number) {
    // Would fail if the receiver ran it without a request.
    super(`${request.url} answered ${status}`);
    this.name = "HttpError";
    this.status = status;
  }
}

class NotFound extends HttpError {
  path: string;

  constructor(path: string) {
    super({ url: `http://x${path}` }, 404);
    this.path = path;
  }
}

class QuotaError extends errors.ValueError {
  override readonly code = "ERR_QUOTA";
}

type Noted = Error & { notes?: string[] };

suite("errors arrive whole", () => {
  test("native classes", () => {
    const w = wire();
    for (const constructor of [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError]) {
      const error = new constructor("message", { cause: { id: 7, at: new Date(3) } });
      const received = w.send(error);
      assert.equal(received.constructor, constructor);
      assert.ok(types.isNativeError(received));
      assert.equal(received.message, "message");
      assert.equal(received.stack, error.stack);
      assert.deepStrictEqual(received.cause, { id: 7, at: new Date(3) });
      assert.deepStrictEqual(Object.keys(received), []);
      assert.equal(received.name, constructor.name);
    }
    assert.equal("cause" in w.send(new Error("no cause")), false);
    assert.equal(Object.hasOwn(w.send(new Error()), "message"), Object.hasOwn(w.send(new Error("")), "message"));
  });

  test("every class of heddle/errors", () => {
    const w = wire();
    const classes = Object.values(errors);
    assert.ok(classes.length > 20);
    for (const constructor of classes) {
      const error = new constructor("what to do");
      const received = w.send(error);
      assert.equal(received.constructor, constructor);
      assert.ok(received instanceof constructor);
      assert.ok(received instanceof errors.HeddleError);
      assert.deepStrictEqual([received.message, received.code, received.name], [error.message, error.code, error.name]);
      assert.deepStrictEqual(Object.keys(received), Object.keys(error));
    }
    assert.ok(w.send(new errors.ValueError("v")) instanceof RangeError);
    assert.equal(w.send(new errors.ThreadDiedError("t", { exitCode: 9 })).exitCode, 9);
  });

  test("users' classes, without running their constructors", () => {
    const w = wire();
    w.shipper.named(NotFound);
    const error = new NotFound("/a");
    const received = w.send(error);
    assert.ok(received instanceof NotFound && received instanceof HttpError);
    assert.deepStrictEqual([received.status, received.path, received.name], [404, "/a", "HttpError"]);
    assert.equal(received.message, error.message);
    assert.equal(received.stack, error.stack);
    assert.ok(types.isNativeError(received));
  });

  test("users' classes that extend heddle's keep the brand", () => {
    const w = wire();
    w.shipper.named(QuotaError);
    const received = w.send(new QuotaError("too much"));
    assert.ok(received instanceof QuotaError);
    assert.ok(received instanceof errors.ValueError);
    assert.ok(received instanceof errors.HeddleError);
    assert.equal(received.code, "ERR_QUOTA");
  });

  test("a class that cannot be named: the nearest that can, the name, and a note", () => {
    const w = wire();
    const plain = w.send(new NotFound("/a")) as Noted & { path?: string };
    assert.equal(plain.constructor, Error);
    assert.equal(plain.name, "HttpError");
    assert.equal(plain.path, "/a");
    assert.match(plain.notes?.[0] ?? "", /NotFound.*no module exports it/);
    w.shipper.named(HttpError);
    assert.equal(w.send(new NotFound("/a")).constructor, HttpError);
    class Silent extends TypeError {}
    const silent = w.send(new Silent("s"));
    assert.equal(silent.constructor, TypeError);
    assert.equal(silent.name, "Silent");
  });

  test("a class the receiver cannot load", () => {
    const w = wire();
    w.shipper.named(NotFound);
    w.shipper.unloadable.add("NotFound");
    const received = w.send([new NotFound("/a")])[0] as Error as Noted & { path?: string };
    assert.equal(received.constructor, errors.RemoteError);
    assert.deepStrictEqual(
      [received.message, received.name, received.path],
      ["http://x/a answered 404", "HttpError", "/a"],
    );
    assert.match(received.notes?.join() ?? "", /NotFound could not be loaded here: cannot load NotFound/);
  });

  test("aggregates, with each of their errors", () => {
    const w = wire();
    const error = new AggregateError([new TypeError("a"), "b", Symbol("c"), new errors.Empty("d")], "several");
    const received = w.send(error);
    assert.ok(received instanceof AggregateError);
    const [a, b, c, d] = received.errors as unknown[];
    assert.ok(a instanceof TypeError);
    assert.equal(b, "b");
    assert.ok(c instanceof errors.RemoteError);
    assert.match(c.message, /^errors\[2\]: Symbol\(c\) cannot be sent/);
    assert.ok(d instanceof errors.Empty);
    assert.deepStrictEqual(Object.keys(received), []);
  });

  test("SuppressedError, where there is one", (t) => {
    const Suppressed = (globalThis as { SuppressedError?: new (e: unknown, s: unknown, m: string) => Error })
      .SuppressedError;
    if (Suppressed === undefined) return t.skip("not in this engine");
    const received = wire().send(new Suppressed(new TypeError("late"), 5, "m")) as Error & {
      error: unknown;
      suppressed: unknown;
    };
    assert.ok(received instanceof Suppressed);
    assert.ok(received.error instanceof TypeError);
    assert.equal(received.suppressed, 5);
  });

  test("DOMException", () => {
    const received = wire().send(new DOMException("stop", "AbortError"));
    assert.ok(received instanceof DOMException);
    assert.deepStrictEqual([received.name, received.message, received.code], ["AbortError", "stop", 20]);
  });

  test("what Node throws", async () => {
    const { readFile } = await import("node:fs/promises");
    const error = await readFile("/does/not/exist").catch((e: unknown) => e);
    const received = wire().send(error) as NodeJS.ErrnoException;
    assert.deepStrictEqual([received.code, received.syscall, received.path], ["ENOENT", "open", "/does/not/exist"]);
    const aborted = await readFile("/x", { signal: AbortSignal.abort() }).catch((e: unknown) => e);
    const abort = wire().send(aborted) as Noted & { code: string };
    assert.deepStrictEqual([abort.name, abort.code, abort.notes], ["AbortError", "ABORT_ERR", undefined]);
  });

  test("cycles through cause and fields", () => {
    const error = new Error("outer") as Error & { self?: unknown; list?: unknown };
    error.self = error;
    error.list = [error];
    error.cause = Object.assign(new TypeError("inner"), { outer: error });
    const received = wire().send({ error }).error;
    assert.equal(received.self, received);
    assert.deepStrictEqual(received.list, [received]);
    assert.equal((received.cause as { outer: unknown }).outer, received);
  });

  test("a class that captured the error itself", () => {
    const w = wire();
    const scope: Record<string, unknown> = { last: undefined };
    const Last = w.shipper.closure("Last", scope, (s) => {
      return class extends Error {
        static get last(): unknown {
          return s["last"];
        }
      };
    });
    const error = new Last("e");
    scope["last"] = error;
    const received = w.send(error);
    assert.equal((received.constructor as typeof Last).last, received);
  });
});

suite("encoding an error never fails", () => {
  test("what cannot travel is noted", () => {
    const w = wire();
    const error = Object.assign(new Error("query failed"), {
      socket: new Socket(),
      sql: "select 1",
      retry: () => 1,
      deep: { ok: 1, list: [Promise.resolve()] },
    });
    const received = w.send(error) as Noted & { sql: string };
    assert.equal(received.message, "query failed");
    assert.equal(received.sql, "select 1");
    assert.deepStrictEqual(Object.keys(received).sort(), ["notes", "sql"]);
    assert.deepStrictEqual(
      received.notes?.map((note) => note.slice(0, note.indexOf(" cannot"))),
      ["socket: Socket", "retry: function retry", "deep.list[0]: Promise"],
    );
    const again = w.send(Object.assign(error, { notes: ["mine"] })) as Noted;
    assert.equal(again.notes?.[0], "mine");
    assert.equal(again.notes?.length, 4);
  });

  test("a field left out leaves no trace of itself", () => {
    const w = wire();
    const shared = { id: 1, name: "x" };
    const error = Object.assign(new Error("e"), {
      bad: [shared, new Uint8Array(5000), { fresh: "shape", of: Symbol("no") }],
      good: [shared, { fresh: "shape", of: 1 }],
    });
    const received = w.send([error, shared, new Uint8Array(3000).fill(1)]) as [
      Error & { good: unknown[] },
      object,
      Uint8Array,
    ];
    assert.deepStrictEqual(received[0].good, [
      { id: 1, name: "x" },
      { fresh: "shape", of: 1 },
    ]);
    assert.equal(received[0].good[0], received[1]);
    assert.equal(received[2][2999], 1);
  });

  test("hostile errors", () => {
    const w = wire();
    const boom = (): never => {
      throw new Error("boom");
    };
    const hostile = new Error("g");
    // Node 20 makes the stack when it is first asked for, and asks the message.
    assert.ok(hostile.stack);
    const getters = Object.defineProperties(hostile, {
      message: { get: boom },
      stack: { get: boom },
      name: { get: boom },
      field: { get: boom, enumerable: true },
    });
    const received = w.send(getters) as Noted;
    assert.ok(received instanceof Error);
    assert.match(received.notes?.join() ?? "", /field: reading it failed \(boom\)/);
    const proxy = new Proxy(new TypeError("p"), { get: boom, ownKeys: boom, getOwnPropertyDescriptor: boom });
    assert.ok(w.send(proxy) instanceof TypeError);
    assert.ok(w.send(Object.freeze(new Error("frozen"))) instanceof Error);
    assert.equal(w.send(Object.assign(new Error("m") as object, { message: 5, stack: null })).message, "");
  });

  test("old-style error classes", () => {
    const w = wire();
    function Legacy(this: Error, message: string): void {
      this.message = message;
    }
    Legacy.prototype = Object.create(Error.prototype, { constructor: { value: Legacy } });
    const make = Legacy as unknown as new (message: string) => Error;
    assert.equal(w.send(new make("old")).message, "old");
    w.shipper.named(Legacy);
    const received = w.send(new make("old"));
    assert.ok(received instanceof make);
    assert.equal(received.message, "old");
  });

  test("endless causes are cut", () => {
    let error = new Error("root");
    for (let i = 0; i < 5000; i++) error = new Error(`level ${i}`, { cause: error });
    let received: unknown = wire().send(error);
    let levels = 0;
    let last: Noted | undefined;
    for (; received instanceof Error; received = received.cause) {
      levels++;
      last = received;
    }
    assert.ok(levels > 100, `${levels}`);
    assert.match(last?.notes?.join() ?? "", /cause: .*nested too deeply/);
  });

  test("private fields are noted", () => {
    const w = wire();
    w.shipper.named(NotFound);
    w.shipper.hide(NotFound, "#token");
    const received = w.send(new NotFound("/a")) as Noted;
    assert.equal(received.constructor, NotFound);
    assert.match(received.notes?.join() ?? "", /private fields #token could not travel/);
  });

  test("whatever is thrown", () => {
    const w = wire();
    const thrown = (value: unknown): unknown => w.codec.decode(w.codec.encodeThrown(value).bytes);
    assert.equal(thrown("text"), "text");
    assert.deepStrictEqual(thrown({ code: 1 }), { code: 1 });
    assert.equal(thrown(undefined), undefined);
    for (const odd of [
      Symbol("s"),
      new Socket(),
      () => 1,
      new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error("no");
          },
        },
      ),
    ]) {
      const received = thrown(odd);
      assert.ok(received instanceof errors.RemoteError);
      assert.match(received.message, /^a value that is no error was thrown: /);
    }
  });
});

suite("the caller's stack", () => {
  const caller = "Error\n    at main (file:///app/main.ts:12:18)\n    at file:///app/main.ts:20:1\n";

  test("follows the original", () => {
    const error = new TypeError("x");
    const original = error.stack;
    appendCallerStack(error, caller, "submitted from MainThread");
    assert.equal(
      error.stack,
      `${original}\n    --- submitted from MainThread ---\n    at main (file:///app/main.ts:12:18)\n    at file:///app/main.ts:20:1`,
    );
    assert.deepStrictEqual(Object.keys(error), []);
    const once = error.stack;
    appendCallerStack(error, caller, "submitted from MainThread");
    assert.equal(error.stack, once, "not twice");
  });

  test("of other engines", () => {
    const error = new Error("x");
    appendCallerStack(error, "main@https://app/main.js:1:2\n@https://app/main.js:9:1");
    assert.match(error.stack ?? "", /--- submitted from ---\nmain@https:\/\/app\/main\.js:1:2\n@https/);
  });

  test("is left out where there is no place for it", () => {
    const frozen = Object.freeze(new Error("x"));
    const { stack } = frozen;
    appendCallerStack(frozen, caller);
    assert.equal(frozen.stack, stack);
    const plain = new Error("x");
    const before = plain.stack;
    appendCallerStack(plain, undefined);
    appendCallerStack(plain, "Error: no frames");
    assert.equal(plain.stack, before);
    for (const value of [undefined, null, 5, "text", {}]) appendCallerStack(value, caller);
  });
});
