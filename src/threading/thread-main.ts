/**
 * What a thread's worker does: it takes up its object, runs it, and leaves the outcome.
 *
 * @module
 */

import { host } from "#host";
import { load, store } from "#atomics";
import { type PackedContext, runInPacked } from "../contextvars/packed.ts";
import { attach, setTypeLoader } from "../core/handles.ts";
import { ENDED, RECORD, THREAD } from "../core/layout.ts";
import { pack, packThrown, prepare, unpack } from "../core/messages.ts";
import { platform } from "../core/platform.ts";
import { memory, parker } from "../core/program.ts";
import { announceDeath } from "../core/reaper.ts";
import { ThreadDiedError } from "../errors.ts";
import { setCurrentThread } from "./current.ts";
import { threadKinds } from "./kinds.ts";
import { commit, fieldsOf, hasOutcome } from "./outcome.ts";
import { threadRole } from "./role.ts";
import { Thread } from "./thread.ts";

/** The event loop had nothing left to do, so an exit that follows is not the thread's own doing. */
let ranDry = false;

async function runThread(): Promise<void> {
  const object = load(memory.words, memory.record + RECORD.object);
  host.onIdle(() => {
    ranDry = true;
  });
  host.enterThread({
    uncaught: (error) => fail(object, error),
    exit: (code) => exit(object, code),
  });
  let thread: Thread;
  let context: PackedContext | undefined;
  try {
    [thread, context] = await takeUp(object);
  } catch (error) {
    fail(object, error);
    return;
  }
  parker.arm();
  try {
    thread.signal.throwIfAborted();
    succeed(object, thread, await (context === undefined ? thread.run() : runInPacked(context, () => thread.run())));
  } catch (error) {
    fail(object, error);
  }
}

/**
 * The thread's object as it was where it was started: its class, its fields, its target and arguments; and the context to
 * run it in, if it was given one.
 */
async function takeUp(object: number): Promise<[Thread, PackedContext | undefined]> {
  while (load(memory.words, object + THREAD.packed) === 0) memory.wait(object + THREAD.packed, 0);
  const words = [THREAD.class, THREAD.state, THREAD.target, THREAD.args, THREAD.context];
  const messages = words.map((word) => load(memory.words, object + word));
  for (const message of messages) if (message !== 0) await prepare(message);
  const [constructor, state, target, args, context] = words.map((word, i) => {
    store(memory.words, object + word, 0);
    return messages[i] === 0 ? undefined : unpack(messages[i]!);
  });
  const kind = typeof constructor === "string" ? threadKinds.named(constructor) : undefined;
  // The constructor of a user's class ran where the thread was made; here only its base does.
  const make = (): Thread => Reflect.construct(Thread, [], (constructor ?? Thread) as Function) as Thread;
  store(memory.words, memory.record + RECORD.owed, 0);
  const thread = attach(object, kind?.make ?? make) as Thread;
  Thread.equip(thread, target as never, args as unknown[] | undefined);
  if (kind !== undefined) kind.restore(thread, state);
  else Object.assign(thread, state);
  setCurrentThread(thread);
  platform.onCancel = () => Thread.cancelled(thread);
  return [thread, context as PackedContext | undefined];
}

function succeed(object: number, thread: Thread, value: unknown): void {
  if (hasOutcome(object)) return;
  const fields = fieldsOf(thread);
  const packedFields = Object.keys(fields).length > 0 ? pack(fields, "this") : 0;
  commit(object, ENDED.returned, value === undefined ? 0 : pack(value, "result"), packedFields);
}

/** An error ends the thread: nobody must wait for a lock that it held. */
function fail(object: number, error: unknown): void {
  if (hasOutcome(object)) return;
  announceDeath(memory, memory.self);
  commit(object, ENDED.threw, packThrown(error));
}

/** The worker ends, by `process.exit` or because nothing is left that could go on. */
function exit(object: number, exitCode: number): void {
  if (hasOutcome(object)) return;
  fail(
    object,
    ranDry
      ? new ThreadDiedError(
          "The thread waits for a promise that nothing can settle any more: its event loop is empty",
          {
            exitCode,
          },
        )
      : new ThreadDiedError(`The thread called process.exit(${exitCode})`, { exitCode, exited: true }),
  );
}

// Among heddle's own files a worker begins with entry.ts, or with the file of the package's build that this is part of. In
// a program's bundle there is but one file.
const [, folder, source, type] =
  /^(.*\/)(?:(threading\/thread-main)|(?<=\/dist\/lib\/)[\w-]+)\.(js|ts)$/.exec(import.meta.url) ?? [];
threadRole.url = source === undefined ? import.meta.url : `${folder}entry.${type}`;
if (folder !== undefined) threadRole.whole = folder + (source === undefined ? "heddle.js" : `whole.${type}`);
host.registerRole(threadRole.name, runThread);
// What was made in a thread that had loaded more than this one.
setTypeLoader(() => {
  if (threadRole.whole !== "") host.loadSync(threadRole.whole);
});
