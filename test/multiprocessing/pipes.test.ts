/** Pipes and listeners when processes are killed. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isMain } from "heddle";
import { BrokenPipeError, EOFError } from "heddle/errors";
import { connectionWait, Listener, Pipe, Process, Queue } from "heddle/multiprocessing";
import { count, echo, waitForEver } from "./programs/pipe-work.ts";

const program = fileURLToPath(new URL("./programs/pipe-work.js", import.meta.url));
const conditions = process.execArgv.filter((flag) => flag.startsWith("--cond"));

const seed = Number(process.env["HEDDLE_SEED"] ?? Date.now() % 1_000_000);
let state = seed;
function random(below: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return (state >>> 8) % below;
}

interface Mortal {
  readonly exitcode: number | undefined;
  kill(): void;
  join(): Promise<unknown>;
}

async function killed(child: Mortal): Promise<void> {
  child.kill();
  await child.join().catch(() => undefined);
  assert.equal(child.exitcode, -9);
}

if (isMain(import.meta)) {
  test("a sender that is killed: what it sent arrives whole and in order, then the end", async (t) => {
    t.diagnostic(`HEDDLE_SEED=${seed}`);
    for (let round = 0; round < 4; round++) {
      const [reader, writer] = Pipe<{ i: number; filler: string }>({ duplex: false });
      const child = new Process({ target: count, args: [writer] }).start();
      writer.close();
      const most = random(3000);
      let next = 0;
      for (; next < most; next++) {
        const { i, filler } = await reader.recv();
        assert.equal(i, next);
        assert.equal(filler.length, i % 50);
      }
      await killed(child);
      await assert.rejects(async () => {
        for (; ; next++) assert.equal((await reader.recv()).i, next);
      }, EOFError);
      reader.close();
    }
  });

  test("a partner that is killed in the middle of a conversation", async (t) => {
    t.diagnostic(`HEDDLE_SEED=${seed}`);
    for (let round = 0; round < 4; round++) {
      const [ours, theirs] = Pipe();
      const child = new Process({ target: echo, args: [theirs] }).start();
      theirs.close();
      for (let i = random(500); i > 0; i--) {
        await ours.send(i);
        assert.equal(await ours.recv(), i);
      }
      const ended = assert.rejects(
        async () => {
          for (let i = 0; ; i++) {
            await ours.send(i);
            await ours.recv();
          }
        },
        (error) => error instanceof EOFError || error instanceof BrokenPipeError,
      );
      await killed(child);
      await ended;
      assert.equal(await ours.poll(), true);
      assert.throws(() => ours.recvSync(), EOFError);
      assert.throws(() => ours.sendSync(1), BrokenPipeError);
      ours.close();
    }
  });

  test("one who is blocked is told too", async () => {
    const [ours, theirs] = Pipe();
    const child = new Process({ target: waitForEver, args: [theirs] }).start();
    theirs.close();
    assert.equal(ours.recvSync(), "ready");
    process.kill(child.pid!, "SIGKILL");
    // Its parent is blocked meanwhile, and finds out by itself.
    assert.throws(() => ours.recvSync({ timeout: 20_000 }), EOFError);
    await child.join().catch(() => undefined);
  });

  test("connectionWait: pipes and sentinels together", async () => {
    const [ours, theirs] = Pipe();
    const child = new Process({ target: waitForEver, args: [theirs] }).start();
    const { sentinel } = child;
    assert.deepEqual(await connectionWait([sentinel, ours]), [ours]);
    assert.equal(await ours.recv(), "ready");
    assert.deepEqual(await connectionWait([sentinel, ours], { timeout: 20 }), []);
    const waiting = connectionWait([sentinel, ours]);
    await killed(child);
    assert.deepEqual(await waiting, [sentinel]);
    theirs.close();
    assert.deepEqual(await connectionWait([ours, sentinel]), [ours, sentinel]);
  });

  test("an end that waits in a queue nobody reads is closed with it", async () => {
    const [ours, theirs] = Pipe();
    const queue = new Queue();
    await queue.put(theirs);
    theirs.close();
    assert.equal(ours.pollSync(), false);
    queue.shutdown({ immediate: true });
    await assert.rejects(ours.recv(), EOFError);
  });

  test("what a killed listener leaves is removed by the next one", async () => {
    const child = spawn(process.execPath, [...conditions, program], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
    const address = line.trim();
    assert.ok(fs.existsSync(address));
    assert.equal(fs.statSync(path.dirname(address)).mode & 0o777, 0o700);
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.ok(fs.existsSync(address));
    const next = await new Listener().listening();
    assert.equal(fs.existsSync(path.dirname(address)), false);
    const own = String(next.address);
    assert.ok(fs.existsSync(own));
    next.close();
    assert.equal(fs.existsSync(own), false);
  });
}
