/** What the tests of asyncio run in other threads. @module */

import { currentTask, getRunningLoop, type EventLoop, runCoroutineThreadsafe, sleep } from "heddle/asyncio";
import { ContextVar, copyContext } from "heddle/contextvars";
import { type Barrier, currentThread, type Event, getIdent } from "heddle/threading";
import type { Queue } from "heddle/queue";

export const user: ContextVar<string> = new ContextVar<string>("user", { default: "nobody" });
export const odd: ContextVar<unknown> = new ContextVar<unknown>("odd", { default: "nothing" });

export function readUser(): string {
  return user.get();
}

export function readOdd(): string {
  try {
    return String(odd.get());
  } catch (error) {
    return (error as Error).message;
  }
}

export function meet(barrier: Barrier): string {
  barrier.waitSync();
  return currentThread().name;
}

export function fail(): never {
  throw new RangeError("there");
}

/** On the loop: tells where it runs, and what it sees. */
export async function answer(question: string): Promise<[string, number, string, boolean]> {
  await sleep(1);
  return [`${question}!`, getIdent(), user.get(), currentTask() !== undefined];
}

export async function hang(began: Event, told: Queue<string>): Promise<void> {
  began.set();
  try {
    await sleep(600_000);
  } catch (error) {
    told.putNowait((error as Error).name);
    throw error;
  }
}

/** In a thread: asks the loop, blocking. */
export function askBlocking(loop: EventLoop, question: string): unknown {
  user.set("asker");
  return runCoroutineThreadsafe(answer, loop, question).resultSync();
}

export async function ask(loop: EventLoop, question: string): Promise<unknown> {
  const offset = 1;
  const sum = await runCoroutineThreadsafe((n: number) => n + offset, loop, 1);
  return [sum, ...(await runCoroutineThreadsafe(answer, loop, question))];
}

export async function askAndCancel(loop: EventLoop, began: Event, told: Queue<string>): Promise<unknown> {
  const future = runCoroutineThreadsafe(hang, loop, began, told);
  await began.wait();
  return [future.cancel(), future.cancelled, await told.get()];
}

export async function askFor(loop: EventLoop, what: "error" | "unsendable"): Promise<string> {
  const fn = what === "error" ? fail : () => new WeakMap() as unknown;
  try {
    await runCoroutineThreadsafe(fn as () => unknown, loop);
    return "nothing";
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

/** A thread that gives its loop away, and ends when told. */
export async function serve(loops: Queue<EventLoop>, end: Event): Promise<void> {
  loops.putNowait(getRunningLoop());
  await end.wait();
}

/** The function's module cannot be evaluated in the main thread. */
export async function askForWhatIsOnlyHere(loop: EventLoop): Promise<string> {
  const { onlyHere } = await import("./programs/only-in-threads.ts");
  try {
    return String(await runCoroutineThreadsafe(onlyHere, loop));
  } catch (error) {
    return (error as Error).message;
  }
}

/** A variable that comes before its module does. */
export async function meetLate(variable: ContextVar<string>): Promise<unknown[]> {
  variable.set("set early");
  const { late } = await import("./programs/late.ts");
  const seen = late.get("unset");
  late.set("set late");
  return [seen, variable.get(), copyContext().size];
}
