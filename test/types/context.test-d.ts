import { ContextVar, copyContext, type Token } from "heddle/contextvars";
import { getCurrentObject, Local, LocalProxy, localProxy, LocalStack, releaseLocal } from "heddle/local";
import {
  type EventLoop,
  createTask,
  gather,
  runCoroutineThreadsafe,
  sleep,
  type Task,
  TaskGroup,
  timeout,
  toThread,
  waitFor,
} from "heddle/asyncio";
import type { Future } from "heddle/futures";
import { Thread } from "heddle/threading";
import { expect, type Equal, type Extends } from "./expect.ts";

const user = new ContextVar<string>("user");
const level = new ContextVar("level", { default: 1 });
expect<Equal<ReturnType<typeof user.set>, Token<string>>>();
expect<Equal<typeof level, ContextVar<number>>>();
const name: string = user.get();
const maybe = user.get(undefined);
expect<Equal<typeof maybe, string | undefined>>();
// @ts-expect-error -- of another type
user.set(1);
// @ts-expect-error -- the token of another variable
user.reset(level.set(2));
// @ts-expect-error -- a variable needs a name
new ContextVar<string>();
const context = copyContext();
const inContext = context.run((a: number, b: string) => `${a}${b}`, 1, "x");
expect<Equal<typeof inContext, string>>();
// @ts-expect-error -- the arguments are the function's
context.run((a: number) => a, "x");
const level2 = context.get(level);
expect<Equal<typeof level2, number | undefined>>();
new Thread({ target: () => name, context });
// @ts-expect-error -- a context, not its values
new Thread({ target: () => name, context: { user: "ada" } });

// An attribute may be missing; one that there is from the start may not.
const local = new Local<{ num: number; name: string }>();
expect<Equal<typeof local.num, number | undefined>>();
local.num = 1;
// @ts-expect-error -- of another type
local.num = "1";
// @ts-expect-error -- no such attribute
local.other = 1;
delete local.name;
for (const [key, value] of local) {
  expect<Equal<typeof key, "num" | "name">>();
  expect<Extends<typeof value, string | number | undefined>>();
}
const begun = new Local(() => ({ items: [] as string[] }));
expect<Equal<typeof begun.items, string[]>>();
const anything = new Local();
anything["whatever"] = 1;
expect<Equal<(typeof anything)["whatever"], unknown>>();
releaseLocal(local);
releaseLocal(begun);
class Session extends Local<{ id: string }> {
  label(): string {
    return "session";
  }
}
const session = new Session();
expect<Equal<typeof session.id, string | undefined>>();
expect<Equal<ReturnType<typeof session.label>, string>>();

const stack = new LocalStack<{ path: string }>();
const top = stack.top;
expect<Equal<typeof top, { path: string } | undefined>>();
const request = stack.proxy();
expect<Equal<typeof request, { path: string }>>();
const path = stack.proxy("path");
expect<Equal<typeof path, string>>();
const num = localProxy(local, "num");
expect<Equal<typeof num, number>>();
const made = new LocalProxy(() => stack.top);
expect<Equal<typeof made, { path: string }>>();
const current = getCurrentObject(request);
expect<Equal<typeof current, { path: string }>>();
// @ts-expect-error -- no such property
stack.proxy("other");
// @ts-expect-error -- no such attribute
localProxy(local, "other");
// @ts-expect-error -- a Local needs a name
localProxy<number>(local);

const task = createTask(async () => 1);
expect<Equal<typeof task, Task<number>>>();
expect<Extends<typeof task, Future<number>>>();
const both = gather(
  () => 1,
  createTask(() => "x"),
  Promise.resolve(true),
);
expect<Equal<typeof both, Future<[number, string, boolean]>>>();
const listed = gather([task, task]);
expect<Equal<typeof listed, Future<number[]>>>();
const mixed = gather([task], { returnExceptions: true });
expect<Equal<typeof mixed, Future<(number | Error)[]>>>();
const waited = waitFor(async () => "x", 10);
expect<Equal<typeof waited, Promise<string>>>();
const slept = sleep(1, "x");
expect<Equal<typeof slept, Promise<string>>>();
const limited = timeout(10, async (scope) => scope.expired);
expect<Equal<typeof limited, Promise<boolean>>>();
const grouped = TaskGroup.run((group) => group.createTask(() => 1));
expect<Equal<typeof grouped, Promise<number>>>();
const threaded = toThread(async (n: number) => `${n}`, 1);
expect<Equal<typeof threaded, Promise<string>>>();
declare const loop: EventLoop;
const called = runCoroutineThreadsafe(async (n: number) => n, loop, 1);
expect<Equal<typeof called, Future<number>>>();
// @ts-expect-error -- a promise has begun already
createTask(sleep(1));
// @ts-expect-error -- the argument is missing
void toThread((n: number) => n);
// @ts-expect-error -- the argument is of another type
runCoroutineThreadsafe((n: number) => n, loop, "1");
