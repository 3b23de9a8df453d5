/** What does not fit: segments that were changed behind one's back, processes that have ended, things that are closed. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { after, test } from "node:test";
import { isMain } from "heddle";
import {
  BrokenPipeError,
  EOFError,
  FileExistsError,
  FileNotFoundError,
  OSError,
  ProcessDiedError,
  ShutDown,
  ValueError,
} from "heddle/errors";
import {
  Client,
  Event,
  Listener,
  Pipe,
  type PipeConnection,
  Process,
  Queue,
  ShareableList,
  SharedMemory,
} from "heddle/multiprocessing";

const prefix = `heddle_faults_${process.pid}_`;
let names = 0;
const newName = (): string => `${prefix}${names++}`;
const pathOf = (name: string): string => `/dev/shm/${name}`;

after(() => {
  const left = fs.readdirSync("/dev/shm").filter((file) => file.includes(prefix));
  for (const file of left) fs.rmSync(pathOf(file), { recursive: true });
  assert.deepEqual(left, []);
});

/** Has the end of a pipe, and receives nothing. */
function dieWith(end: PipeConnection<string>, up: Event): void {
  up.set();
  new Event().waitSync();
  end.close();
}

async function listen(address: Queue<string>): Promise<void> {
  const listener = await new Listener().listening();
  address.putNowait(String(listener.address));
  await new Event().wait();
}

if (isMain(import.meta)) {
  test("attaching to what is missing, another's, cut off or damaged; a name that exists", () => {
    const name = newName();
    assert.throws(() => new SharedMemory({ name }), FileNotFoundError);
    const shm = new SharedMemory({ name, create: true, size: 4096 });
    shm.buf.fill(0xff);
    assert.throws(() => new SharedMemory({ name, create: true, size: 1 }), FileExistsError);
    assert.throws(() => new ShareableList([1], { name }), FileExistsError);
    assert.ok(
      shm.buf.every((byte) => byte === 0xff),
      "who failed has changed nothing",
    );
    // Not a list: the number of its items makes no sense.
    assert.throws(() => new ShareableList({ name }), ValueError);
    shm.close();
    fs.truncateSync(pathOf(name), 0);
    assert.throws(() => new SharedMemory({ name }), /ValueError: .*is empty: it was not created yet, or cut off/);
    shm.unlink();
    assert.throws(() => new SharedMemory({ name }), FileNotFoundError);
  });

  test("a segment that was cut off on its way is an error where it arrives, not the end of the process", () => {
    const queue = new Queue<SharedMemory>();
    const shm = new SharedMemory({ name: newName(), create: true, size: 100_000 });
    queue.putNowait(shm);
    shm.close();
    fs.truncateSync(pathOf(shm.name), 4096);
    assert.throws(
      () => queue.getNowait(),
      (error: Error) => error instanceof OSError && /was cut off: it has 4096 bytes and had 100000/.test(error.message),
    );
    assert.ok(queue.empty);
    shm.unlink();
  });

  test("sending to a process that has died: a broken pipe at once, also for who waits for room; its queue stays", async () => {
    const [ours, theirs] = Pipe<string>();
    const [queue, up] = [new Queue<number>(), new Event()];
    const child = new Process({ target: dieWith, args: [theirs as PipeConnection<string>, up] }).start();
    theirs.close();
    await up.wait();
    const big = "x".repeat(1_000_000);
    // As much as the pipe holds; the last of them waits.
    const sending = assert.rejects(async () => {
      for (;;) await ours.send(big);
    }, BrokenPipeError);
    queue.putNowait(1);
    child.kill();
    await assert.rejects(child.join(), ProcessDiedError);
    await sending;
    assert.throws(() => ours.sendSync("more"), BrokenPipeError);
    await assert.rejects(ours.recv(), EOFError);
    assert.equal(queue.getNowait(), 1);
    // Nobody is there to be told.
    for (const tell of [() => child.cancel(), () => child.terminate(), () => child.kill()]) tell();
    assert.equal(child.exitcode, -9);
  });

  test("connecting to a listener whose process was killed", async () => {
    const queue = new Queue<string>();
    const child = new Process({ target: listen, args: [queue] }).start();
    const address = await queue.get();
    child.kill();
    await assert.rejects(child.join(), ProcessDiedError);
    await assert.rejects(async () => await Client(address), OSError);
  });

  test("reading after close: segments, lists, pipes, queues, processes", async () => {
    const shm = new SharedMemory({ name: newName(), create: true, size: 10 });
    const view = shm.buf;
    shm.close();
    assert.equal(shm.buf, undefined);
    assert.equal(view[0], 0);
    assert.throws(() => new Queue().putNowait(shm), /is closed/);
    shm.unlink();

    const list = new ShareableList([1, "two"], { name: newName() });
    list.shm.close();
    assert.throws(() => list.at(0), /closed/);
    assert.throws(() => list.set(0, 2), /closed/);
    list.shm.unlink();

    const [one, two] = Pipe();
    one.close();
    two.close();
    for (const use of [() => one.recvSync(), () => one.sendSync(1), () => one.pollSync(), () => one.recvBytesSync()]) {
      assert.throws(use, OSError);
    }
    const queue = new Queue();
    queue.shutdown();
    assert.throws(() => queue.getNowait(), ShutDown);

    const child = new Process().start();
    await child.join();
    child.close();
    for (const use of [() => child.exitcode, () => child.joinSync(), () => child.isAlive, () => child.kill()]) {
      assert.throws(use, ValueError);
    }
  });
}
