/** Answers that are made while they are sent: they keep their contexts, which end once, however that comes about. */
import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, suite, test } from "node:test";
import { Hono } from "hono";
import { stream, streamText } from "hono/streaming";
import { createAdaptorServer } from "@hono/node-server";
import {
  afterThisRequest,
  contexts,
  currentApp,
  g,
  hasRequestContext,
  request,
  session,
  teardownAppcontext,
  teardownRequest,
} from "heddle/web";
import { get, signal } from "./http.ts";

const app = new Hono();
const log: string[] = [];
/** Called at the end of the next request. */
let onTeardown: () => void = () => undefined;
let gate = signal();
let sawAbort: (value: string) => void = () => undefined;

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

app.use(contexts({ secretKey: "a key", name: "streams" }));
teardownRequest(app, (error) => log.push(`request ${request.path} ${String(error)}`));
teardownAppcontext(app, () => {
  log.push(`app ${hasRequestContext()}`);
  onTeardown();
});

/** Made as it is read. */
app.get("/pull", () => {
  let n = 0;
  g["n"] = "own";
  session["n"] = 1;
  return new Response(
    new ReadableStream({
      async pull(controller) {
        await new Promise(setImmediate);
        log.push(`pull ${request.path} ${g["n"]} ${currentApp.name}`);
        if (++n > 2) controller.close();
        else controller.enqueue(encode(`${n}`));
      },
    }),
    { headers: { "x-own": "1" } },
  );
});

app.get("/generator", () => {
  async function* parts(): AsyncGenerator<Uint8Array> {
    for (const part of ["a", "b"]) {
      await new Promise(setImmediate);
      yield encode(`${part}${request.args.get("q")}`);
    }
  }
  return new Response(ReadableStream.from(parts()));
});

/** Hono's own helper. */
app.get("/hono", (c) =>
  streamText(c, async (out) => {
    for (let i = 0; i < 3; i++) {
      await new Promise(setImmediate);
      await out.write(`${request.path}${i}`);
    }
  }),
);

app.get("/fails", () => {
  let n = 0;
  return new Response(
    new ReadableStream({
      pull(controller) {
        if (n++ > 0) throw new Error("midway");
        controller.enqueue(encode("begun"));
      },
    }),
  );
});

/** Goes on until the client is gone. */
app.get("/endless", (c) =>
  stream(c, async (out) => {
    let aborted = false;
    out.onAbort(() => {
      aborted = true;
    });
    while (!aborted) {
      await out.write(encode("x".repeat(1000)));
      await new Promise(setImmediate);
    }
    log.push("aborted");
  }),
);

/** Answers nothing until the client is gone, or the gate opens. */
app.get("/slow", async () => {
  const { signal: aborted } = request;
  await Promise.race([
    gate.promise,
    new Promise<void>((resolve) => aborted.addEventListener("abort", () => resolve())),
  ]);
  sawAbort(`${request.path} ${aborted.aborted}`);
  return new Response("late");
});

app.get("/plain", () => {
  afterThisRequest(() => void log.push("after"));
  return new Response("plain");
});

const takeLog = (): string[] => log.splice(0);

function nextTeardown(): Promise<void> {
  return new Promise((resolve) => (onTeardown = resolve));
}

suite("called directly", () => {
  test("a stream keeps its contexts until it has ended; headers are sent with the session", async () => {
    const response = await app.request("/pull");
    assert.deepEqual(
      takeLog().filter((line) => line.startsWith("request")),
      [],
    );
    assert.match(response.headers.get("set-cookie")!, /^session=/);
    assert.equal(response.headers.get("x-own"), "1");
    assert.equal(await response.text(), "12");
    const lines = takeLog();
    assert.deepEqual(lines.slice(-3), ["pull /pull own streams", "request /pull undefined", "app false"]);
  });

  test("an answer that is not a stream ends its contexts before it is read", async () => {
    for (const [path, status] of [
      ["/plain", 200],
      ["/nowhere", 404],
    ] as const) {
      const response = await app.request(path);
      assert.equal(response.status, status);
      assert.deepEqual(takeLog().slice(-2), [`request ${path} undefined`, "app false"]);
      assert.notEqual(await response.text(), "");
    }
  });

  test("a stream that is given up", async () => {
    const response = await app.request("/pull");
    takeLog();
    const ended = nextTeardown();
    await response.body!.cancel();
    await ended;
    assert.deepEqual(takeLog(), ["request /pull undefined", "app false"]);
  });

  test("HEAD: the stream is never made, and the contexts end", async () => {
    const response = await app.request("/endless", { method: "HEAD" });
    assert.equal(response.status, 200);
    assert.deepEqual(takeLog().slice(0, 2), ["request /endless undefined", "app false"]);
  });
});

suite("over a connection", () => {
  let server: http.Server;
  let url: string;

  before(async () => {
    server = createAdaptorServer({ fetch: app.fetch }) as http.Server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    takeLog();
  });
  after(() => new Promise((resolve) => server.close(resolve)));

  test("streams of every make keep their contexts, and end them once", async () => {
    for (const [path, text] of [
      ["/pull", "12"],
      ["/generator?q=!", "a!b!"],
      ["/hono", "/hono0/hono1/hono2"],
    ] as const) {
      const ended = nextTeardown();
      assert.equal((await get(url + path)).text, text);
      await ended;
      const ends = takeLog().filter((line) => /^(request|app)/.test(line));
      assert.deepEqual(ends, [`request ${path.replace(/\?.*/, "")} undefined`, "app false"]);
    }
  });

  test("a stream that fails: the teardown functions get its error", async () => {
    const ended = nextTeardown();
    await assert.rejects(get(`${url}/fails`));
    await ended;
    assert.deepEqual(takeLog(), ["request /fails Error: midway", "app false"]);
  });

  test("a client that goes away in the middle of a stream ends the contexts once", async () => {
    const ended = nextTeardown();
    await new Promise<void>((resolve) => {
      const call = http.get(`${url}/endless`, { agent: false }, (response) => {
        response.once("data", () => {
          call.destroy();
          resolve();
        });
      });
      call.on("error", () => undefined);
    });
    await ended;
    const { text } = await get(`${url}/plain`);
    assert.equal(text, "plain");
    const lines = takeLog();
    assert.equal(lines.filter((line) => line.startsWith("request /endless")).length, 1, lines.join("\n"));
  });

  test("a client that goes away before the answer: its signal aborts, and the contexts end once", async () => {
    gate = signal();
    const aborted = signal<string>();
    sawAbort = aborted.resolve;
    const ended = nextTeardown();
    const call = http.get(`${url}/slow`, { agent: false });
    call.on("error", () => undefined);
    await new Promise<void>((resolve) => server.once("request", () => resolve()));
    call.destroy();
    assert.equal(await aborted.promise, "/slow true");
    await ended;
    assert.deepEqual(takeLog(), ["request /slow undefined", "app false"]);
    gate.resolve();
  });

  test("an ordinary answer ends its contexts before it is sent", async () => {
    const { text } = await get(`${url}/plain`);
    assert.equal(text, "plain");
    assert.deepEqual(takeLog(), ["after", "request /plain undefined", "app false"]);
  });
});
