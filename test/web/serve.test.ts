/** serve(): workers on one port, their ends, and their replacement. */
import assert from "node:assert/strict";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, suite, test } from "node:test";
import { pathToFileURL } from "node:url";
import { RuntimeError, ValueError } from "heddle/errors";
import { serve, type Server, type ServeOptions } from "heddle/web";
import { settingsOf } from "../../src/web/serve/options.ts";
import { Server as ServerClass } from "../../src/web/serve/server.ts";
import { get, getJson, signal } from "./http.ts";

const appUrl = new URL("./apps/app.js", import.meta.url);

interface Started {
  readonly server: Server;
  /** What it reported, and when it reports the next. */
  readonly reports: string[];
  nextReport(): Promise<string>;
}

const open: Server[] = [];
after(async () => {
  await Promise.all(open.map((server) => server.close({ drain: 0 })));
});

async function start(options: ServeOptions = {}, app: URL = appUrl, distribution?: "cluster"): Promise<Started> {
  const reports: string[] = [];
  let next = signal<string>();
  const log = (line: string): void => {
    reports.push(line);
    next.resolve(line);
    next = signal();
  };
  const settings = settingsOf(app, { port: 0, signals: false, log, ...options });
  const server =
    distribution === undefined
      ? await serve(app, { port: 0, signals: false, log, ...options })
      : await ServerClass.start(settings, distribution);
  open.push(server);
  return { server, reports, nextReport: () => next.promise };
}

/** Resolves when nobody listens any more. One that comes in the very moment may be cut. */
async function refused(url: string): Promise<void> {
  for (let code: unknown; code !== "ECONNREFUSED";) {
    code = await get(url).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    );
  }
}

interface Who {
  pid: number;
  thread: string;
  remoteAddr: string;
}

/** Asks until every one of `count` workers has answered. */
async function workersThatAnswer(server: Server, count: number): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let i = 0; i < 2000 && seen.size < count; i++) {
    const who = await getJson<Who>(`${server.url}/who`);
    seen.add(`${who.pid} ${who.thread}`);
  }
  return seen;
}

suite("serve", () => {
  test("every thread of every process answers on the port", async () => {
    const { server } = await start({ threads: 2, processes: 2 });
    const seen = await workersThatAnswer(server, 4);
    assert.equal(seen.size, 4, [...seen].join(", "));
    assert.equal(new Set([...seen].map((worker) => worker.split(" ")[0])).size, 2);
    assert.deepEqual(
      server.workers.map(({ pid }) => String(pid)).toSorted(),
      [...new Set([...seen].map((worker) => worker.split(" ")[0]!))].toSorted(),
    );
    assert.equal((await getJson<Who>(`${server.url}/who`)).remoteAddr, "127.0.0.1");
    await server.close();
    await assert.rejects(get(server.url), { code: "ECONNREFUSED" });
  });

  test("200 concurrent requests over 4 threads, every answer its own; what is shared counts them all", async () => {
    const { server } = await start({ threads: 4 });
    const ids = Array.from({ length: 200 }, (_, i) => i);
    const answers = await Promise.all(
      ids.map((id) => getJson(`${server.url}/echo/${id}?q=${id}`, { headers: { "x-id": String(id) } })),
    );
    assert.deepEqual(
      answers,
      ids.map((id) => ({ path: `/echo/${id}`, q: String(id), g: String(id), header: String(id) })),
    );
    const { hits, visitors } = await getJson<{ hits: number; visitors: number }>(`${server.url}/hits`);
    assert.equal(hits, 200);
    assert.ok(visitors < 200, "a plain variable is the thread's own");
    await server.close();
  });

  test("a session in memory is the same in every thread", async () => {
    const { server } = await start({ threads: 3 });
    let cookie = "";
    for (let i = 1; i <= 12; i++) {
      const { headers, text } = await get(`${server.url}/session`, { headers: { cookie } });
      assert.equal(text, String(i));
      cookie = headers["set-cookie"]![0]!.split(";")[0]!;
    }
    await server.close();
  });

  test("a worker that is killed is replaced, and nobody is refused meanwhile", async () => {
    const { server, nextReport } = await start();
    const [before] = server.workers;
    const report = nextReport();
    process.kill(before!.pid, "SIGKILL");
    assert.match(
      await report,
      new RegExp(`worker ${before!.pid} is lost and will be replaced now: it was killed by SIGKILL`),
    );
    const who = await getJson<Who>(`${server.url}/who`);
    assert.notEqual(who.pid, before!.pid);
    assert.equal(server.workers[0]!.pid, who.pid);
    await server.close();
  });

  for (const [route, why] of [
    ["exit", /process\.exit\(3\)/],
    ["crash", /nobody catches this/],
  ] as const) {
    test(`a thread that ends by ${route} is replaced`, async () => {
      const { server, nextReport } = await start({ threads: 2 });
      const [before] = server.workers;
      const report = nextReport();
      await get(`${server.url}/${route}`).catch(() => undefined);
      assert.match(await report, why);
      // Both of the new one answer; the old one finishes, and ends.
      const pids = new Set<number>();
      while (!pids.has(server.workers[0]!.pid) || server.workers[0]!.pid === before!.pid) {
        // A request that reaches the dying thread has no answer: nobody is left to give it.
        const who = await getJson<Who>(`${server.url}/who`).catch(() => undefined);
        if (who !== undefined) pids.add(who.pid);
      }
      assert.equal((await workersThatAnswer(server, 2)).size >= 2, true);
      await server.close();
    });
  }

  test("close() lets a request finish, and accepts no more", async () => {
    const { server } = await start();
    const waiting = get(`${server.url}/wait`);
    while ((await getJson<number>(`${server.url}/waiting`)) === 0);
    // A connection that will ask only after the server was told to stop.
    const late = net.connect(server.port, server.host);
    await new Promise((resolve) => late.once("connect", resolve));
    const closing = server.close();
    const answer = signal<string>();
    let text = "";
    late.on("data", (chunk) => (text += String(chunk))).once("close", () => answer.resolve(text));
    await refused(`${server.url}/who`);
    late.write("GET /open HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.match(await answer.promise, /^HTTP\/1\.1 200 OK\r\n[^]*Connection: close/i);
    assert.equal((await waiting).status, 200);
    await closing;
    await server.closed;
    await assert.rejects(get(server.url), { code: "ECONNREFUSED" });
  });

  test("what takes longer than the limit is cut", async () => {
    const { server } = await start();
    const waiting = get(`${server.url}/for-ever`);
    while ((await getJson<number>(`${server.url}/waiting`)) === 0);
    const cut = assert.rejects(waiting, { code: "ECONNRESET" });
    await server.close({ drain: 100 });
    await cut;
  });

  test("reload() replaces every worker while requests go on, and none fails", async () => {
    const { server } = await start({ threads: 2, processes: 2 });
    const before = server.workers.map(({ pid }) => pid);
    let stop = false;
    const load = async (): Promise<number> => {
      let served = 0;
      for (; !stop; served++) assert.equal((await get(`${server.url}/who`)).status, 200);
      return served;
    };
    const loads = [load(), load(), load()];
    await server.reload();
    const after = server.workers.map(({ pid }) => pid);
    assert.ok(after.every((pid) => !before.includes(pid)));
    stop = true;
    for (const served of await Promise.all(loads)) assert.ok(served > 0);
    await server.close();
  });

  test("reload() of an app that is broken meanwhile says so, and the old workers go on", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "heddle-serve-"));
    try {
      const file = path.join(folder, "app.mjs");
      const write = (version: string): void =>
        fs.writeFileSync(file, `${version}\nexport default { fetch: () => new Response(version) };`);
      write('const version = "one";');
      const { server } = await start({}, pathToFileURL(file));
      assert.equal((await get(server.url)).text, "one");
      write('const version = "two"; throw new Error("broken meanwhile");');
      await assert.rejects(server.reload(), { name: "RuntimeError", message: /broken meanwhile/ });
      assert.equal((await get(server.url)).text, "one");
      write('const version = "three";');
      await server.reload();
      assert.equal((await get(server.url)).text, "three");
      await server.close();
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  test("an app that cannot be imported: its error, and nothing keeps running", async () => {
    for (const [name, message] of [
      ["broken", /no database/],
      ["nothing", /exports no app: end it with `export default app;`/],
      ["missing", /Cannot find module/],
    ] as const) {
      const url = new URL(`./apps/${name}.js`, import.meta.url);
      await assert.rejects(start({ threads: 2, processes: 2 }, url), (error) => {
        assert.ok(error instanceof RuntimeError);
        assert.match(error.message, message);
        if (name === "broken") assert.match((error.cause as Error).stack!, /apps\/broken\.[jt]s:2/);
        return true;
      });
    }
  });

  test("a port that is in use is an error, also if the other one would share it", async () => {
    const { server } = await start();
    await assert.rejects(start({ port: server.port }), {
      name: "RuntimeError",
      message: new RegExp(`cannot listen on 127\\.0\\.0\\.1:${server.port}: port ${server.port} is in use`),
    });
    await server.close();
  });

  test("healthz is answered before the app, and answers change nothing else", async () => {
    const { server } = await start({ healthz: true });
    const { status, text, headers } = await get(`${server.url}/healthz`);
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(text), { status: "ok", pid: server.workers[0]!.pid });
    assert.equal(headers["cache-control"], "no-store");
    assert.equal((await get(`${server.url}/healthzz`)).status, 404);
    await server.close();
  });

  test("requests with and without a body, by every method", async () => {
    const { server } = await start();
    for (const method of ["GET", "POST", "PUT", "DELETE", "OPTIONS"]) {
      assert.equal((await get(`${server.url}/body`, { method })).text, `${method} `);
      const none = { method, headers: { "content-length": "0" } };
      assert.equal((await get(`${server.url}/body`, none)).text, `${method} `);
    }
    for (const method of ["POST", "PUT", "DELETE"]) {
      for (const header of [
        ["content-length", "3"],
        ["transfer-encoding", "chunked"],
      ]) {
        const headers = Object.fromEntries([header]) as Record<string, string>;
        const answer = await get(`${server.url}/body`, { method, headers, body: "abc" });
        assert.equal(answer.text, `${method} abc`);
      }
    }
    await server.close();
  });

  test("a client that goes away aborts its request", async () => {
    const { server } = await start();
    const socket = net.connect(server.port, server.host);
    socket.write("GET /abandoned HTTP/1.1\r\nHost: a\r\n\r\n");
    while ((await getJson(`${server.url}/waiting`)) === 0);
    socket.destroy();
    assert.equal(await getJson(`${server.url}/gone`), 1);
    await server.close();
  });

  test("headers of a megabyte, and a path that is no path: an error for the client, and the server goes on", async () => {
    const { server } = await start();
    // The server may close before all of it is sent.
    const long = await get(server.url, { headers: { "x-long": "x".repeat(1_000_000) } }).then(
      ({ status }) => status,
      (error: NodeJS.ErrnoException) => error.code,
    );
    assert.ok(long === 431 || long === "ECONNRESET" || long === "EPIPE", String(long));
    const odd = await getJson<{ q: string; path: string }>(`${server.url}/echo/%E0%A4%A?q=%zz&q=%`);
    assert.deepEqual([odd.q, odd.path], ["%zz", "/echo/%E0%A4%A"]);
    assert.equal((await get(`${server.url}/who`)).status, 200);
    await server.close();
  });

  test("workers of node:cluster, for systems where processes cannot inherit sockets", async () => {
    const { server, nextReport } = await start({ threads: 2, processes: 1 }, appUrl, "cluster");
    assert.equal(server.distribution, "cluster");
    assert.equal(server.workers.length, 2);
    const [first] = server.workers;
    const seen = await workersThatAnswer(server, 2);
    assert.equal(seen.size, 2);
    const report = nextReport();
    process.kill(first!.pid, "SIGKILL");
    await report;
    await server.reload();
    assert.equal((await get(`${server.url}/who`)).status, 200);
    await server.close();
    await assert.rejects(get(server.url), { code: "ECONNREFUSED" });
  });

  test("options that make no sense are errors at the call", async () => {
    for (const [options, error] of [
      [{ port: -1 }, ValueError],
      [{ port: 1.5 }, ValueError],
      [{ threads: 0 }, ValueError],
      [{ processes: Number.NaN }, ValueError],
      [{ healthz: "healthz" }, ValueError],
      [{ port: "80" }, TypeError],
      [{ host: 5 }, TypeError],
    ] as const) {
      await assert.rejects(
        serve(appUrl, options as ServeOptions),
        (thrown) => thrown instanceof error,
        JSON.stringify(options),
      );
    }
    await assert.rejects(serve("./app.ts"), TypeError);
    await assert.rejects(serve(appUrl, { host: "no.such.host.invalid" }), {
      name: "RuntimeError",
      message: /cannot listen on no\.such/,
    });
  });
});
