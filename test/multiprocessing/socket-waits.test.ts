/** Waits for sockets that end because their thread, process or task is cancelled; and sends that do not wait. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { isMain } from "heddle";
import { createTask } from "heddle/asyncio";
import { CancelledError, TimeoutError } from "heddle/errors";
import { ThreadPoolExecutor } from "heddle/futures";
import { type Address, Client, type Connection, connectionWait, Listener, Process } from "heddle/multiprocessing";
import { Thread } from "heddle/threading";

type Wait = "recv" | "poll" | "send" | "accept" | "connectionWait";
const WAITS: Wait[] = ["recv", "poll", "send", "accept", "connectionWait"];
const LARGE = new Uint8Array(32 * 2 ** 20);

function waitAt(connection: Connection, wait: Wait): Promise<unknown> {
  switch (wait) {
    case "recv":
      return connection.recv();
    case "poll":
      return connection.poll({ timeout: 600_000 });
    case "send":
      return connection.sendBytes(LARGE);
    case "accept":
      return new Listener().accept();
    case "connectionWait":
      return connectionWait([connection]);
  }
}

/** Says that it is there, and waits. What ends the wait is what it returns. */
export async function waitThere(address: Address, wait: Wait): Promise<string> {
  using connection = await Client(address);
  await connection.send("here");
  return await waitAt(connection, wait).then(
    () => "nothing",
    (error: Error) => error.name,
  );
}

/** Where it listened, and which thread of the system it was. */
export async function listenOnce(): Promise<[address: string, osThread: string]> {
  using listener = await new Listener().listening();
  return [String(listener.address), fs.readlinkSync("/proc/thread-self")];
}

if (isMain(import.meta)) {
  const listener = await new Listener().listening();

  const arrived = async (): Promise<Connection> => {
    const connection = await listener.accept();
    assert.equal(await connection.recv(), "here");
    return connection;
  };

  for (const wait of WAITS) {
    test(`${wait}: in a thread that is cancelled`, async () => {
      const thread = new Thread({ target: waitThere, args: [listener.address, wait] }).start();
      using _ = await arrived();
      thread.cancel();
      assert.equal(await thread.join(), "CancelledError");
    });

    test(`${wait}: in a task of a pool that is cancelled, after which the worker waits as before`, async () => {
      await using pool = new ThreadPoolExecutor({ maxWorkers: 1 });
      const cancelled = pool.submit(waitThere, listener.address, wait);
      using _ = await arrived();
      cancelled.cancel();
      assert.equal(await cancelled, "CancelledError");
      const next = pool.submit(waitThere, listener.address, "recv");
      using connection = await arrived();
      await connection.send("answer");
      assert.equal(await next, "nothing");
    });

    test(`${wait}: in a task of the event loop that is cancelled`, async () => {
      const client = Client(listener.address);
      using connection = await listener.accept();
      using other = await client;
      const task = createTask(() => waitAt(connection, wait));
      await new Promise((resolve) => setImmediate(resolve));
      task.cancel("enough");
      await assert.rejects(
        async () => await task,
        (error) => error instanceof CancelledError && error.message === "enough",
      );
      // It has taken nothing with it.
      if (wait === "send") return;
      await other.send("for the next");
      assert.equal(await connection.recv(), "for the next");
    });
  }

  test("a thread that has listened and ends leaves the listeners of others where they are", async () => {
    const [address, osThread] = await new Thread({ target: listenOnce }).start().join();
    while (fs.existsSync(`/proc/${osThread}`)) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(!fs.existsSync(address));
    assert.ok(fs.existsSync(String(listener.address)));
  });

  test("recv: in a process that is cancelled", async () => {
    const child = new Process({ target: waitThere, args: [listener.address, "recv"] }).start();
    using _ = await arrived();
    child.cancel();
    assert.equal(await child.join(), "CancelledError");
  });

  test("send with timeout 0: done if the system takes it, else TimeoutError", async () => {
    const client = Client(listener.address);
    using connection = await listener.accept();
    using other = await client;
    await connection.send("small", { timeout: 0 });
    await assert.rejects(connection.sendBytes(LARGE, { timeout: 0 }), TimeoutError);
    assert.equal(await other.recv(), "small");
    assert.equal((await other.recvBytes()).length, LARGE.length);
    await connection.send("small", { timeout: 0 });
    assert.equal(await other.recv(), "small");
  });
}
