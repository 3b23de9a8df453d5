import { isMainThread } from "node:worker_threads";

if (!isMainThread) throw new TypeError("this module cannot be loaded here");

export function fn(): string {
  return "never";
}
