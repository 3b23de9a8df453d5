/** What clients send that no browser would, and what apps do that they should not. */
import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import { Hono } from "hono";
import { ValueError } from "heddle/errors";
import {
  afterRequest,
  afterThisRequest,
  appContext,
  beforeRequest,
  contexts,
  type ContextsOptions,
  copyCurrentRequestContext,
  currentApp,
  g,
  hasAppContext,
  hasRequestContext,
  MemoryStore,
  request,
  session,
  teardownAppcontext,
  teardownRequest,
  testRequestContext,
} from "heddle/web";
import { parseCookies } from "../../src/web/cookies.ts";
import { decodeSession, encodeSession } from "../../src/web/session-codec.ts";
import { Signer } from "../../src/web/signing.ts";

const DAY = 86_400_000;
const payload = (text: string): string => Buffer.from(text).toString("base64url");

function makeApp(options: ContextsOptions = {}): Hono {
  const app = new Hono();
  app.use(contexts({ secretKey: "a key", ...options }));
  app.get("/user", () => Response.json(session.get("user", "nobody")));
  return app;
}

/** Hono and heddle report errors on stderr. */
function quiet(t: TestContext): { callCount(): number } {
  return t.mock.method(console, "error", () => undefined).mock;
}

suite("cookies that are not what was sent", () => {
  const signer = new Signer(["a key"], "heddle.session.session");
  const genuine = payload('{"user":"ada"}');
  const now = Date.now();

  const cases: Record<string, string> = {
    "": "nobody",
    ".": "nobody",
    "..": "nobody",
    "a.b": "nobody",
    "%E0%A4%A": "nobody",
    "\u00ff\u00ff.\u00ff.\u00ff": "nobody",
    __proto__: "nobody",
    [signer.sign(genuine, now)]: "ada",
    [`"${signer.sign(genuine, now)}"`]: "ada",
    [signer.sign(genuine, now).slice(0, -5)]: "nobody",
    [signer.sign(genuine, now).slice(5)]: "nobody",
    [`${signer.sign(genuine, now)}x`]: "nobody",
    [new Signer(["another key"], "heddle.session.session").sign(genuine, now)]: "nobody",
    [new Signer(["a key"], "heddle.session.other").sign(genuine, now)]: "nobody",
    [signer.sign(genuine, now - 30 * DAY)]: "ada",
    [signer.sign(genuine, now - 32 * DAY)]: "nobody",
    [signer.sign(genuine, now + DAY)]: "nobody",
    [signer.sign(payload("no JSON"), now)]: "nobody",
    [signer.sign(payload("[1]"), now)]: "nobody",
    [signer.sign(payload('{"a":{"$map":[1]}}'), now)]: "nobody",
    [signer.sign(payload('{"a":{"$bigint":"x"}}'), now)]: "nobody",
    [signer.sign(payload(`{"user":"ada","x":"${"x".repeat(4000)}"}`), now)]: "nobody",
  };

  test("forged, truncated, expired, oversized: an empty session, and no error", async () => {
    const app = makeApp();
    for (const [cookie, user] of Object.entries(cases)) {
      const response = await app.request("/user", { headers: { cookie: `session=${cookie}` } });
      assert.equal(response.status, 200, cookie);
      assert.equal(await response.json(), user, cookie);
      assert.equal(response.headers.get("set-cookie"), null, cookie);
    }
  });

  test("a lifetime of its own", async () => {
    const app = makeApp({ session: { lifetime: 1000 } });
    for (const [age, user] of [
      [0, "ada"],
      [3000, "nobody"],
    ] as const) {
      const cookie = `session=${signer.sign(genuine, Date.now() - age)}`;
      assert.equal(await (await app.request("/user", { headers: { cookie } })).json(), user);
    }
  });

  test("a session's id that the store does not know is not taken on", async () => {
    const store = new MemoryStore("bad input");
    const app = makeApp({ session: { store } });
    app.get("/set", () => {
      session["user"] = "ada";
      return new Response();
    });
    const chosen = `session=${signer.sign("chosen-by-someone-else")}`;
    const response = await app.request("/set", { headers: { cookie: chosen } });
    assert.equal(store.get("chosen-by-someone-else"), undefined);
    assert.equal(store.size, 1);
    assert.doesNotMatch(response.headers.get("set-cookie")!, /chosen/);
  });

  test("cookie headers of every kind", () => {
    assert.deepEqual({ ...parseCookies(null) }, {});
    assert.deepEqual(
      { ...parseCookies(";;; ; =x; novalue; a=1;b = 2 ; a=3; c=x=y; d=%zz; e=%41; __proto__=5") },
      {
        a: "1",
        b: "2",
        c: "x=y",
        d: "%zz",
        e: "A",
        ["__proto__"]: "5",
      },
    );
  });

  test("a store that is asynchronous", async () => {
    const entries = new Map<string, string>();
    const store = {
      get: async (id: string) => entries.get(id),
      set: async (id: string, text: string) => void entries.set(id, text),
      delete: async (id: string) => void entries.delete(id),
    };
    const app = makeApp({ session: { store } });
    app.get("/set", () => {
      session["user"] = "ada";
      return new Response();
    });
    app.get("/clear", () => {
      session.clear();
      return new Response();
    });
    const cookie = (await app.request("/set")).headers.get("set-cookie")!.split(";")[0]!;
    assert.equal(await (await app.request("/user", { headers: { cookie } })).json(), "ada");
    assert.throws(() => testRequestContext(app, "/", { headers: { cookie } }).push(), {
      name: "RuntimeError",
      message: /asynchronous: await context\.pushAsync\(\)/,
    });
    await testRequestContext(app, "/", { headers: { cookie } }).run(() => assert.equal(session["user"], "ada"));
    await app.request("/clear", { headers: { cookie } });
    assert.equal(entries.size, 0);
  });
});

suite("sessions that cannot be saved", () => {
  async function save(t: TestContext, value: unknown): Promise<unknown> {
    quiet(t);
    const app = makeApp();
    let error: unknown;
    app.onError((thrown, c) => {
      error = thrown;
      return c.text("failed", 500);
    });
    app.get("/set", () => {
      session["x"] = value;
      return new Response("set");
    });
    const response = await app.request("/set");
    assert.equal(response.status, error === undefined ? 200 : 500);
    assert.equal(hasAppContext(), false);
    return error;
  }

  test("too long for a cookie: an error that says how long, and what to do", async (t) => {
    const error = await save(t, "x".repeat(4000));
    assert.ok(error instanceof ValueError);
    assert.match(
      error.message,
      /too long for a cookie: 5\d\d\d bytes, and browsers keep 4096\. .* new MemoryStore\(\)/,
    );
    assert.equal(await save(t, "x".repeat(2500)), undefined);
  });

  test("values that have no form: the key is named", async (t) => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    for (const [value, message] of [
      [() => 1, /^session\.x: a function cannot be kept in a session/],
      [{ a: [1, Symbol("s")] }, /^session\.x\.a\[1\]: a symbol cannot/],
      [{ a: new URL("http://x") }, /^session\.x\.a: a URL cannot/],
      [cycle, /^session\.x\[0\].*: what contains itself, or is nested so deeply, cannot/],
    ] as const) {
      const error = await save(t, value);
      assert.ok(error instanceof ValueError);
      assert.match(error.message, message);
    }
  });

  test("a name that every session has", () => {
    const app = makeApp();
    using _ = testRequestContext(app).push();
    const refused = { name: "TypeError", message: /^pop is a member/ };
    assert.throws(() => (session["pop"] = 1 as never), refused);
    assert.throws(() => session.update({ pop: 1 }), refused);
    assert.throws(() => session.setdefault("modified", 1), TypeError);
    assert.equal(session.modified, false);
    assert.deepEqual(Object.keys(session), []);
    session["__proto__"] = { polluted: true };
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
    assert.equal(Object.keys(session).length, 1);
  });

  test("methods of g that a view replaces, and those that it keeps for later", async () => {
    const app = makeApp();
    const kept: (typeof g.get)[] = [];
    app.get("/g", () => {
      kept.push(g.get);
      g["x"] = "of g";
      const before = g.get("x") as string;
      g["get"] = (key: string) => `own ${key}`;
      return new Response(`${before}, ${String(g.get("x"))}`);
    });
    assert.equal(await (await app.request("/g")).text(), "of g, own x");
    assert.equal(await (await app.request("/g")).text(), "of g, own x");
    assert.equal(kept[0], kept[1]);
    assert.throws(() => g.get, { name: "RuntimeError", message: /^Working outside of application context\./ });
    assert.throws(() => session.get, { name: "RuntimeError", message: /^Working outside of request context\./ });
  });

  test("text of a session that was tampered with before it was signed changes no prototype", () => {
    const decoded = decodeSession('{"__proto__":{"a":1},"b":{"__proto__":{"a":1},"c":1}}') as { b: object };
    assert.equal(({} as Record<string, unknown>)["a"], undefined);
    assert.deepEqual(Object.keys(decoded), ["b"]);
    assert.equal(encodeSession({ a: undefined, b: null }), '{"b":null}');
  });

  test("without a secret key, writing is the view's error", async (t) => {
    quiet(t);
    const app = makeApp({ secretKey: undefined });
    app.get("/set", () => {
      session["x"] = 1;
      return new Response();
    });
    assert.equal((await app.request("/set")).status, 500);
    assert.equal((await app.request("/user")).status, 200);
  });
});

suite("apps that do what they should not", () => {
  test("a handler that throws what is no Error: 500, which passes afterRequest; teardown functions get it", async (t) => {
    const reported = quiet(t);
    const app = makeApp();
    const log: unknown[] = [];
    afterRequest(app, (response) => void log.push(response.status));
    teardownRequest(app, (error) => log.push(error));
    for (const thrown of ["text", undefined, null, 5]) {
      app.get(`/${String(thrown)}`, () => {
        throw thrown as unknown as Error;
      });
    }
    for (const thrown of ["text", undefined, null, 5]) {
      const response = await app.request(`/${String(thrown)}`);
      assert.deepEqual([response.status, await response.text()], [500, "Internal Server Error"]);
      assert.deepEqual(log.splice(0), [500, thrown]);
    }
    assert.equal(reported.callCount(), 4);
    assert.equal(hasAppContext(), false);
  });

  test("without any hook: whatever the view throws, its request is over afterwards, also for what goes on", async (t) => {
    quiet(t);
    const app = makeApp();
    const later: Promise<string>[] = [];
    for (const thrown of [new Error("an error"), "text", undefined]) {
      app.get(`/${String(thrown)}`, async () => {
        later.push(new Promise((resolve) => setTimeout(() => resolve(`${hasRequestContext()} ${hasAppContext()}`))));
        await Promise.resolve();
        throw thrown as unknown as Error;
      });
    }
    for (const path of ["/Error: an error", "/text", "/undefined"]) {
      const response = await app.request(path);
      assert.deepEqual([response.status, await response.text()], [500, "Internal Server Error"]);
      assert.deepEqual(await Promise.all(later.splice(0)), ["false false"]);
      assert.equal(hasAppContext(), false);
    }
  });

  test("a hook that throws what is no Error: 500 as well", async (t) => {
    quiet(t);
    const app = makeApp();
    const log: unknown[] = [];
    const thrown: unknown = "text";
    beforeRequest(app, () => {
      throw thrown as Error;
    });
    teardownRequest(app, (error) => log.push(error));
    assert.equal((await app.request("/user")).status, 500);
    assert.deepEqual(log, [thrown]);
    assert.equal(hasAppContext(), false);
  });

  test("an error in any hook: 500, every teardown called once, and the next request is as if nothing had been", async (t) => {
    quiet(t);
    for (const hook of ["before", "after", "this", "teardown", "app teardown", "async"] as const) {
      const app = makeApp();
      let fails = true;
      const fail = (): void => {
        if (fails) throw new Error(hook);
      };
      const log: string[] = [];
      teardownAppcontext(app, (error) => log.push(`app ${(error as Error | undefined)?.message}`));
      teardownRequest(app, (error) => log.push(`request ${(error as Error | undefined)?.message}`));
      if (hook === "before") beforeRequest(app, fail);
      if (hook === "after") afterRequest(app, fail);
      if (hook === "teardown") teardownRequest(app, fail);
      if (hook === "app teardown") teardownAppcontext(app, fail);
      if (hook === "async") beforeRequest(app, async () => fail());
      app.get("/", () => {
        if (hook === "this") afterThisRequest(fail);
        return new Response("fine");
      });
      const isTeardown = hook.includes("teardown");
      assert.equal((await app.request("/")).status, 500, hook);
      const message = isTeardown ? "undefined" : hook;
      assert.deepEqual(log.splice(0), [`request ${message}`, `app ${message}`], hook);
      fails = false;
      assert.equal((await app.request("/")).status, 200, hook);
      assert.deepEqual(log, ["request undefined", "app undefined"], hook);
      assert.equal(hasAppContext(), false);
    }
  });

  test("two apps in one request, one called by the other, one mounted in the other: each has its own contexts", async () => {
    const inner = makeApp({ name: "inner", session: { cookieName: "inner" }, config: { who: "inner" } });
    const outer = makeApp({ name: "outer", config: { who: "outer" } });
    const log: string[] = [];
    for (const app of [inner, outer]) {
      teardownRequest(app, () => log.push(`${currentApp.name} ${request.path}`));
      teardownAppcontext(app, () => log.push(`app ${currentApp.name}`));
    }
    const look = (): string =>
      `${currentApp.name} ${String(currentApp.config["who"])} ${request.path} ${String(g.get("x", "-"))}`;
    inner.get("/in", () => {
      session["who"] = "inner";
      const seen = look();
      g["x"] = "inner's";
      return new Response(seen);
    });
    outer.get("/out", async () => {
      session["who"] = "outer";
      g["x"] = "outer's";
      const before = look();
      const answer = await inner.request("/in");
      assert.match(answer.headers.get("set-cookie")!, /^inner=/);
      return new Response([before, await answer.text(), look(), session["who"]].join("; "));
    });
    outer.route("/sub", inner);
    const response = await outer.request("/out");
    assert.equal(await response.text(), "outer outer /out outer's; inner inner /in -; outer outer /out outer's; outer");
    assert.deepEqual(log.splice(0), ["inner /in", "app inner", "outer /out", "app outer"]);

    const mounted = await outer.request("/sub/in");
    assert.equal(await mounted.text(), "inner inner /sub/in -");
    assert.match(mounted.headers.get("set-cookie")!, /^inner=/);
    assert.deepEqual(log, ["inner /sub/in", "app inner", "outer /sub/in", "app outer"]);
    assert.equal(hasAppContext(), false);
  });

  test("contexts() used twice is the same context", async () => {
    const app = new Hono();
    const middleware = contexts({ secretKey: "a key" });
    let teardowns = 0;
    app.use(middleware);
    app.use("/deep/*", middleware);
    teardownRequest(app, () => void teardowns++);
    app.use(async (_, next) => {
      g["x"] = 1;
      await next();
    });
    app.get("/deep/view", () => Response.json(g["x"]));
    assert.equal(await (await app.request("/deep/view")).json(), 1);
    assert.equal(teardowns, 1);
  });

  test("contexts that a view pushed and forgot end with its request", async () => {
    const app = makeApp();
    const log: string[] = [];
    teardownAppcontext(app, () => log.push("app"));
    teardownRequest(app, () => log.push("request"));
    app.get("/", () => {
      appContext(app).push();
      testRequestContext(app, "/forgotten").push();
      return new Response(request.path);
    });
    assert.equal(await (await app.request("/")).text(), "/forgotten");
    assert.deepEqual(log, ["request", "app", "request", "app"]);
    assert.equal(hasAppContext(), false);
  });

  test("a context that was pushed elsewhere cannot be popped here", async () => {
    const app = makeApp();
    const context = appContext(app).push();
    await appContext(app).run(() => {
      assert.throws(() => context.pop(), { name: "RuntimeError", message: /pushed in another task or Context/ });
    });
    context.pop();
  });

  test("200 requests at once, each with its own of everything", async () => {
    const app = makeApp();
    app.get("/own/:id", async (c) => {
      const id = c.req.param("id");
      g["id"] = id;
      session["id"] = id;
      const check = copyCurrentRequestContext(() => request.path);
      for (let i = 0; i < 5; i++) {
        await new Promise(setImmediate);
        assert.deepEqual(
          [g["id"], session["id"], request.path, request.args.get("id"), check()],
          [id, id, `/own/${id}`, id, `/own/${id}`],
        );
      }
      return new Response(id);
    });
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => (await app.request(`/own/${i}?id=${i}`)).text()),
    );
    assert.deepEqual(
      answers,
      Array.from({ length: 200 }, (_, i) => String(i)),
    );
  });

  test("arguments of the wrong kind are errors at the call", async () => {
    const app = makeApp();
    const wrong = (value: unknown): never => value as never;
    for (const use of [
      () => contexts(wrong(5)),
      () => contexts({ secretKey: wrong(5) }),
      () => contexts({ session: { store: wrong({}) } }),
      () => appContext(wrong(undefined)),
      () => appContext(new Hono()),
      () => testRequestContext(new Hono()),
      () => beforeRequest(app, wrong("fn")),
      () => teardownAppcontext(wrong(undefined)),
    ]) {
      assert.throws(use, TypeError);
    }
    assert.throws(() => appContext(new Hono()), /app\.use\(contexts\(\{ secretKey \}\)\)/);
    for (const session of [{ cookieName: "a b" }, { lifetime: 0 }, { lifetime: Number.NaN }]) {
      assert.throws(() => contexts({ session }), ValueError);
    }
    afterRequest(
      app,
      wrong(() => "text"),
    );
    app.onError((error) => new Response(error.message, { status: 500 }));
    assert.match(await (await app.request("/user")).text(), /afterRequest function must return a Response or nothing/);
  });
});
