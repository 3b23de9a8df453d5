/** A module that cannot be evaluated in the main thread. @module */

import { isMainThread } from "heddle/threading";

if (isMainThread) throw new Error("not for the main thread");

export function onlyHere(): string {
  return "here";
}
