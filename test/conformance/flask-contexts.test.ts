/** Flask's contexts, by the numbers of Python's cases. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { LookupError, RuntimeError } from "heddle/errors";
import { getCurrentObject, isBound } from "heddle/local";
import { spawn } from "heddle/threading";
import {
  afterRequest,
  afterThisRequest,
  appContext,
  type Application,
  beforeRequest,
  contexts,
  type ContextsOptions,
  copyCurrentRequestContext,
  currentApp,
  g,
  hasAppContext,
  hasRequestContext,
  request,
  session,
  teardownAppcontext,
  teardownRequest,
  testRequestContext,
} from "heddle/web";
import { readRequestInThread } from "../web/programs.ts";

const NO_APP = /^Working outside of application context\./;
const NO_REQUEST = /^Working outside of request context\./;

/** An app, and what its hooks have noted. */
function makeApp(options: ContextsOptions = {}): { app: Hono; log: unknown[] } {
  const app = new Hono();
  app.use(contexts({ secretKey: "a key", ...options }));
  // Hono's own handler prints each error.
  return { app, log: [] };
}

const unbound = (): void => {
  assert.equal(hasRequestContext(), false);
  assert.equal(hasAppContext(), false);
};

suite("app contexts", () => {
  test("FAPP-1 outside, currentApp and g are errors that say so, and are not bound", () => {
    for (const use of [() => currentApp.name, () => g["x"], () => ((g as Record<string, unknown>)["x"] = 1)]) {
      assert.throws(use, (error) => error instanceof RuntimeError && NO_APP.test(error.message));
    }
    assert.equal(isBound(currentApp), false);
    assert.equal(isBound(g), false);
    unbound();
  });

  test("FAPP-2 within, currentApp is the app; afterwards it is unbound", () => {
    const { app } = makeApp({ config: { ANSWER: 42 }, name: "first" });
    const context = appContext(app);
    let seen: Application | undefined;
    {
      using _ = context.push();
      seen = getCurrentObject(currentApp);
      assert.equal(currentApp.config["ANSWER"], 42);
      assert.equal(currentApp.name, "first");
      assert.equal(hasAppContext(), true);
      assert.equal(hasRequestContext(), false);
    }
    assert.equal(seen, context.app);
    unbound();
  });

  test("FAPP-2 `using` without push() enters as Python's `with` does", () => {
    const { app, log } = makeApp({ name: "entered" });
    teardownAppcontext(app, () => log.push("teardown"));
    {
      using _ = appContext(app);
      assert.equal(currentApp.name, "entered");
    }
    assert.deepEqual(log, ["teardown"]);
    unbound();
  });

  test("FAPP-3 nested contexts of one app have different g", () => {
    const { app } = makeApp();
    using _outer = appContext(app).push();
    g["x"] = "outer";
    {
      using _inner = appContext(app).push();
      assert.equal(g["x"], undefined);
      g["x"] = "inner";
    }
    assert.equal(g["x"], "outer");
  });

  test("FAPP-4 the teardown gets undefined once; the error that left run(); not one that was handled", async () => {
    const { app, log } = makeApp();
    teardownAppcontext(app, (error) => log.push(error));
    {
      using _ = appContext(app).push();
    }
    assert.deepEqual(log.splice(0), [undefined]);
    const error = new Error("in the block");
    await assert.rejects(
      appContext(app).run(() => {
        throw error;
      }),
      error,
    );
    const pushed = appContext(app).push();
    pushed.pop(error);
    assert.deepEqual(log.splice(0), [error, error]);
    await appContext(app).run(async () => {
      await Promise.reject(new Error("handled")).catch(() => undefined);
    });
    assert.deepEqual(log, [undefined]);
    unbound();
  });

  test("FAPP-5 pushed twice and popped once: no teardown yet", () => {
    const { app, log } = makeApp();
    teardownAppcontext(app, () => log.push("teardown"));
    const context = appContext(app).push().push();
    context.pop();
    assert.deepEqual(log, []);
    assert.equal(hasAppContext(), true);
    context.pop();
    assert.deepEqual(log, ["teardown"]);
    unbound();
  });

  test("FAPP-6 teardown functions are called in reverse order", async () => {
    const { app, log } = makeApp();
    for (const name of ["first", "second", "third"]) {
      teardownAppcontext(app, async () => {
        await Promise.resolve();
        log.push(name);
      });
    }
    await appContext(app).run(() => undefined);
    assert.deepEqual(log, ["third", "second", "first"]);
  });

  test("FAPP-7 popping in the wrong order is an error before anything is changed; popping too often is one too", () => {
    const { app, log } = makeApp();
    teardownAppcontext(app, () => log.push("teardown"));
    const [outer, inner] = [appContext(app).push(), appContext(app).push()];
    g["x"] = "inner";
    assert.throws(() => outer.pop(), { name: "RuntimeError", message: /^Popped wrong context: / });
    assert.equal(g["x"], "inner");
    assert.deepEqual(log, []);
    inner.pop();
    outer.pop();
    assert.deepEqual(log, ["teardown", "teardown"]);
    assert.throws(() => outer.pop(), LookupError);
    assert.throws(() => appContext(app).pop(), LookupError);
    unbound();
  });

  test("FAPP-8 g: get with a fallback, setdefault keeps the first, pop, in, names, text", () => {
    const { app } = makeApp({ name: "demo" });
    using _ = appContext(app).push();
    assert.equal(g.get("x"), undefined);
    assert.equal(g.get("x", 7), 7);
    assert.equal(g.setdefault("x", 1), 1);
    assert.equal(g.setdefault("x", 2), 1);
    assert.equal("x" in g, true);
    g["y"] = 2;
    assert.deepEqual([...g], ["x", "y"]);
    assert.deepEqual(Object.keys(g), ["x", "y"]);
    assert.equal(g.toString(), "<g of 'demo'>");
    assert.equal(g.pop("x"), 1);
    assert.equal("x" in g, false);
    assert.equal(g.pop("x", "fallback"), "fallback");
    assert.throws(() => g.pop("x"), LookupError);
    delete g["y"];
    assert.deepEqual([...g], []);
  });

  test("FAPP-9 the app's teardown is called even if the request's fails; every one is, and the errors are collected", async () => {
    const { app, log } = makeApp();
    teardownAppcontext(app, () => log.push("app"));
    teardownRequest(app, () => log.push("request"));
    teardownRequest(app, () => {
      throw new Error("teardown");
    });
    const context = testRequestContext(app).push();
    assert.throws(() => context.pop(), { message: "teardown" });
    assert.deepEqual(log, ["request", "app"]);
    unbound();
    teardownAppcontext(app, () => Promise.reject(new Error("another")));
    await assert.rejects(
      testRequestContext(app).run(() => undefined),
      (error) => error instanceof AggregateError && error.errors.length === 2,
    );
    unbound();
  });
});

suite("request contexts", () => {
  test("FREQ-1 request.args works within; afterwards the request is unbound", () => {
    const { app } = makeApp();
    {
      using _ = testRequestContext(app, "/a%20b?name=World&n=1&n=2", { headers: { cookie: "k=v%21" } }).push();
      assert.equal(request.args.get("name"), "World");
      assert.deepEqual(request.args.getAll("n"), ["1", "2"]);
      assert.equal(request.path, "/a b");
      assert.equal(request.method, "GET");
      assert.equal(request.cookies["k"], "v!");
      assert.equal(request.remoteAddr, "127.0.0.1");
      assert.ok(request instanceof Request);
      assert.ok(isBound(request));
    }
    assert.equal(isBound(request), false);
    assert.equal(hasRequestContext(), false);
  });

  test("FREQ-1 a body can be read more than once, as text, JSON, bytes and form", async () => {
    const { app } = makeApp();
    const init = { method: "POST", body: '{"a":1}', headers: { "content-type": "application/json" } };
    await testRequestContext(app, "/", init).run(async () => {
      assert.deepEqual(await request.json(), { a: 1 });
      assert.equal(await request.text(), '{"a":1}');
      assert.equal((await request.arrayBuffer()).byteLength, 7);
    });
    await testRequestContext(app, "/", { method: "POST", body: new URLSearchParams({ a: "1" }) }).run(async () => {
      assert.equal((await request.formData()).get("a"), "1");
    });
  });

  test("FREQ-2 after push and pop by hand, using it is an error", () => {
    const { app } = makeApp();
    const context = testRequestContext(app, "/x").push();
    assert.equal(request.path, "/x");
    context.pop();
    assert.throws(() => request.path, { message: NO_REQUEST });
    assert.throws(() => session["x"], { message: NO_REQUEST });
    assert.throws(() => context.pop(), LookupError);
  });

  test("FREQ-3 a request context brings an app context; over another app's it brings its own, which goes with it", () => {
    const [first, second] = [makeApp({ name: "first" }), makeApp({ name: "second" })];
    {
      using _ = testRequestContext(first.app).push();
      assert.equal(currentApp.name, "first");
    }
    using _ = appContext(first.app).push();
    g["x"] = 1;
    {
      using _request = testRequestContext(second.app).push();
      assert.equal(currentApp.name, "second");
      assert.equal(g["x"], undefined);
    }
    assert.equal(currentApp.name, "first");
    assert.equal(g["x"], 1);
  });

  test("FREQ-4 within a context of the same app it shares g, and does not end that context", () => {
    const { app, log } = makeApp();
    teardownAppcontext(app, () => log.push("app"));
    teardownRequest(app, () => log.push("request"));
    {
      using _ = appContext(app).push();
      g["x"] = 1;
      {
        using _request = testRequestContext(app).push();
        assert.equal(g["x"], 1);
        g["y"] = 2;
      }
      assert.deepEqual(log, ["request"]);
      assert.equal(g["y"], 2);
    }
    assert.deepEqual(log, ["request", "app"]);
  });

  test("FREQ-5 the order of everything around a view", async () => {
    const { app, log } = makeApp();
    const note = (name: string): void => void log.push(name);
    beforeRequest(app, () => note("before 1"));
    beforeRequest(app, async () => note("before 2"));
    afterRequest(app, () => note("after 1"));
    afterRequest(app, async (response) => {
      note("after 2");
      response.headers.set("x-after", "2");
    });
    // Saved after all of these: what the last of them puts into the session is in the cookie.
    afterRequest(app, () => void (session["late"] = true));
    teardownRequest(app, () => note(`request 1 ${hasRequestContext()} ${hasAppContext()}`));
    teardownRequest(app, () => note("request 2"));
    teardownAppcontext(app, () => note(`app 1 ${hasRequestContext()} ${hasAppContext()}`));
    teardownAppcontext(app, () => note("app 2"));
    app.get("/", () => {
      afterThisRequest(() => note("this 1"));
      afterThisRequest(async () => note("this 2"));
      note("view");
      return new Response("done");
    });
    const response = await app.request("/");
    assert.deepEqual(log, [
      ..."before 1,before 2,view,this 1,this 2,after 2,after 1".split(","),
      ..."request 2,request 1 true true,app 2,app 1 false true".split(","),
    ]);
    assert.equal(response.headers.get("x-after"), "2");
    assert.match(response.headers.get("set-cookie")!, /^session=/);
    log.length = 0;
    await app.request("/");
    assert.equal(
      log.filter((line) => String(line).startsWith("this")).length,
      2,
      "afterThisRequest is for one request",
    );
  });

  test("FREQ-5 a beforeRequest function that answers skips the others and the view; afterRequest may replace the answer", async () => {
    const { app, log } = makeApp();
    beforeRequest(app, () => new Response("no", { status: 403, headers: { "x-from": "before" } }));
    beforeRequest(app, () => void log.push("second"));
    afterRequest(app, async (response) => new Response(`${await response.text()}!`, { status: response.status }));
    app.get("/", () => {
      log.push("view");
      return new Response("view");
    });
    const response = await app.request("/");
    assert.deepEqual([response.status, await response.text(), response.headers.get("x-from")], [403, "no!", null]);
    assert.deepEqual(log, []);
  });

  test("FREQ-6 teardown functions get an unhandled error, and nothing for a handled one", async (t) => {
    const { app, log } = makeApp();
    t.mock.method(console, "error", () => undefined);
    const error = new Error("in the view");
    afterRequest(app, (response) => void log.push(response.status));
    teardownRequest(app, (given) => log.push(given));
    teardownAppcontext(app, (given) => log.push(given));
    app.get("/throws", () => {
      throw error;
    });
    app.get("/aborts", () => {
      throw new HTTPException(503, { message: "busy" });
    });
    assert.equal((await app.request("/throws")).status, 500);
    assert.deepEqual(log.splice(0), [500, error, error]);
    assert.equal((await app.request("/aborts")).status, 503);
    assert.deepEqual(log.splice(0), [503, undefined, undefined]);
    app.onError((_, c) => c.text("handled", 200));
    assert.equal((await app.request("/throws")).status, 200);
    assert.deepEqual(log, [200, undefined, undefined]);
    unbound();
  });

  test("FREQ-7 an answer 404 passes afterRequest functions", async () => {
    const { app, log } = makeApp();
    afterRequest(app, (response) => {
      log.push(response.status);
      response.headers.set("x-after", "1");
    });
    teardownRequest(app, (error) => log.push(error));
    const response = await app.request("/nowhere");
    assert.equal(response.headers.get("x-after"), "1");
    assert.deepEqual(log, [404, undefined]);
  });

  test("FREQ-8 the same context pushed twice: one teardown, of the request and then of the app", () => {
    const { app, log } = makeApp();
    teardownAppcontext(app, () => log.push("app"));
    teardownRequest(app, () => log.push("request"));
    const context = testRequestContext(app, "/twice").push();
    {
      using _ = context.push();
      assert.equal(request.path, "/twice");
    }
    assert.deepEqual(log, []);
    context.pop();
    assert.deepEqual(log, ["request", "app"]);
  });

  test("FREQ-9 a thread has no request; a function decorated in the view has it later, with its own g and the session", async () => {
    const { app, log } = makeApp();
    const [done, finish] = withResolver();
    teardownAppcontext(app, () => log.push("app"));
    app.get("/view", async () => {
      session["user"] = "ada";
      g["x"] = 1;
      const decorated = copyCurrentRequestContext((...names: string[]) => {
        log.push([request.path, session["user"], g["x"], ...names]);
        g["x"] = 2;
      });
      const thread = await spawn(readRequestInThread).join();
      assert.match(thread, NO_REQUEST);
      setTimeout(() => {
        // What was begun in the request, but outlived it, has none any more.
        log.push(hasRequestContext());
        decorated("a", "b");
        decorated();
        finish();
      });
      return new Response();
    });
    await app.request("/view");
    await done;
    assert.deepEqual(log, [
      "app",
      false,
      ["/view", "ada", undefined, "a", "b"],
      "app",
      ["/view", "ada", undefined],
      "app",
    ]);
  });

  test("FREQ-9 decorated and asynchronous: the context lasts as long as the promise, also if it fails", async () => {
    const { app, log } = makeApp();
    teardownRequest(app, (error) => log.push((error as Error | undefined)?.message));
    let decorated!: (fail: boolean) => Promise<string>;
    app.get("/view", () => {
      decorated = copyCurrentRequestContext(async (fail: boolean) => {
        await new Promise(setImmediate);
        if (fail) throw new Error(request.path);
        return request.path;
      });
      return new Response();
    });
    await app.request("/view");
    assert.deepEqual(log.splice(0), [undefined]);
    const both = await Promise.allSettled([decorated(false), decorated(true)]);
    assert.deepEqual(
      both.map(({ status }) => status),
      ["fulfilled", "rejected"],
    );
    assert.deepEqual(
      log.toSorted((a) => (a === undefined ? 1 : -1)),
      ["/view", undefined],
    );
    unbound();
  });

  test("FREQ-10 helpers outside of a request are errors", () => {
    for (const use of [() => afterThisRequest(() => undefined), () => copyCurrentRequestContext(() => undefined)]) {
      assert.throws(use, (error) => error instanceof RuntimeError && NO_REQUEST.test(error.message));
    }
  });

  test("FREQ-11 a session that cannot be opened: 500, and nothing left behind", async (t) => {
    t.mock.method(console, "error", () => undefined);
    let fails = true;
    const store = {
      get: (): string | undefined => {
        if (fails) throw new Error("no connection");
        return undefined;
      },
      set: () => undefined,
      delete: () => undefined,
    };
    const { app, log } = makeApp({ session: { store } });
    app.get("/", () => {
      session["x"] = 1;
      return new Response("view");
    });
    fails = false;
    const cookie = (await app.request("/")).headers.get("set-cookie")!.split(";")[0]!;
    fails = true;
    teardownRequest(app, () => log.push("teardown"));
    const response = await app.request("/", { headers: { cookie } });
    assert.equal(response.status, 500);
    assert.deepEqual(log, []);
    unbound();
    fails = false;
    assert.equal((await app.request("/", { headers: { cookie } })).status, 200);
  });

  test("currentApp is the same app in every request, and g a new one in each", async () => {
    const { app } = makeApp();
    const [apps, globals] = [new Set<unknown>(), new Set<unknown>()];
    app.get("/", () => {
      apps.add(getCurrentObject(currentApp));
      globals.add(getCurrentObject(g));
      return new Response();
    });
    for (let i = 0; i < 5; i++) await app.request("/");
    assert.deepEqual([apps.size, globals.size], [1, 5]);
  });
});

function withResolver(): [promise: Promise<void>, resolve: () => void] {
  let resolve!: () => void;
  return [new Promise<void>((settle) => (resolve = settle)), () => resolve()];
}
