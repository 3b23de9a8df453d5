/**
 * Calls from other threads onto an event loop.
 *
 * ```
 *   runCoroutineThreadsafe ──request──► queue of the loop ──► a task there ──reply──► future here
 *                                        └ the doorbell of its thread rings
 * ```
 * @module
 */

import { currentScope, runInScope } from "#context";
import { copyContext } from "../contextvars/context.ts";
import { type PackedContext, packContext, runInPacked } from "../contextvars/packed.ts";
import { type Deadline, describe, now } from "../core/deadline.ts";
import { ADDRESS } from "../core/handles.ts";
import { packThrown, unpack } from "../core/messages.ts";
import { memory, parker } from "../core/program.ts";
import { recordOf } from "../core/raw/threads.ts";
import { ring } from "../core/raw/wait-list.ts";
import { type CancelledError, DeadlockError, NotSendableError, ThreadDiedError } from "../errors.ts";
import { Future, type FutureSource } from "../futures/future.ts";
import { SimpleQueue } from "../queue/simple-queue.ts";
import { currentThread } from "../threading/current.ts";
import { Event } from "../threading/event.ts";
import { JOIN_WAIT } from "../threading/outcome.ts";
import type { Thread } from "../threading/thread.ts";
import { errorOf } from "./awaitable.ts";
import { createTask, type Task } from "./task.ts";

interface Call {
  readonly fn: (...args: never[]) => unknown;
  readonly args: readonly unknown[];
  readonly context: PackedContext;
}

/** `done` is set once the outcome is in `outcome`; the handle of `done` also names the call. */
interface Reply {
  readonly done: Event;
  readonly outcome: SimpleQueue<Outcome>;
}

/** The call comes in a queue of its own: if it cannot be taken in, where to say so is known all the same. */
interface Request {
  readonly call: SimpleQueue<Call>;
  readonly reply: Reply;
}

interface Outcome {
  readonly value?: unknown;
  readonly error?: unknown;
  readonly kind: "value" | "error" | "cancelled";
}

/**
 * The event loop of a thread, for whoever wants to run something on it from another thread: {@link getRunningLoop} gives
 * it, and it can be sent anywhere.
 */
export class EventLoop {
  /** The thread that it is the event loop of. */
  readonly thread: Thread;
  readonly requests: SimpleQueue<unknown>;

  /** {@link getRunningLoop} makes them. */
  constructor(thread: Thread, requests: SimpleQueue<unknown>) {
    this.thread = thread;
    this.requests = requests;
  }

  toString(): string {
    return `<EventLoop of ${this.thread.name}>`;
  }
}

let own: EventLoop | undefined;
let isServing = false;
/** What runs here for others, by the event that tells them that it is done. */
const running: Map<Event, Task<unknown>> = new Map();

/** The event loop of the calling thread. From then on, it takes calls of other threads. */
export function getRunningLoop(): EventLoop {
  if (own === undefined) {
    const loop = (own = new EventLoop(currentThread(), new SimpleQueue<unknown>()));
    // For no task in particular, whoever asks first.
    const look = (): void =>
      runInScope({ ...currentScope(), context: undefined, task: undefined }, () => void serve(loop));
    parker.onRing.add(look);
    parker.arm();
  }
  return own;
}

async function serve({ requests }: EventLoop): Promise<void> {
  if (isServing) return;
  isServing = true;
  try {
    // The only one that gets: what is there is there for it, once the modules it needs are loaded.
    while (!requests.empty) {
      const request = (await requests.get()) as Request | { readonly cancel: Event };
      if (!("cancel" in request)) void begin(request);
      else if (running.has(request.cancel)) running.get(request.cancel)!.cancel();
      else cancelled.add(request.cancel);
    }
  } finally {
    isServing = false;
  }
}

/** Cancelled before they began. */
const cancelled: WeakSet<Event> = new WeakSet();

async function begin({ call, reply }: Request): Promise<void> {
  let taken: Call;
  try {
    // What it needs is imported first, which may fail.
    taken = await call.get();
  } catch (error) {
    reply.outcome.putNowait({ kind: "error", error: unpack(packThrown(error)) });
    reply.done.set();
    return;
  }
  const { fn, args, context } = taken;
  const task = runInPacked(context, () => createTask(() => fn(...(args as never[]))));
  if (cancelled.has(reply.done)) task.cancel();
  running.set(reply.done, task);
  task.addDoneCallback(() => {
    running.delete(reply.done);
    answer(reply, task);
  });
}

function answer({ done, outcome }: Reply, task: Task<unknown>): void {
  const error = errorOf(task as Task);
  try {
    if (task.cancelled) outcome.putNowait({ kind: "cancelled", error });
    else if (error !== undefined) outcome.putNowait({ kind: "error", error: unpack(packThrown(error)) });
    else outcome.putNowait({ kind: "value", value: task.resultSync() });
  } catch (unsendable) {
    outcome.putNowait({ kind: "error", error: unsendable });
  }
  done.set();
}

/**
 * Runs `fn(...args)` as a task on the event loop of another thread, and gives a future for it here.
 *
 * ```ts
 * // on the loop, and sent to the thread
 * const loop = getRunningLoop();
 * // in the thread
 * const answer = runCoroutineThreadsafe(ask, loop, "name").resultSync();
 * ```
 *
 * The function is sent as to any thread, and so are its arguments and its result. It sees the values of the caller's
 * context variables, as far as they can be sent.
 *
 * **Blocking.** `await` the future, or block by `resultSync()`; in the loop's own thread that is a `DeadlockError`.
 *
 * **Cancellation.** `cancel()` cancels the task. If the loop's thread ends, so does the future, with `ThreadDiedError`.
 *
 * **Differs from Python.** Takes a function, since there are no coroutine objects. The loop of a pool's worker only takes
 * calls while it runs something.
 */
export function runCoroutineThreadsafe<A extends unknown[], R>(
  fn: (...args: A) => R,
  loop: EventLoop,
  ...args: A
): Future<Awaited<R>> {
  if (typeof fn !== "function") {
    throw new TypeError(`runCoroutineThreadsafe takes a function, a loop and arguments, not ${describe(fn)}`);
  }
  if (!(loop instanceof EventLoop)) {
    throw new TypeError(`runCoroutineThreadsafe needs the loop that getRunningLoop() gave, not ${describe(loop)}`);
  }
  const reply: Reply = { done: new Event(), outcome: new SimpleQueue<Outcome>() };
  const call = new SimpleQueue<Call>();
  try {
    call.putNowait({ fn, args, context: packContext(copyContext(), { lenient: true }) } as Call);
  } catch (error) {
    if (error instanceof NotSendableError) error.message = error.message.replace(/^item\./, "");
    throw error;
  }
  const source = new LoopSource(loop, reply);
  const future = new Future<Awaited<R>>(source);
  loop.requests.putNowait({ call, reply });
  ringLoop(loop);
  // Not a wait of the task that calls.
  runInScope({ ...currentScope(), task: undefined }, () => void source.follow(future as Future));
  return future;
}

function ringLoop({ thread }: EventLoop): void {
  if (thread.isAlive && thread.ident !== undefined) ring(memory, recordOf(memory, thread.ident));
}

/** A blocked wait looks so often whether the loop's thread is still there. Milliseconds. */
const LOOK_EVERY = 100;

class LoopSource implements FutureSource {
  readonly #loop: EventLoop;
  readonly #reply: Reply;
  #future: Future | undefined;

  constructor(loop: EventLoop, reply: Reply) {
    this.#loop = loop;
    this.#reply = reply;
  }

  cancel(): boolean {
    this.#loop.requests.putNowait({ cancel: this.#reply.done });
    ringLoop(this.#loop);
    return true;
  }

  isRunning(): boolean {
    return false;
  }

  /** Settles the future when there is an answer, or can be none. */
  async follow(future: Future): Promise<void> {
    this.#future = future;
    const { thread } = this.#loop;
    const over = new AbortController();
    const options = { signal: over.signal };
    const ended = parker.wait(JOIN_WAIT, thread[ADDRESS], thread, Infinity, over.signal);
    const done = this.#reply.done.wait(options);
    future.addDoneCallback(() => over.abort());
    try {
      await Promise.race([done, ended]);
      // Whoever blocked for it has taken the answer.
      if (future.done) return;
      if (this.#reply.done.isSet) this.#settle(await this.#reply.outcome.get());
      else this.#settle(this.#lost());
    } catch (error) {
      // The future was settled otherwise; or this thread is cancelled, and with it all its waits.
      if (!future.done) future.setException(error);
    } finally {
      over.abort();
      await Promise.allSettled([done, ended]);
    }
  }

  block(deadline: Deadline, signal: AbortSignal | undefined): boolean {
    const { thread } = this.#loop;
    if (thread.ident === memory.self) {
      throw new DeadlockError(
        "This would wait for the event loop of its own thread, which it blocks. await the future.",
      );
    }
    const { done, outcome } = this.#reply;
    for (;;) {
      const left = Math.min(LOOK_EVERY, Math.max(0, deadline - now()));
      const options = { timeout: left, ...(signal && { signal }) };
      if (done.waitSync(options)) this.#settle(outcome.getNowait());
      else if (!thread.isAlive) this.#settle(done.isSet ? outcome.getNowait() : this.#lost());
      else if (now() < deadline) continue;
      else return false;
      return true;
    }
  }

  #lost(): Outcome {
    return {
      kind: "error",
      error: new ThreadDiedError(`The thread of ${String(this.#loop)} ended before this was done`),
    };
  }

  #settle(outcome: Outcome): void {
    const future = this.#future!;
    if (future.done) return;
    if (outcome.kind === "value") future.setResult(outcome.value);
    else if (outcome.kind === "cancelled") Future.markCancelled(future, outcome.error as CancelledError);
    else future.setException(outcome.error);
  }
}
