/** Flask's session, by the numbers of Python's cases; over the cookie and over a store. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Hono } from "hono";
import { RuntimeError } from "heddle/errors";
import { contexts, type ContextsOptions, MemoryStore, session } from "heddle/web";

/** A browser of one page: it keeps the session's cookie. */
class Client {
  cookie: string | undefined;
  readonly app: Hono;

  constructor(app: Hono, cookie?: string) {
    this.app = app;
    this.cookie = cookie;
  }

  async get(path: string): Promise<Response> {
    const response = await this.app.request(
      path,
      this.cookie === undefined ? {} : { headers: { cookie: this.cookie } },
    );
    const set = response.headers.get("set-cookie");
    if (set !== null) this.cookie = set.startsWith("session=;") ? undefined : set.split(";")[0];
    return response;
  }
}

type View = () => unknown;

function makeApp(views: Record<string, View>, options: ContextsOptions = {}): Hono {
  const app = new Hono();
  app.use(contexts({ secretKey: "a key", ...options }));
  for (const [path, view] of Object.entries(views)) app.get(path, () => Response.json(view() ?? null));
  return app;
}

const setCookie = (response: Response): string | null => response.headers.get("set-cookie");

let stores = 0;

for (const kind of ["cookie", "store"] as const) {
  const options = (): ContextsOptions =>
    kind === "cookie" ? {} : { session: { store: new MemoryStore(`conformance ${++stores}`) } };
  const make = (views: Record<string, View>, more: ContextsOptions = {}): Hono =>
    makeApp(views, { ...options(), ...more });

  suite(`sessions in a ${kind}`, () => {
    test("FSES-1 what is set comes in a cookie, and the next request reads it", async () => {
      const client = new Client(make({ "/set": () => void (session["user"] = "ada"), "/get": () => session["user"] }));
      const response = await client.get("/set");
      assert.match(setCookie(response)!, /^session=[\w.-]+; HttpOnly; Path=\/; SameSite=Lax$/);
      assert.equal(await (await client.get("/get")).json(), "ada");
      const again = await client.get("/get");
      assert.equal(setCookie(again), null, "only sent again when modified");
    });

    test("FSES-2 a change inside of a value goes unnoticed, unless modified is set", async () => {
      const client = new Client(
        make({
          "/set": () => void (session["list"] = [1]),
          "/push": () => void (session["list"] as number[]).push(2),
          "/mark": () => {
            (session["list"] as number[]).push(2);
            session.modified = true;
          },
          "/get": () => session["list"],
        }),
      );
      await client.get("/set");
      assert.equal(setCookie(await client.get("/push")), null);
      assert.deepEqual(await (await client.get("/get")).json(), [1]);
      assert.notEqual(setCookie(await client.get("/mark")), null);
      assert.deepEqual(await (await client.get("/get")).json(), [1, 2]);
    });

    test("FSES-3 a session that was emptied deletes its cookie; an empty one that was not touched sends nothing", async () => {
      const client = new Client(
        make({
          "/set": () => void (session["x"] = 1),
          "/clear": () => session.clear(),
          "/get": () => Object.keys(session),
          "/nothing": () => undefined,
        }),
      );
      assert.equal(setCookie(await client.get("/nothing")), null);
      await client.get("/set");
      assert.match(
        setCookie(await client.get("/clear"))!,
        /^session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Path=\//,
      );
      assert.deepEqual(await (await client.get("/get")).json(), []);
    });

    test("FSES-4 a permanent session has an Expires, and is sent again with each answer", async () => {
      const views = {
        "/set": () => {
          session.permanent = true;
          session["x"] = 1;
        },
        "/nothing": () => undefined,
        "/get": () => [session.permanent, Object.keys(session)],
        "/end": () => void (session.permanent = false),
      };
      const client = new Client(make(views));
      const expires = Date.parse(/Expires=([^;]+)/.exec(setCookie(await client.get("/set"))!)![1]!);
      const days = (expires - Date.now()) / 86_400_000;
      assert.ok(days > 30.9 && days <= 31, `${days} days`);
      const untouched = await client.get("/nothing");
      assert.match(setCookie(untouched)!, /Expires=/);
      assert.equal(untouched.headers.get("vary"), "Cookie");
      assert.deepEqual(await (await client.get("/get")).json(), [true, ["x"]]);
      assert.doesNotMatch(setCookie(await client.get("/end"))!, /Expires=/);
      assert.equal(setCookie(await client.get("/nothing")), null);

      const quiet = kind === "cookie" ? {} : { store: new MemoryStore(`conformance ${++stores}`) };
      const other = new Client(make(views, { session: { ...quiet, refreshEachRequest: false } }));
      await other.get("/set");
      assert.equal(setCookie(await other.get("/nothing")), null);
    });

    test("FSES-5 a cookie that was tampered with is an empty session", async () => {
      const app = make({ "/set": () => void (session["user"] = "ada"), "/get": () => session.get("user", "nobody") });
      const client = new Client(app);
      await client.get("/set");
      const genuine = client.cookie!.slice("session=".length);
      for (let i = 0; i < genuine.length; i += 3) {
        const changed = genuine.slice(0, i) + (genuine[i] === "A" ? "B" : "A") + genuine.slice(i + 1);
        // The last character of base64 has bits that mean nothing.
        if (i === genuine.length - 1) continue;
        const response = await new Client(app, `session=${changed}`).get("/get");
        assert.equal(await response.json(), "nobody", changed);
      }
      assert.equal(await (await client.get("/get")).json(), "ada");
    });

    test("FSES-6 Vary: Cookie only where the session was used", async () => {
      const client = new Client(make({ "/read": () => session["missing"], "/nothing": () => undefined }));
      assert.equal((await client.get("/read")).headers.get("vary"), "Cookie");
      assert.equal((await client.get("/nothing")).headers.get("vary"), null);
    });

    test("FSES-7 without a secret key, reading finds nothing and writing is an error", async () => {
      for (const secretKey of [undefined, "", []]) {
        const errors: unknown[] = [];
        const attempt = (fn: () => void): void => {
          try {
            fn();
          } catch (error) {
            errors.push(error);
          }
        };
        const app = make(
          {
            "/": () => {
              attempt(() => (session["x"] = 1));
              attempt(() => session.setdefault("x", 1));
              attempt(() => session.clear());
              return [session["x"] ?? null, "x" in session, Object.keys(session)];
            },
          },
          { secretKey },
        );
        const response = await app.request("/");
        assert.deepEqual(await response.json(), [null, false, []]);
        assert.equal(setCookie(response), null);
        assert.equal(errors.length, 3);
        for (const error of errors) {
          assert.ok(error instanceof RuntimeError);
          assert.match(error.message, /^The session is unavailable because no secret key was set\./);
        }
      }
    });

    test("FSES-8 arrays, bytes, dates, maps, sets and numbers arrive as what they were", async () => {
      const value = {
        tuple: [1, "two", null],
        bytes: new Uint8Array([0, 255, 128]),
        date: new Date(1e12),
        uuid: "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        map: new Map<unknown, unknown>([["k", new Set([1, 2])]]),
        numbers: [Number.NaN, -Infinity, -0, 12n],
        $date: 5,
        nested: { $bytes: "not bytes" },
        text: "ü 😀",
      };
      const client = new Client(
        make({
          "/set": () => void (session["value"] = value),
          "/check": () => assert.deepEqual(session["value"], value),
        }),
      );
      await client.get("/set");
      assert.equal((await client.get("/check")).status, 200);
    });

    test("FSES-9 cookies of an older key are accepted while that is a fallback, and not after", async () => {
      const views = { "/set": () => void (session["user"] = "ada"), "/get": () => session.get("user", "nobody") };
      const shared = options();
      const old = new Client(makeApp(views, { ...shared, secretKey: "old" }));
      await old.get("/set");
      for (const keys of [
        { secretKey: "new", secretKeyFallbacks: ["older", "old"] },
        { secretKey: ["new", "old"] },
        { secretKey: new TextEncoder().encode("old") },
      ]) {
        const client = new Client(makeApp(views, { ...shared, ...keys }), old.cookie);
        assert.equal(await (await client.get("/get")).json(), "ada");
      }
      const replaced = new Client(makeApp(views, { ...shared, secretKey: "new" }), old.cookie);
      assert.equal(await (await replaced.get("/get")).json(), "nobody");
      // New cookies are signed with the first.
      const rotated = new Client(makeApp(views, { ...shared, secretKey: ["new", "old"] }), old.cookie);
      await rotated.get("/set");
      const later = new Client(makeApp(views, { ...shared, secretKey: "new" }), rotated.cookie);
      assert.equal(await (await later.get("/get")).json(), "ada");
    });

    test("FSES-10 deleting or popping what is not there changes nothing; what every change does", async () => {
      const states: unknown[] = [];
      const app = make({
        "/": () => {
          session.pop("missing", null);
          delete session["missing"];
          states.push(session.modified, session.accessed);
          session.setdefault("x", 1);
          states.push(session.modified);
          session.modified = false;
          session.setdefault("x", 2);
          states.push(session.modified, session.pop("x"), session.modified);
          session.update({ a: 1, b: 2 });
          states.push(Object.entries(session));
        },
      });
      await app.request("/");
      assert.deepEqual(states, [
        false,
        true,
        true,
        false,
        1,
        true,
        [
          ["a", 1],
          ["b", 2],
        ],
      ]);
    });
  });
}
