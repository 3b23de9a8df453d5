/** What the tests run in other threads. @module */

import { Context, ContextVar, copyContext } from "heddle/contextvars";

export const user: ContextVar<string> = new ContextVar<string>("user");
export const level: ContextVar<number> = new ContextVar<number>("level", { default: 1 });
/** Two made at one place cannot be told apart in another thread by where they were made. */
export const twins: ContextVar<string>[] = ["twin", "twin"].map((name) => new ContextVar<string>(name));

export function readUser(): string {
  return user.get("unset");
}

export function readAll(): [string, number] {
  return [user.get("unset"), level.get()];
}

/** Sets it in the thread it runs in, and tells what it was. */
export function exchange(value: string): string {
  const before = user.get("unset");
  user.set(value);
  return before;
}

export function isSame(variable: ContextVar<string>): boolean {
  return variable === user;
}

export function inCopy(value: string): [inside: string, outside: string, context: boolean] {
  const context = copyContext();
  const inside = context.run(() => {
    user.set(value);
    return user.get();
  });
  return [inside, user.get("unset"), context instanceof Context];
}
