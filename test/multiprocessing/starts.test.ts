/** Processes and threads that end before they have begun, and programs with many arguments. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isMain } from "heddle";
import { EOFError, ProcessDiedError, RuntimeError, ThreadDiedError } from "heddle/errors";
import { type Connection, Pipe, Process } from "heddle/multiprocessing";
import { Thread } from "heddle/threading";
import { load } from "#atomics";
import { ADDRESS, DOMAIN, type SharedObject } from "../../src/core/handles.ts";
import { OBJECT } from "../../src/core/layout.ts";

export function receive(end: Connection): void {
  end.recvSync();
}

export function lastArguments(n: number): string[] {
  return process.argv.slice(-n);
}

/** Nobody has the other end any more: this one is told, and not only once the object that it was given to is collected. */
async function hangsUp(ours: Connection): Promise<void> {
  await assert.rejects(ours.recv({ timeout: 30_000 }), EOFError);
  ours.close();
}

function referencesTo(object: SharedObject): number {
  return load(object[DOMAIN].memory.words, object[ADDRESS] + OBJECT.references);
}

/** A zombie has ended, though nobody has asked for its exit code. */
function hasEnded(pid: number): boolean {
  try {
    return /^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return true;
  }
}

if (isMain(import.meta)) {
  for (const signal of ["SIGTERM", "SIGINT", "SIGKILL"] as const) {
    test(`a daemon ends with a parent that ${signal} ends`, async () => {
      const conditions = process.execArgv.filter((flag) => flag.startsWith("--cond"));
      const program = fileURLToPath(new URL("./programs/daemon.js", import.meta.url));
      const parent = spawn(process.execPath, [...conditions, program], { stdio: ["ignore", "pipe", "inherit"] });
      const [text] = (await once(parent.stdout.setEncoding("utf8"), "data")) as [string];
      const daemon = Number(text);
      assert.ok(!hasEnded(daemon));
      parent.kill(signal);
      await once(parent, "exit");
      while (!hasEnded(daemon)) await new Promise((resolve) => setImmediate(resolve));
    });
  }

  test("a process that is killed before it has taken its arguments lets go of them", async () => {
    const [ours, theirs] = Pipe();
    const child = new Process({ target: receive, args: [theirs] }).start();
    theirs.close();
    child.kill();
    await assert.rejects(child.join(), ProcessDiedError);
    await hangsUp(ours);
    assert.equal(referencesTo(child), 1);
  });

  test("the same, seen by a parent that blocks", () => {
    const [ours, theirs] = Pipe();
    const child = new Process({ target: receive, args: [theirs] }).start();
    theirs.close();
    child.kill();
    assert.throws(() => child.joinSync(), ProcessDiedError);
    assert.throws(() => ours.recvSync({ timeout: 30_000 }), EOFError);
    assert.equal(referencesTo(child), 1);
  });

  test("a thread that is terminated before it has taken its arguments lets go of them", async () => {
    const [ours, theirs] = Pipe();
    const thread = new Thread({ target: receive, args: [theirs] }).start();
    theirs.close();
    await thread.terminate();
    await assert.rejects(thread.join(), ThreadDiedError);
    await hangsUp(ours);
    assert.equal(referencesTo(thread), 1);
  });

  test("a process that has run to its end has let go of itself", async () => {
    const child = new Process({ target: Math.abs, args: [-3] }).start();
    assert.equal(await child.join(), 3);
    assert.equal(referencesTo(child), 1);
  });

  test("a program with more arguments than the system takes as one text can start processes", async () => {
    const { argv } = process;
    const many = Array.from({ length: 3000 }, (_, i) => `${i}-ä€😀\u2028"\\-${"x".repeat(50)}`);
    process.argv = [...argv, ...many];
    try {
      const child = new Process({ target: lastArguments, args: [many.length] }).start();
      assert.deepEqual(await child.join(), many);
    } finally {
      process.argv = argv;
    }
  });

  test("an environment that the system refuses is an error at the call, after which it can be tried again", async () => {
    const child = new Process({ target: Math.abs, args: [-3] });
    process.env["HEDDLE_TEST_LARGE"] = "x".repeat(200_000);
    try {
      assert.throws(
        () => child.start(),
        (error) => error instanceof RuntimeError && /E2BIG/.test(String(error.cause)),
      );
    } finally {
      delete process.env["HEDDLE_TEST_LARGE"];
    }
    assert.deepEqual([child.pid, referencesTo(child)], [undefined, 1]);
    assert.equal(await child.start().join(), 3);
  });
}
