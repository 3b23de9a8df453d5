/** What the tests of locals run in other threads. @module */

import { Local, LocalStack } from "heddle/local";
import type { Barrier } from "heddle/threading";

export interface Attributes {
  num: number;
  name: string;
}

export const local: Local<Attributes> = new Local<Attributes>();
export const stack: LocalStack<number> = new LocalStack<number>();
export const topOfStack: number = stack.proxy();

let calls = 0;
/** Begins, wherever it is used, with what the function gives. */
export const counted: { call: number; items: string[] } & Iterable<unknown> = new Local(() => ({
  call: ++calls,
  items: [] as string[],
}));

export function readNum(): number | undefined {
  return local.num;
}

/** Sets it, waits until all others have, and tells what it is. */
export function setAndRead(barrier: Barrier, num: number): number | undefined {
  local.num = num;
  barrier.waitSync();
  return local.num;
}

export function useCounted(): [call: number, items: string[], calls: number] {
  counted.items.push("x");
  return [counted.call, counted.items, calls];
}

export function pushAndRead(): [before: number | undefined, after: number | undefined] {
  const before = stack.top;
  stack.push(2);
  return [before, stack.top];
}
