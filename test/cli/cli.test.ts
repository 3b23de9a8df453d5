/** The heddle command, as a program. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { after, suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { get, getJson } from "../web/http.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const program = path.join(root, "dist", "lib", "cli.js");
const app = path.join(root, "dist", "examples", "web", "app.js");
const apps = path.join(root, "dist", "test", "web", "apps");

const running = new Set<ChildProcess>();
after(() => {
  for (const child of running) child.kill("SIGKILL");
});

class Run {
  readonly child: ChildProcess;
  readonly closed: Promise<[code: number | null, signal: string | null]>;
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], options: { cwd?: string } = {}) {
    this.child = spawn(process.execPath, [program, ...args], {
      cwd: options.cwd ?? root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: "" },
    });
    running.add(this.child);
    this.child.stdout!.setEncoding("utf8").on("data", (text) => (this.stdout += text));
    this.child.stderr!.setEncoding("utf8").on("data", (text) => (this.stderr += text));
    this.closed = once(this.child, "close") as Promise<[number | null, string | null]>;
    void this.closed.then(() => running.delete(this.child));
  }

  /** Resolves when stdout or stderr has it. */
  async says(pattern: RegExp, where: "stdout" | "stderr" = "stderr"): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this[where]);
      if (found !== null) return found;
      const more = once(this.child[where]!, "data");
      const ended = this.closed.then(() => true);
      if ((await Promise.race([more, ended])) === true && !pattern.test(this[where])) {
        assert.fail(`ended without saying ${pattern}: ${this.stdout}${this.stderr}`);
      }
    }
  }
}

async function ended(
  args: readonly string[],
  options?: { cwd: string },
): Promise<{ code: number | null } & Pick<Run, "stdout" | "stderr">> {
  const run = new Run(args, options);
  const [code] = await run.closed;
  return { code, stdout: run.stdout, stderr: run.stderr };
}

suite("heddle", () => {
  test("--help, --version, and the help of each command", async () => {
    const help = await ended(["--help"]);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /^usage: heddle COMMAND \[OPTIONS\]\n\n {2}serve +serve a Hono app/);
    const { version } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")) as { version: string };
    assert.deepEqual(await ended(["--version"]), { code: 0, stdout: `${version}\n`, stderr: "" });
    for (const command of ["serve", "tour"]) {
      const { code, stdout } = await ended([command, "--help"]);
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`^usage: heddle ${command} `));
    }
  });

  test("arguments that make no sense: exit code 2, and what would", async () => {
    for (const [args, message] of [
      [[], /^usage: heddle COMMAND/],
      [["serv"], /^heddle: there is no command "serv"/],
      [["toString"], /^heddle: there is no command "toString"/],
      [["serve"], /^heddle serve: which app\? Name its file\nusage: heddle serve FILE/],
      [["serve", "no-such-file.ts"], /^heddle serve: there is no file no-such-file\.ts/],
      [["serve", app, "--port", "x"], /^heddle serve: --port takes a whole number, not "x"/],
      [["serve", app, "--prot", "1"], /^heddle serve: Unknown option '--prot'/],
      [["serve", app, app], /^heddle serve: one app at a time/],
    ] as const) {
      const { code, stdout, stderr } = await ended(args);
      assert.equal(code, 2, args.join(" "));
      assert.equal(stdout, "");
      assert.match(stderr, message);
    }
  });

  test("tour --list", async () => {
    const { code, stdout } = await ended(["tour", "--list"]);
    assert.equal(code, 0);
    assert.match(stdout, /^web-contexts +A web app/m);
  });
});

suite("heddle serve", { timeout: 60_000 }, () => {
  test("serves, logs each answer, reloads on SIGHUP, finishes what it has begun on SIGTERM, exit code 0", async () => {
    const run = new Run(["serve", path.join(apps, "app.js"), "--port", "0", "--threads", "2", "--healthz", "/up"]);
    const [, url] = await run.says(/heddle serve: (http:\/\/127\.0\.0\.1:\d+) \(processes × threads: 1 × 2\)/);
    const before = await getJson<{ pid: number }>(`${url}/who?name=a%0ab"c`);
    await run.says(
      /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/who\?name=a%0ab\\x22c HTTP\/1\.1" 200 \d+ [\d.]+ms$/m,
      "stdout",
    );
    assert.equal((await get(`${url}/up`)).status, 200);

    run.child.kill("SIGHUP");
    await run.says(/heddle serve: reloaded/);
    assert.notEqual((await getJson<{ pid: number }>(`${url}/who`)).pid, before.pid);

    const waiting = get(`${url}/wait`);
    while ((await getJson<number>(`${url}/waiting`)) === 0);
    const late = connect(Number(new URL(url!).port), "127.0.0.1");
    await once(late, "connect");
    run.child.kill("SIGTERM");
    for (let code: unknown; code !== "ECONNREFUSED";) {
      code = await get(`${url}/who`).then(
        () => undefined,
        (error: NodeJS.ErrnoException) => error.code,
      );
    }
    late.write("GET /open HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.equal((await waiting).status, 200);
    assert.deepEqual(await run.closed, [0, null]);
  });

  test("an app that cannot be imported: its error once, exit code 1", async () => {
    const { code, stderr } = await ended([
      "serve",
      path.join(apps, "broken.js"),
      "--port",
      "0",
      "--threads",
      "2",
      "--processes",
      "2",
    ]);
    assert.equal(code, 1);
    assert.equal(stderr.split("Error: no database").length - 1, 2, `its message and its stack:\n${stderr}`);
    assert.match(
      stderr,
      /^heddle serve: The app file:.*broken\.js cannot be served: Error: no database\nError: no database\n +at .*broken\.[jt]s:2/,
    );
  });

  test("a port that is in use: exit code 1, and what to do", async () => {
    const first = new Run(["serve", app, "--port", "0", "--no-access-log"]);
    const [, port] = await first.says(/127\.0\.0\.1:(\d+)/);
    const { code, stderr } = await ended(["serve", app, "--port", port!]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^heddle serve: cannot listen on 127\.0\.0\.1:\d+: port \d+ is in use: stop what listens there/,
    );
    first.child.kill("SIGINT");
    assert.deepEqual(await first.closed, [0, null]);
    assert.equal(first.stdout, "");
  });

  test("TypeScript: under Node's own stripping, and with tsx where Node has none", async () => {
    const folder = fs.mkdtempSync(path.join(root, "dist", "test", "cli", "typescript-"));
    try {
      const source = path.join(root, "examples", "web", "app.ts");
      const file = path.join(folder, "app.ts");
      // Syntax that is no JavaScript, beside what is in the example anyway.
      fs.writeFileSync(file, `${fs.readFileSync(source, "utf8")}\ntype Unused = { readonly a: number };\n`);
      const run = new Run(["serve", file, "--port", "0", "--threads", "2"]);
      const [, url] = await run.says(/(http:\/\/127\.0\.0\.1:\d+) /);
      const answers = await Promise.all(
        [1, 2, 3, 4].map((q) => getJson<Record<string, unknown>>(`${url}/test?q=${q}`)),
      );
      assert.deepEqual(
        answers.map((answer) => answer["q after"]),
        ["1", "2", "3", "4"],
      );
      run.child.kill("SIGTERM");
      assert.deepEqual(await run.closed, [0, null]);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  test("workers end when the server is killed", async () => {
    const run = new Run(["serve", path.join(apps, "app.js"), "--port", "0"]);
    const [, url] = await run.says(/(http:\/\/127\.0\.0\.1:\d+) /);
    const { pid } = await getJson<{ pid: number }>(`${url}/who`);
    run.child.kill("SIGKILL");
    await run.closed;
    // Its port is free once the worker is gone, too.
    for (;;) {
      try {
        await get(`${url}/who`);
      } catch (error) {
        assert.match(String((error as NodeJS.ErrnoException).code), /ECONNREFUSED|ECONNRESET/);
        break;
      }
    }
    assert.ok(pid > 0);
  });
});
